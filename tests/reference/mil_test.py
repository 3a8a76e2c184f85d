#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models of slides against PyTorch: gradients and losses of each model, whole and in blocks, and what they predict."""
import json

import h5py
import numpy as np
import torch
import torch.nn.functional as F

import mil_training
from mil_training import DIMENSIONS, MilTest, Slide


class Mil(MilTest):
    def test_models_whole_and_in_blocks(self):
        loss_of = lambda slide, x, label, _: F.cross_entropy(slide(x)[None], torch.tensor([label]))
        self.check_all({f"{kind}_{block}": (kind, loss_of, {"block": block})
                        for kind in ("attention", "gated_attention", "mean", "max") for block in (4096, 7)})

    def test_clam_sb(self):
        def loss_of(subtyping):
            return lambda slide, x, label, _: (0.6 * F.cross_entropy(slide(x)[None], torch.tensor([label]))
                                               + 0.4 * slide.instance_loss(label, 5, subtyping))

        self.check_all({f"clam{subtyping}{block}": ("clam_sb", loss_of(subtyping), {
            "block": block, "options": f", bag_weight: 0.6, k_sample: 5, subtyping: {str(subtyping).lower()}"})
            for subtyping in (False, True) for block in (4096, 7)})

    def test_class_weights_weigh_slides(self):
        """A mean over one slide, divided by its weight again, would forget them."""
        weights = torch.tensor([1.0, 5.0, 0.5])
        self.check("weights", "gated_attention", options=", class_weights: [1, 5, 0.5]",
                   loss_of=lambda slide, x, label, _: weights[label] * F.cross_entropy(slide(x)[None], torch.tensor([label])))

    def test_predictions_are_those_of_the_best_epoch(self):
        self.train("said", 4, "block_tiles: 7, metric: loss, label_smoothing: 0.1")
        rows = self.table("said/fold_0/metrics.csv")
        best = torch.load(self.folder / "said/fold_0/best.pt")
        slide = Slide("gated_attention", 3)
        slide.load_state_dict(best["model"])
        losses, right = [], []
        for row in self.said("said"):
            x, label, _ = self.bags[row["slide"]]
            expected = torch.softmax(slide(x), 0).detach().numpy()
            found = [float(row[f"probability_{c}"]) for c in "abc"]
            np.testing.assert_allclose(found, expected, atol=1e-5)
            self.assertEqual((row["label"], row["prediction"]), ("abc"[label], "abc"[int(expected.argmax())]))
            losses.append(-np.log(expected[label]))
            right.append(expected.argmax() == label)
        self.assertAlmostEqual(min(float(row["loss"]) for row in rows), np.mean(losses), delta=1e-5)
        metrics = json.loads((self.folder / "said/metrics.json").read_text())["folds"][0]["val"]
        self.assertAlmostEqual(metrics["accuracy"]["value"], np.mean(right))

    def test_the_average_of_weights_is_what_says_something(self):
        """Of three steps, an epoch each; trained weights are those of a training without an average."""
        options = "model: mean, metric: loss, patience: 99"
        self.run_graph(self.training("average", 3, f"{options}, ema: 0.6")
                       + "".join(self.training(f"plain{epochs}", epochs, options) for epochs in (1, 2, 3)))
        trained = [self.trained(f"plain{epochs}")[0] for epochs in (1, 2, 3)]
        model, _ = self.trained("average")
        last = torch.load(self.folder / "average/fold_0/last.pt")["trained"]
        best = torch.load(self.folder / "average/fold_0/best.pt")["model"]
        for name, tensor in model.items():
            torch.testing.assert_close(last[name], trained[2][name], rtol=0, atol=0)
            torch.testing.assert_close(tensor, 0.6 * (0.6 * trained[0][name] + 0.4 * trained[1][name]) + 0.4 * trained[2][name])
        slide = Slide("mean", 3)
        slide.load_state_dict(best)
        for row in self.said("average"):
            expected = torch.softmax(slide(self.bags[row["slide"]][0]), 0).detach().numpy()
            np.testing.assert_allclose([float(row[f"probability_{c}"]) for c in "abc"], expected, atol=1e-5)

    def test_pooling_is_not_in_half_precision(self):
        """In evaluation as in training: torch's autocast around what each tile goes through, and the last layer."""
        self.train("half_said", 2, "metric: loss, precision: bf16")
        slide = Slide("gated_attention", 3)
        slide.load_state_dict(torch.load(self.folder / "half_said/fold_0/best.pt")["model"])
        for row in self.said("half_said"):
            with torch.no_grad():
                with torch.autocast("cpu", torch.bfloat16):
                    h = slide.attention_net[:3](self.bags[row["slide"]][0])
                    net = slide.attention_net[3]
                    scores = net.attention_c(net.attention_a(h) * net.attention_b(h))
                pooled = (torch.softmax(scores.float(), 0) * h.float()).sum(0, keepdim=True)
                with torch.autocast("cpu", torch.bfloat16):
                    logits = slide.classifiers(pooled)[0]
            expected = torch.softmax(logits.float(), 0).numpy()
            # Of pooling within it these are some 1e-4 away.
            np.testing.assert_allclose([float(row[f"probability_{c}"]) for c in "abc"], expected, atol=1e-6)

    def test_what_models_say_and_attend_to(self):
        """The mean of the folds' models, and of their attention, in the order of the tiles."""
        kinds = ("gated_attention", "mean")
        nodes = "".join(f"""\
  bags_{kind}: {{type: bags, features: features, labels: labels.csv, folds: 3, count: 2}}
  model_{kind}: {{type: train_mil, from: bags_{kind}, model: {kind}, hidden: 9, attention: 7, dimensions: 16, dir: two_{kind}}}
  slides_{kind}: {{type: read_features, features: features}}
  said_{kind}: {{type: predict_mil, from: {{slide: slides_{kind}, models: model_{kind}}}, block_tiles: 7, dir: said_{kind}}}
""" for kind in kinds)
        for more in ([], ["--force"]):
            self.run_graph(nodes, *more)
        for kind in kinds:
            models = []
            for fold in range(3):
                models.append(Slide(kind, 3).eval())
                models[-1].load_state_dict(torch.load(self.folder / f"two_{kind}/fold_{fold}/best.pt")["model"])
            rows = self.table(f"said_{kind}/predictions.csv")
            self.assertEqual([row["slide"] for row in rows], sorted(self.bags))
            for row in rows:
                x, _, _ = self.bags[row["slide"]]
                said = [torch.softmax(model(x), 0).detach().numpy() for model in models]
                np.testing.assert_allclose([float(row[f"probability_{c}"]) for c in "abc"], np.mean(said, 0), atol=1e-5)
                file = self.folder / f"said_{kind}/attention/{row['slide']}.h5"
                self.assertEqual(file.exists(), kind != "mean")
                if kind == "mean":
                    continue
                attention = np.mean([model.weights.detach().numpy() for model in models], 0)
                with h5py.File(file) as found:
                    np.testing.assert_allclose(found["attention"][:], attention, atol=1e-6)
                    self.assertEqual(found["coords"].shape, (len(x), 2))
                table = self.table(f"said_{kind}/attention/{row['slide']}.csv")
                np.testing.assert_allclose([float(one["attention"]) for one in table], attention, atol=1e-6)
                order = np.argsort([float(one["attention"]) for one in table])
                self.assertEqual([float(table[i]["rank"]) for i in order], sorted(float(one["rank"]) for one in table))

    def test_files_of_others_are_read_alike(self):
        """CLAM's pt_files, TRIDENT's and STAMP's HDF5: the same weights as of CLAM's HDF5."""
        layouts = ("pt", "trident", "stamp", "half")
        for layout in layouts:
            folder = self.folder / f"of_{layout}"
            folder.mkdir()
            for name, (x, _, _) in self.bags.items():
                if layout == "pt":
                    torch.save(x, folder / f"{name}.pt")
                    continue
                with h5py.File(folder / f"{name}.h5", "w") as file:
                    kept = x.numpy().astype(np.float16 if layout == "half" else np.float32)
                    file.create_dataset("feats" if layout == "stamp" else "features", data=kept,
                                        chunks=(1, DIMENSIONS) if layout == "trident" else None,
                                        compression="gzip" if layout == "trident" else None)
                    file["coords"] = np.zeros((len(x), 2), np.int64)
        self.run_graph(self.training("clam", 2, "block_tiles: 7") + "".join(
            self.training(layout, 2, "block_tiles: 7", features=f"of_{layout}") for layout in layouts))
        expected, _ = self.trained("clam")
        for layout in layouts:
            found, _ = self.trained(layout)
            for parameter, tensor in expected.items():
                if layout == "half":
                    self.assertLess(float((found[parameter] - tensor).abs().max()), 1e-2)
                else:
                    self.assertTrue(torch.equal(found[parameter], tensor), (layout, parameter))


if __name__ == "__main__":
    mil_training.main()

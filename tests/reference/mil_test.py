#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models of slides against PyTorch: gradients and losses of each model, whole and in blocks, and what they predict."""
import argparse
import csv
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

BUILD = None
DIMENSIONS, HIDDEN, ATTENTION = 12, 9, 7

GRAPH = """
flowrun: 1
nodes:
  bags: {type: bags, features: features, labels: labels.csv, folds: 1, validation: 0.25, count: %(epochs)d%(bags)s}
  model: {type: train_mil, from: bags, hidden: 9, attention: 7, dropout: 0, dimensions: 16, threads: 1, dir: %(out)s, optimizer: sgd,
          momentum: 0, weight_decay: 0, schedule: constant, learning_rate: 1, accumulate: 1000, %(model)s}
"""


class Attention(nn.Module):
    """Ilse, Tomczak and Welling 2018, equations 8 and 9; the names are those of CLAM."""

    def __init__(self, gated):
        super().__init__()
        self.attention_a = nn.Sequential(nn.Linear(HIDDEN, ATTENTION), nn.Tanh())
        if gated:
            self.attention_b = nn.Sequential(nn.Linear(HIDDEN, ATTENTION), nn.Sigmoid())
        self.attention_c = nn.Linear(ATTENTION, 1)

    def forward(self, h):
        a = self.attention_a(h)
        if hasattr(self, "attention_b"):
            a = a * self.attention_b(h)
        return torch.softmax(self.attention_c(a), 0)


class Slide(nn.Module):
    def __init__(self, kind, outputs):
        super().__init__()
        self.kind = kind
        layers = [nn.Linear(DIMENSIONS, HIDDEN), nn.ReLU(), nn.Dropout(0)]
        if kind in ("attention", "gated_attention", "clam_sb"):
            layers.append(Attention(kind != "attention"))
        self.attention_net = nn.Sequential(*layers)
        self.classifiers = nn.Linear(HIDDEN, outputs)
        if kind == "clam_sb":
            self.instance_classifiers = nn.ModuleList(nn.Linear(HIDDEN, 2) for _ in range(outputs))

    def forward(self, x):
        h = self.attention_net[:3](x)
        self.h, self.weights = h, None
        if self.kind == "mean":
            return self.classifiers(h.mean(0))
        if self.kind == "max":
            return self.classifiers(h.max(0).values)
        self.weights = self.attention_net[3](h)[:, 0]
        return self.classifiers((self.weights[:, None] * h).sum(0))

    def instance_loss(self, label, k, subtyping):
        """CLAM's inst_eval and inst_eval_out (models/model_clam.py), with cross entropy."""
        order = torch.argsort(self.weights, descending=True)
        k = min(k, len(order))
        top, bottom = self.h[order[:k]], self.h[order[-k:]]
        inside = F.cross_entropy(self.instance_classifiers[label](torch.cat([top, bottom])),
                                 torch.cat([torch.ones(k), torch.zeros(k)]).long())
        if not subtyping:
            return inside
        others = [F.cross_entropy(c(top), torch.zeros(k).long())
                  for i, c in enumerate(self.instance_classifiers) if i != label]
        return (inside + sum(others)) / len(self.instance_classifiers)


class Mil(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="flowrun-mil-")
        cls.folder = Path(cls.holder.name)
        (cls.folder / "features").mkdir()
        random = np.random.default_rng(1)
        cls.bags, rows = {}, ["case_id,slide_id,label,age,event"]
        for i in range(16):
            label = i % 3
            x = random.normal(size=(int(random.integers(9, 40)), DIMENSIONS)).astype(np.float32)
            x[:4, label] += 2
            name = f"slide{i:02}"
            cls.bags[name] = (torch.from_numpy(x), label, [float(label) + 0.5 * (i % 5), float(i % 4 != 1)])
            with h5py.File(cls.folder / f"features/{name}.h5", "w") as file:  # CLAM's layout
                file.create_dataset("features", data=x, maxshape=(None, DIMENSIONS), chunks=(4, DIMENSIONS))
                file.create_dataset("coords", data=np.zeros((len(x), 2), np.int32), maxshape=(None, 2), chunks=(1, 2))
            rows.append(f"case{i},{name},{'abc'[label]},{cls.bags[name][2][0]},{cls.bags[name][2][1]}")
        (cls.folder / "labels.csv").write_text("\n".join(rows) + "\n")

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def train(self, out, epochs, model, bags=""):
        graph = self.folder / "graph.yaml"
        graph.write_text(GRAPH % {"epochs": epochs, "out": out, "model": model, "bags": bags})
        done = subprocess.run([str(BUILD / "bin/flowrun"), str(graph)], capture_output=True, text=True, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        last = torch.load(self.folder / out / "fold_0/last.pt")
        return last["model"], self.table(f"{out}/fold_0/metrics.csv")

    def table(self, name):
        return list(csv.DictReader((self.folder / name).read_text().splitlines()))

    def said(self, out):
        return self.table(f"{out}/predictions.csv")

    def check(self, name, kind, loss_of, outputs=3, options="", bags="", block=4096):
        """Of a step of the second epoch with all slides: the gradients, the loss, what is said of validation."""
        options = f"model: {kind}, block_tiles: {block}, patience: 99, metric: loss{options}"
        before, _ = self.train(f"{name}_1", 1, options, bags)
        after, rows = self.train(f"{name}_2", 2, options, bags)
        slide = Slide(kind, outputs)
        slide.load_state_dict(before)
        self.assertEqual(set(before), set(slide.state_dict()))
        validation = {row["slide"] for row in self.said(f"{name}_2")}
        self.assertGreaterEqual(len(validation), 3)
        losses = [loss_of(slide, *self.bags[name]) for name in self.bags if name not in validation]
        loss = sum(losses) / len(losses)
        loss.backward()
        self.assertAlmostEqual(float(rows[1]["train_loss"]), float(loss), delta=1e-5)
        for parameter, tensor in slide.named_parameters():
            found = before[parameter] - after[parameter]
            gradient = tensor.grad if tensor.grad is not None else torch.zeros_like(tensor)
            scale = float(gradient.abs().max())
            if parameter.endswith("attention_c.bias"):  # softmax takes it out: 0 but for rounding
                self.assertLess(float(found.abs().max()), 1e-5, (name, parameter))
                continue
            self.assertGreater(scale, 1e-5, (name, parameter))
            self.assertLess(float((found - gradient).abs().max()), 1e-5 * scale + 3e-8, (name, parameter))
        return slide, validation

    def test_models_whole_and_in_blocks(self):
        for kind in ("attention", "gated_attention", "mean", "max"):
            for block in (4096, 7):
                with self.subTest(model=kind, block=block):
                    self.check(f"{kind}_{block}", kind, block=block,
                               loss_of=lambda slide, x, label, _: F.cross_entropy(slide(x)[None], torch.tensor([label])))

    def test_clam_sb(self):
        for subtyping in (False, True):
            for block in (4096, 7):
                with self.subTest(subtyping=subtyping, block=block):
                    def loss_of(slide, x, label, _):
                        bag = F.cross_entropy(slide(x)[None], torch.tensor([label]))
                        return 0.6 * bag + 0.4 * slide.instance_loss(label, 5, subtyping)

                    self.check(f"clam{subtyping}{block}", "clam_sb", loss_of, block=block,
                               options=f", bag_weight: 0.6, k_sample: 5, subtyping: {str(subtyping).lower()}")

    def test_class_weights_weigh_slides(self):
        """A mean over one slide, divided by its weight again, would forget them."""
        weights = torch.tensor([1.0, 5.0, 0.5])
        self.check("weights", "gated_attention", options=", class_weights: [1, 5, 0.5]",
                   loss_of=lambda slide, x, label, _: weights[label] * F.cross_entropy(slide(x)[None], torch.tensor([label])))

    def test_regression(self):
        self.check("numbers", "gated_attention", outputs=2, options=", task: regression", bags=", targets: [age, event]",
                   loss_of=lambda slide, x, _, targets: F.mse_loss(slide(x), torch.tensor(targets)))

    def test_ordinal(self):
        """CORN as coral_pytorch's corn_loss has it, of a batch of one."""
        def loss_of(slide, x, label, _):
            logits, losses, examples = slide(x), 0, 0
            for k in range(2):
                if label > k - 1:
                    examples += 1
                    losses -= F.logsigmoid(logits[k]) if label > k else F.logsigmoid(logits[k]) - logits[k]
            return losses / examples

        slide, _ = self.check("ordinal", "gated_attention", loss_of, outputs=2, options=", task: ordinal")
        slide.load_state_dict(torch.load(self.folder / "ordinal_2/fold_0/best.pt")["model"])
        right, said = [], []
        for row in self.said("ordinal_2"):
            x, label, _ = self.bags[row["slide"]]
            beyond = torch.sigmoid(slide(x)).detach().cumprod(0).numpy()
            np.testing.assert_allclose([float(row[f"probability_{c}"]) for c in "abc"],
                                       [1 - beyond[0], beyond[0] - beyond[1], beyond[1]], atol=1e-5)
            right.append(label)
            said.append(int((beyond > 0.5).sum()))
            self.assertEqual(row["prediction"], "abc"[said[-1]])
        metrics = json.loads((self.folder / "ordinal_2/metrics.json").read_text())["folds"][0]["val"]
        weights = (np.arange(3)[:, None] - np.arange(3)) ** 2
        seen = np.zeros((3, 3))
        np.add.at(seen, (right, said), 1)
        chance = np.outer(seen.sum(1), seen.sum(0)) / len(right)
        if (weights * chance).sum() > 0:
            self.assertAlmostEqual(metrics["kappa"]["value"], 1 - (weights * seen).sum() / (weights * chance).sum())

    def test_survival(self):
        """nll_loss of MCAT (Chen et al. 2021) with alpha 0, intervals by quantiles of the events, as pandas' qcut."""
        events = [t[0] for _, _, t in self.bags.values() if t[1] == 1]
        ends = np.quantile(np.float32(events), [1 / 3, 2 / 3])

        def loss_of(slide, x, _, target):
            hazards = torch.sigmoid(slide(x))
            survival = torch.cumprod(1 - hazards, 0)
            padded = torch.cat([torch.ones(1), survival])
            y = int((np.float32(target[0]) > ends).sum())
            if target[1] == 1:
                return -torch.log(padded[y]) - torch.log(hazards[y])
            return -torch.log(padded[y + 1])

        self.check("survival", "gated_attention", loss_of, outputs=3, options=", task: survival, intervals: 3",
                   bags=", targets: [age, event]")
        slide = Slide("gated_attention", 3)
        slide.load_state_dict(torch.load(self.folder / "survival_2/fold_0/best.pt")["model"])
        rows = self.said("survival_2")
        for row in rows:
            survival = torch.cumprod(1 - torch.sigmoid(slide(self.bags[row["slide"]][0])), 0).detach().numpy()
            np.testing.assert_allclose([float(value) for value in list(row.values())[-4:]],
                                       [-survival.sum(), *survival], atol=1e-5)
        pairs = right = 0
        for a in rows:
            for b in rows:
                times = float(a["age"]), float(b["age"])
                if a["event"] == "1" and (times[0] < times[1] or (times[0] == times[1] and b["event"] == "0")):
                    pairs += 1
                    right += (float(a["risk"]) > float(b["risk"])) + 0.5 * (a["risk"] == b["risk"])
        found = json.loads((self.folder / "survival_2/metrics.json").read_text())["folds"][0]["val"]["c_index"]["value"]
        self.assertEqual(found, right / pairs if pairs else None)

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
        for kind in ("gated_attention", "mean"):
            (self.folder / "graph.yaml").write_text(f"""
flowrun: 1
nodes:
  bags: {{type: bags, features: features, labels: labels.csv, folds: 3, count: 2}}
  model: {{type: train_mil, from: bags, model: {kind}, hidden: 9, attention: 7, dimensions: 16, dir: two_{kind}}}
  slides: {{type: read_features, features: features}}
  said: {{type: predict_mil, from: {{slide: slides, models: model}}, block_tiles: 7, dir: said_{kind}}}
""")
            for more in ([], ["--force"]):
                done = subprocess.run([str(BUILD / "bin/flowrun"), "run", "graph.yaml", *more], capture_output=True,
                                      text=True, cwd=self.folder)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
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
        expected, _ = self.train("clam", 2, "block_tiles: 7")
        for layout in ("pt", "trident", "stamp", "half"):
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
            graph = GRAPH % {"epochs": 2, "out": f"out_{layout}", "model": "block_tiles: 7", "bags": ""}
            (self.folder / "graph.yaml").write_text(graph.replace("features: features", f"features: of_{layout}"))
            done = subprocess.run([str(BUILD / "bin/flowrun"), "graph.yaml"], capture_output=True, text=True,
                                  cwd=self.folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = torch.load(self.folder / f"out_{layout}/fold_0/last.pt")["model"]
            for parameter, tensor in expected.items():
                if layout == "half":
                    self.assertLess(float((found[parameter] - tensor).abs().max()), 1e-2)
                else:
                    self.assertTrue(torch.equal(found[parameter], tensor), (layout, parameter))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    arguments, rest = parser.parse_known_args()
    BUILD = arguments.build.resolve()
    unittest.main(argv=[sys.argv[0], *rest])

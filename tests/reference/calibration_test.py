#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Temperatures and thresholds chosen on validation, against PyTorch and NumPy; predictions that follow them."""
import json

import numpy as np
import torch
import torch.nn.functional as F

import judged
from judged import LABELS, JudgedTest


def best_temperature(loss):
    """Where it is least, by thirds of its logarithm."""
    low, high = np.log(0.01), np.log(100)
    while high - low > 1e-9:
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if loss(np.exp(a)) < loss(np.exp(b)) else (a, high)
    return np.exp(low)


def calibration_error(confidence, right):
    """As the code of Guo et al. 2017: bins (0, 1/15], (1/15, 2/15] ..."""
    ends, error = np.linspace(0, 1, 16), 0
    for low, high in zip(ends[:-1], ends[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def best_threshold(score, positive, criterion):
    """The highest of those scores where it is best."""
    def youden(said):
        return (said & positive).sum() / positive.sum() - (said & ~positive).sum() / (~positive).sum()

    def f1(said):
        return 2 * (said & positive).sum() / (said.sum() + positive.sum())
    of = {"youden": youden, "f1": f1}[criterion]
    return max(sorted(set(score), reverse=True), key=lambda t: round(of(score >= t), 12))


class Calibration(JudgedTest):
    def test_the_temperature_of_classes(self):
        for classes in (2, 3):
            with self.subTest(classes):
                self.tables(classes)
                self.train(classes, "calibrate: true", f"out{classes}")
                logits, facts, _ = self.logits(classes, f"out{classes}")
                right = torch.from_numpy(self.of)
                wanted = best_temperature(lambda t: F.cross_entropy(logits / t, right).item())
                self.assertGreater(wanted, 1.05)  # it is too sure of itself
                self.assertAlmostEqual(facts["temperatures"][0], wanted, 3)
                row = self.row(f"out{classes}")
                self.assertAlmostEqual(float(row["temperature"]), wanted, 3)
                for name, t in (("uncalibrated_", 1), ("", wanted)):
                    probability = (logits / t).softmax(1).numpy()
                    self.assertAlmostEqual(float(row[name + "nll"]), F.cross_entropy(logits / t, right).item(), 5)
                    error = calibration_error(probability.max(1), probability.argmax(1) == self.of)
                    self.assertAlmostEqual(float(row[name + "ece"]), error, 4)
                self.assertAlmostEqual(float(row["loss"]), float(row["uncalibrated_nll"]), 5)
                self.assertLess(float(row["nll"]), float(row["uncalibrated_nll"]))

    def test_a_temperature_for_each_label(self):
        self.tables(2)
        self.train(3, "task: multilabel, calibrate: true", targets=LABELS)
        logits, facts, _ = self.logits(3, "out")
        row, all_of = self.row("out"), {"nll": [], "ece": []}
        for i, label in enumerate(LABELS):
            right = torch.from_numpy(self.labels[:, i]).double()
            wanted = best_temperature(lambda t: F.binary_cross_entropy_with_logits(logits[:, i] / t, right).item())
            self.assertAlmostEqual(facts["temperatures"][i], wanted, 3)
            self.assertAlmostEqual(float(row[f"temperature_{label}"]), wanted, 3)
            for name, t in (("uncalibrated_", 1), ("", wanted)):
                loss = F.binary_cross_entropy_with_logits(logits[:, i] / t, right).item()
                error = calibration_error((logits[:, i] / t).sigmoid().numpy(), self.labels[:, i])
                self.assertAlmostEqual(float(row[f"{name}nll_{label}"]), loss, 5)
                self.assertAlmostEqual(float(row[f"{name}ece_{label}"]), error, 4)
            all_of["nll"].append(loss)
            all_of["ece"].append(error)
        for name, each in all_of.items():
            self.assertAlmostEqual(float(row[name]), np.mean(each), 4)

    def test_nothing_else_changes(self):
        self.tables(2)
        self.train(2, "calibrate: true, threshold: f1", "judged", epochs=2)
        self.train(2, "", "plain", epochs=2)
        (_, judged, a), (_, plain, b) = self.network(2, "judged"), self.network(2, "plain")
        for name, tensor in a["model"].items():
            self.assertTrue(torch.equal(tensor, b["model"][name]))
        self.assertEqual({k: v for k, v in judged.items() if k not in ("temperatures", "thresholds")}, plain)
        for name in ("loss", "train_loss"):
            self.assertEqual(self.row("judged")[name], self.row("plain")[name])
        # Near 1 float32 makes equal ranks of probabilities that are not as close once they are calibrated.
        self.assertAlmostEqual(float(self.row("judged")["auc"]), float(self.row("plain")["auc"]), delta=0.01)

    def test_thresholds(self):
        for criterion in ("youden", "f1"):
            for calibrate in ("", ", calibrate: true"):
                with self.subTest(criterion, calibrate=calibrate):
                    out = f"{criterion}{len(calibrate)}"
                    self.tables(2)
                    self.train(2, f"threshold: {criterion}{calibrate}", out)
                    logits, facts, _ = self.logits(2, out)
                    t = facts["temperatures"][0] if calibrate else 1
                    self.assertEqual("temperatures" in facts, bool(calibrate))
                    score, positive = (logits / t).softmax(1)[:, 1].numpy(), self.of == 1
                    wanted = best_threshold(score, positive, criterion)
                    self.assertAlmostEqual(facts["thresholds"][0], wanted, 5)
                    row = self.row(out)
                    self.assertAlmostEqual(float(row["threshold"]), wanted, 5)
                    said = score >= wanted - 1e-7
                    self.assertAlmostEqual(float(row["accuracy"]), (said == positive).mean(), 12)
                    self.assertAlmostEqual(float(row["sensitivity"]), said[positive].mean(), 12)
                    self.assertAlmostEqual(float(row["specificity"]), (~said[~positive]).mean(), 12)
                    self.assertAlmostEqual(float(row["f1"]), 2 * (said & positive).sum() / (said.sum() + positive.sum()), 12)
                    self.assertEqual(row["confusion"], " | ".join(
                        " ".join(str((said[self.of == a] == b).sum()) for b in (0, 1)) for a in (0, 1)))

    def test_a_threshold_for_each_label(self):
        self.tables(2)
        self.labels[:, 2] = 1
        self.table("val.csv", self.of, self.labels)
        said = self.train(3, "task: multilabel, threshold: f1", targets=LABELS)
        self.assertIn("there is no threshold of 'her2', 0.5 decides: validation has samples of one kind only", said)
        logits, facts, _ = self.logits(3, "out")
        row = self.row("out")
        for i, label in enumerate(LABELS[:2]):
            score, positive = logits[:, i].sigmoid().numpy(), self.labels[:, i] == 1
            wanted = best_threshold(score, positive, "f1")
            self.assertAlmostEqual(facts["thresholds"][i], wanted, 5)
            self.assertAlmostEqual(float(row[f"threshold_{label}"]), wanted, 5)
            self.assertAlmostEqual(float(row[f"accuracy_{label}"]), ((score >= wanted - 1e-7) == positive).mean(), 12)
        self.assertEqual((facts["thresholds"][2], row["threshold_her2"]), (0.5, ""))

    def test_what_has_no_best_temperature_is_told(self):
        self.tables(2)
        self.table("val.csv", self.classes.clip(0, 1), self.labels)  # as in training: without a mistake
        said = self.train(2, "calibrate: true, metric: accuracy", epochs=3)
        self.assertEqual(said.count("probabilities are not calibrated: no temperature from 0.01 to 100 is best for validation"), 1)
        logits, facts, state = self.logits(2, "out")
        self.assertEqual((logits.argmax(1).numpy() == self.classes.clip(0, 1)).mean(), 1)
        self.assertNotIn("temperatures", facts)
        row = self.row("out", len(json.loads(state["history"])) - 1)
        self.assertEqual((row["temperature"], row["nll"]), ("", row["uncalibrated_nll"]))
        self.table("val.csv", 1 - self.classes.clip(0, 1), self.labels)  # worse than chance
        self.assertIn("the logits are no better than chance", self.train(2, "calibrate: true", "worse"))

    def test_predict_follows_them(self):
        self.tables(2)
        self.train(2, "calibrate: true, threshold: f1")
        module, facts, _ = self.network(2, "out")
        t, threshold = facts["temperatures"][0], facts["thresholds"][0]
        self.run_graph("flowrun: 1\nnodes:\n  python: {type: export, checkpoint: out/best.pt, dir: python}\n")
        exported = json.loads((self.at / "python/model.json").read_text())
        self.assertEqual((exported["temperatures"], exported["thresholds"]), ([t], [threshold]))
        script = torch.jit.load(str(self.at / "python/torchscript.pt"))
        for model, out in (("out/best.pt", "a"), ("python/torchscript.pt", "b")):
            with self.subTest(model):
                rows, images, slide = self.predicted(model, out)
                with torch.no_grad():
                    wanted = (module(images) / t).softmax(1).numpy()
                    self.assertLess((script(images) - module(images)).abs().max(), 1e-5)  # logits as they were
                found = np.array([[float(row["p_c0"]), float(row["p_c1"])] for row in rows])
                self.assertLess(np.abs(found - wanted).max(), 1e-5)
                for row, (_, p) in zip(rows, found):
                    self.assertEqual(float(row["threshold_c1"]), threshold)
                    self.assertEqual(row["predicted"], "c1" if p >= threshold else "c0")
                self.assertEqual(slide["predicted"], "c1" if found[:, 1].mean() >= threshold else "c0")
                self.assertAlmostEqual(float(slide["share_c1"]), (found[:, 1] >= threshold).mean(), 9)

    def test_the_mean_over_symmetries(self):
        self.tables(2)
        self.train(2, "calibrate: true")
        module, facts, _ = self.network(2, "out")
        for name in ("flips", "dihedral"):
            rows, images, _ = self.predicted("out/best.pt", name, f", test_time_augmentation: {name}")
            turned = [torch.rot90(images, k, [2, 3]) for k in ((0, 2) if name == "flips" else range(4))]
            with torch.no_grad():
                each = [(module(seen) / facts["temperatures"][0]).softmax(1) for one in turned for seen in (one, one.flip(3))]
            found = np.array([[float(row["p_c0"]), float(row["p_c1"])] for row in rows])
            self.assertLess(np.abs(found - torch.stack(each).mean(0).numpy()).max(), 1e-5)
            self.assertGreater(np.abs(found - each[0].numpy()).max(), 1e-4)

    def test_labels_are_predicted_by_their_thresholds(self):
        self.tables(2)
        self.train(3, "task: multilabel, calibrate: true, threshold: youden", targets=LABELS)
        module, facts, _ = self.network(3, "out")
        rows, images, slide = self.predicted("out/best.pt", "a")
        with torch.no_grad():
            wanted = (module(images) / torch.tensor(facts["temperatures"])).sigmoid().numpy()
        found = np.array([[float(row[f"has_{label}"]) for label in LABELS] for row in rows])
        self.assertLess(np.abs(found - wanted).max(), 1e-5)
        for row, p in zip(rows, found):
            self.assertEqual(row["predicted"], ": ".join(l for l, q, t in zip(LABELS, p, facts["thresholds"]) if q >= t))
        self.assertEqual(slide["predicted"], ": ".join(
            l for l, q, t in zip(LABELS, found.mean(0), facts["thresholds"]) if q >= t))

    def test_what_makes_no_sense_is_refused(self):
        self.tables(3)
        no_probabilities = "task: regression has no probabilities from softmax or sigmoids"
        for train, targets, code, expected in (
            ("task: regression, calibrate: true", LABELS, 2, no_probabilities),
            ("task: regression, threshold: f1", LABELS, 2, no_probabilities),
            ("threshold: accuracy", (), 2, "youden"),
            ("calibrate: 2", (), 2, "calibrate"),
            ("threshold: youden", (), 1, "threshold: youden is of two classes, or of labels, but there are 3 classes (c0, c1, c2)"),
        ):
            with self.subTest(train):
                self.assertIn(expected, self.train(3, train, "wrong", targets, code))

    def test_damaged_numbers_are_refused(self):
        self.tables(2)
        self.train(2, "calibrate: true, threshold: f1")
        for name, value, expected in (("temperatures", [0], "temperatures must be above 0"), ("temperatures", [1, 1], "there are 2 temperatures, expected 1"),
                                      ("thresholds", [1.5], "thresholds must be from 0 to 1"), ("thresholds", ["a"], "is damaged")):
            state = torch.load(self.at / "out/best.pt")
            state["facts"] = json.dumps({**json.loads(state["facts"]), name: value})
            torch.save(state, self.at / "damaged.pt")
            self.assertIn(expected, self.run_graph("flowrun: 1\nnodes:\n  python: {type: export, checkpoint: damaged.pt, dir: python}\n", 2))


if __name__ == "__main__":
    judged.main()

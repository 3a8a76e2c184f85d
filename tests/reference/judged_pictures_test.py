#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ROC curves, confusion matrices and reliability diagrams of validation, their numbers against NumPy; model cards."""
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
from PIL import Image

import judged
from judged import COUNT, LABELS, JudgedTest, rows_of


class Pictures(JudgedTest):
    def check_roc(self, rows, score, positive):
        """Each point is one of all, straight lines lead from one to the next, and they begin and end in corners."""
        hits = {float("inf"): (0, 0)}
        for t in sorted(set(score), reverse=True):
            hits[t] = ((score >= t)[~positive].mean(), (score >= t)[positive].mean())
        points = np.array([[float(row["false_positive_rate"]), float(row["true_positive_rate"])] for row in rows])
        self.assertEqual(rows[0]["threshold"], "")
        self.assertEqual((points[0].tolist(), points[-1].tolist()), ([0, 0], [1, 1]))
        for row, point in zip(rows[1:], points[1:]):
            nearest = min(hits, key=lambda t: abs(t - float(row["threshold"])))
            self.assertLess(abs(nearest - float(row["threshold"])), 1e-5)
            np.testing.assert_allclose(point, hits[nearest], atol=1e-12)
        pairs = score[positive][:, None] - score[~positive][None, :]
        self.assertAlmostEqual(np.trapz(points[:, 1], points[:, 0]), ((pairs > 0) + 0.5 * (pairs == 0)).mean(), 12)
        steps = np.diff(points, axis=0)
        self.assertTrue((np.abs(steps[1:, 0] * steps[:-1, 1] - steps[1:, 1] * steps[:-1, 0]) > 1e-12).all())

    def check_bins(self, rows, confidence, right):
        self.assertEqual(len(rows), 15)
        for i, row in enumerate(rows):
            self.assertAlmostEqual(float(row["from"]), i / 15, 12)
            self.assertAlmostEqual(float(row["to"]), (i + 1) / 15, 12)
            inside = (confidence > i / 15) & (confidence <= (i + 1) / 15)
            self.assertEqual(int(row["samples"]), inside.sum())
            if not inside.any():
                self.assertEqual((row["confidence"], row["accuracy"]), ("", ""))
                continue
            self.assertAlmostEqual(float(row["confidence"]), confidence[inside].mean(), 5)
            self.assertAlmostEqual(float(row["accuracy"]), right[inside].mean(), 12)

    def check_pictures(self, out):
        for name in ("roc", "confusion", "calibration"):
            with Image.open(self.at / out / f"{name}.png") as picture:
                self.assertEqual(picture.size, (700, 700))
                self.assertGreater(len(picture.convert("RGB").getcolors(1 << 20)), 5)
            self.assertTrue(ElementTree.parse(self.at / out / f"{name}.svg").getroot().tag.endswith("svg"))

    def test_pictures_and_their_numbers_of_classes(self):
        for classes, train in ((2, "threshold: f1"), (3, "calibrate: true")):
            with self.subTest(classes):
                self.tables(classes)
                out = f"out{classes}"
                self.train(classes, f"{train}, metric: accuracy", out, epochs=3)
                logits, facts, _ = self.logits(classes, out)
                p = (logits.float() / facts.get("temperatures", [1])[0]).softmax(1).numpy()
                names = [f"c{i}" for i in range(classes)]
                roc = rows_of(self.at / out / "roc.csv")
                asked = range(1 if classes == 2 else 0, classes)
                self.assertEqual(list(dict.fromkeys(row["class"] for row in roc)), [names[i] for i in asked])
                for i in asked:
                    self.check_roc([row for row in roc if row["class"] == names[i]], p[:, i], self.of == i)
                said = (p[:, 1] >= facts["thresholds"][0] - 1e-7).astype(int) if classes == 2 else p.argmax(1)
                self.assertEqual(rows_of(self.at / out / "confusion.csv"), [
                    {"label": names[a], **{names[b]: str(((self.of == a) & (said == b)).sum()) for b in range(classes)}}
                    for a in range(classes)])
                self.check_bins(rows_of(self.at / out / "calibration.csv"), p.max(1), p.argmax(1) == self.of)
                self.check_pictures(out)

    def test_pictures_and_their_numbers_of_labels(self):
        self.tables(2)
        self.train(3, "task: multilabel", targets=LABELS)
        p = self.logits(3, "out")[0].float().sigmoid().numpy()
        roc, bins, confusion = (rows_of(self.at / f"out/{name}.csv") for name in ("roc", "calibration", "confusion"))
        for i, label in enumerate(LABELS):
            has, said = self.labels[:, i] == 1, p[:, i] >= 0.5
            self.check_roc([row for row in roc if row["label"] == label], p[:, i], has)
            self.check_bins([row for row in bins if row["label"] == label], p[:, i], has)
            counts = {"true_positive": said & has, "false_negative": ~said & has, "false_positive": said & ~has, "true_negative": ~said & ~has}
            self.assertEqual(confusion[i], {"label": label, **{name: str(of.sum()) for name, of in counts.items()}})
        self.check_pictures("out")

    def test_numbers_have_no_such_pictures(self):
        self.tables(2)
        self.train(3, "task: regression", targets=LABELS)
        self.assertEqual(sorted(p.name for p in (self.at / "out").iterdir() if p.suffix in (".png", ".csv")), ["curves.png", "metrics.csv"])

    def test_the_model_card(self):
        self.tables(2)
        options = 'calibrate: true, threshold: f1, licence: "CC BY-NC 4.0", intended_use: "tumour in H&E; not for diagnosis"'
        self.train(2, options, epochs=3)
        _, facts, state = self.network(2, "out")
        card = json.loads((self.at / "out/model.json").read_text())
        self.assertEqual((card["licence"], card["intended_use"]), ("CC BY-NC 4.0", "tumour in H&E; not for diagnosis"))
        self.assertEqual((card["task"], card["architecture"], card["classes"]), ("classification", "torchscript", ["c0", "c1"]))
        self.assertEqual(card["images"], {"width": 16, "height": 16, "mpp": None, "mean": facts["mean"], "std": facts["std"]})
        self.assertEqual((card["temperatures"], card["thresholds"]), (facts["temperatures"], facts["thresholds"]))
        self.assertEqual(card["metrics"], json.loads(state["history"])[-1])
        self.assertEqual({**card["options"], "learning_rate": 0.03, "schedule": "constant", "loss": "cross_entropy", "metric": "auc",
                          "model": "module.pt", "threshold": "f1", "calibrate": True}, card["options"])
        of = card["trained_on"]
        self.assertEqual(of["tables"], ["train.csv", "val.csv"])
        self.assertEqual(of["tiles_per_epoch"], 480)
        trained = self.classes.clip(0, 1)
        for part, classes in (("training", trained), ("validation", self.of)):
            self.assertEqual(of[part], {"tiles": COUNT, "slides": COUNT // 4, "patients": None,
                                        "tiles_by_class": {"c0": int((classes == 0).sum()), "c1": int((classes == 1).sum())}})
        self.train(2, options, "again", epochs=3)
        self.assertEqual((self.at / "again/model.json").read_bytes(), (self.at / "out/model.json").read_bytes())
        self.train(3, "task: multilabel", "labels", targets=LABELS)
        card = json.loads((self.at / "labels/model.json").read_text())
        self.assertEqual((card["labels"], card["licence"], card["temperatures"]), (list(LABELS), None, []))


if __name__ == "__main__":
    judged.main()

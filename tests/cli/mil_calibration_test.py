#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models of slides: temperatures and thresholds by fold, pictures of test slides, model cards."""
import csv
import json
import random
import signal
import time

import numpy as np
import torch
from PIL import Image

import support
from mil_cohort import CohortTest
from support import DONE, FAILED, USAGE, flowrun, outputs, start

SAID = """\
flowrun: 1
nodes:
  slides: {{type: read_features, features: features}}
  said: {{type: predict_mil, from: {{slide: slides}}, models: {models}, dir: said}}
"""


def loss(logit, right, temperature):
    """The mean of -log of the probability of what is right; logits are of the second class against the first."""
    return np.logaddexp(0, np.where(right, -logit, logit) / temperature).mean()


def best_temperature(logit, right):
    """Where it is least, by thirds of its logarithm."""
    low, high = np.log(0.01), np.log(100)
    while high - low > 1e-9:
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if loss(logit, right, np.exp(a)) < loss(logit, right, np.exp(b)) else (a, high)
    return np.exp(low)


def rows_of(table):
    with open(table, newline="") as file:
        return list(csv.DictReader(file))


def facts_of(place, fold, out="out"):
    return json.loads(torch.load(place / out / f"fold_{fold}/best.pt")["facts"])


class Judged(CohortTest):
    def noisy(self, slides=48):
        """A cohort where each fifth slide has the other label."""
        place = self.cohort(slides=slides)
        lines = (place / "labels.csv").read_text().splitlines()
        for i in range(3, slides, 5):
            lines[i + 1] = lines[i + 1][:-1] + ("b" if lines[i + 1].endswith("a") else "a")
        (place / "labels.csv").write_text("\n".join(lines) + "\n")
        return place

    def split(self, rows, fold, part):
        some = [row for row in rows if row["fold"] == str(fold) and row["split"] == part]
        p = np.array([float(row["probability_b"]) for row in some])
        return some, p, np.array([row["label"] == "b" for row in some])

    def test_each_fold_is_calibrated_and_decides_by_its_validation(self):
        place = self.noisy()
        self.train(place, count=6, model="patience: 99", out="plain")
        self.train(place, count=6, model="calibrate: true, threshold: youden")
        plain, judged = self.said(place, "plain"), self.said(place)
        metrics = json.loads((place / "out/metrics.json").read_text())
        tested = []
        for fold in range(3):
            _, p, right = self.split(plain, fold, "val")
            _, of_test, _ = self.split(plain, fold, "test")
            temperature = best_temperature(np.log(p / (1 - p)), right)
            self.assertAlmostEqual(facts_of(place, fold)["temperatures"][0], temperature, delta=1e-3 * temperature)
            history = json.loads(torch.load(place / f"out/fold_{fold}/best.pt")["history"])
            row = rows_of(place / f"out/fold_{fold}/metrics.csv")[len(history) - 1]
            self.assertAlmostEqual(float(row["uncalibrated_nll"]), loss(np.log(p / (1 - p)), right, 1), 4)
            self.assertAlmostEqual(float(row["nll"]), loss(np.log(p / (1 - p)), right, temperature), 4)
            _, calibrated, right = self.split(judged, fold, "val")
            scores = sorted(set(calibrated), reverse=True)
            best = max(scores, key=lambda t: round((calibrated >= t)[right].mean() - (calibrated >= t)[~right].mean(), 9))
            threshold = facts_of(place, fold)["thresholds"][0]
            self.assertAlmostEqual(threshold, best, 9)
            rows, found, right = self.split(judged, fold, "test")
            wanted = 1 / (1 + np.exp(-np.log(of_test / (1 - of_test)) / temperature))
            np.testing.assert_allclose(found, wanted, atol=1e-4)
            for row, value in zip(rows, found):
                self.assertEqual(float(row["threshold_b"]), threshold)
                self.assertEqual(row["prediction"], "b" if value >= threshold else "a")
            said = found >= threshold
            self.assertAlmostEqual(metrics["folds"][fold]["test"]["accuracy"]["value"], (said == right).mean(), 9)
            self.assertAlmostEqual(metrics["folds"][fold]["test"]["sensitivity"]["value"], said[right].mean(), 9)
            tested += list(zip(right, said, found))
        right, said, found = (np.array(of) for of in zip(*tested))
        self.assertAlmostEqual(metrics["pooled_test"]["accuracy"]["value"], (said == right).mean(), 9)
        self.assertEqual(rows_of(place / "out/confusion.csv"), [
            {"label": name, "a": str((~said & (right == is_b)).sum()), "b": str((said & (right == is_b)).sum())}
            for name, is_b in (("a", False), ("b", True))])
        roc = np.array([[float(row["false_positive_rate"]), float(row["true_positive_rate"])] for row in rows_of(place / "out/roc.csv")])
        pairs = found[right][:, None] - found[~right][None, :]
        self.assertAlmostEqual(np.trapz(roc[:, 1], roc[:, 0]), ((pairs > 0) + 0.5 * (pairs == 0)).mean(), 9)
        self.assertEqual(sum(int(row["samples"]) for row in rows_of(place / "out/calibration.csv")), 48)
        for name in ("roc", "confusion", "calibration"):
            with Image.open(place / f"out/{name}.png") as picture:
                self.assertEqual(picture.size, (700, 700))

    def test_predict_mil_follows_them(self):
        place = self.noisy()
        self.train(place, count=6, model="calibrate: true, threshold: f1")
        judged, each = self.said(place), []
        for fold in range(3):
            (place / "predict.yaml").write_text(SAID.format(models=f"out/fold_{fold}/best.pt"))
            self.assert_ended(flowrun("run", place / "predict.yaml", "--force", folder=place), DONE)
            each.append({row["slide"]: row for row in rows_of(place / "said/predictions.csv")})
            for row in self.split(judged, fold, "test")[0]:
                said = each[-1][row["slide"]]
                self.assertAlmostEqual(float(said["probability_b"]), float(row["probability_b"]), 5)
                self.assertEqual((said["prediction"], said["threshold_b"]), (row["prediction"], row["threshold_b"]))
        (place / "predict.yaml").write_text(SAID.format(models="out"))
        self.assert_ended(flowrun("run", place / "predict.yaml", "--force", folder=place), DONE)
        threshold = np.mean([facts_of(place, fold)["thresholds"][0] for fold in range(3)])
        for row in rows_of(place / "said/predictions.csv"):
            p = np.mean([float(one[row["slide"]]["probability_b"]) for one in each])
            self.assertAlmostEqual(float(row["probability_b"]), p, 5)
            self.assertAlmostEqual(float(row["threshold_b"]), threshold, 12)
            self.assertEqual(row["prediction"], "b" if float(row["probability_b"]) >= float(row["threshold_b"]) else "a")

    def test_same_bytes_however_it_is_killed(self):
        """Of an epoch that is no longer the last, too, files say what its validation had chosen."""
        place = self.noisy(slides=18)
        values = {"model": "threads: 1, calibrate: true, threshold: youden, metric: accuracy", "count": 8}
        self.train(place, out="whole", **values)
        expected = outputs(place / "whole")
        self.assertIn("roc.csv", expected)
        graph, chance = place / "graph.yaml", random.Random(3)
        graph.write_text(graph.read_text().replace("features: features", f"features: {place}/features")
                         .replace("labels: labels.csv", f"labels: {place}/labels.csv"))
        arguments = ["run", graph, "--set", f"out={place / 'killed'}"]
        for _ in range(4):
            process = start(*arguments)
            time.sleep(chance.uniform(0.3, 1.2))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        self.assert_ended(flowrun(*arguments), DONE)
        self.assert_same(outputs(place / "killed"), expected)

    def test_what_makes_no_sense_is_refused(self):
        place = self.cohort(classes="abc", slides=18)
        for task in ("ordinal", "survival", "regression"):
            for option in ("calibrate: true", "threshold: f1"):
                ended = self.train(place, model=f"task: {task}, {option}", code=USAGE)
                self.assertIn(f"task: {task} has no probabilities from softmax or sigmoids", ended.err)
        ended = self.train(place, model="threshold: youden", code=FAILED)
        self.assertIn("threshold: youden is of two classes, or of labels, but there are 3 classes (a, b, c)", ended.out + ended.err)

    def test_model_cards(self):
        place = self.noisy()
        self.train(place, count=2, model='calibrate: true, licence: "CC BY 4.0", intended_use: "research, no diagnosis"')
        labels = {row["slide_id"]: row["label"] for row in rows_of(place / "labels.csv")}
        for fold in range(3):
            card = json.loads((place / f"out/fold_{fold}/model.json").read_text())
            self.assertEqual((card["licence"], card["intended_use"]), ("CC BY 4.0", "research, no diagnosis"))
            self.assertEqual((card["task"], card["architecture"], card["classes"], card["images"]),
                             ("classification", "gated_attention", ["a", "b"], None))
            self.assertEqual(card["temperatures"], facts_of(place, fold).get("temperatures", []))
            history = json.loads(torch.load(place / f"out/fold_{fold}/best.pt")["history"])
            self.assertEqual(card["metrics"], history[-1])
            self.assertEqual((card["options"]["hidden"], card["options"]["learning_rate"], card["epochs"]), (16, 0.01, 2))
            seen = set()
            for part in ("val", "test"):
                slides = [row["slide"] for row in self.said(place) if (row["fold"], row["split"]) == (str(fold), part)]
                seen |= set(slides)
                self.assertEqual(card["trained_on"][part], {
                    "slides": len(slides), "patients": len(slides), "tiles": sum(15 + 3 * int(s[1:]) for s in slides),
                    "slides_by_class": {c: sum(labels[s] == c for s in slides) for c in "ab"}})
            self.assertEqual(card["trained_on"]["train"]["slides"], 48 - len(seen))
            self.assertEqual(card["trained_on"]["features"], 8)


if __name__ == "__main__":
    support.main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models of tiles in folds: temperatures, thresholds, pictures' tables and model cards are each fold's own."""
import csv
import json
import unittest

import numpy as np
import torch

import support
import train_folds_test


class JudgedFolds(unittest.TestCase):
    folds = train_folds_test.Folds
    setUp, table, write, run_graph, said = folds.setUp, folds.table, folds.write, folds.run_graph, folds.said

    def test_each_fold_is_calibrated_and_decides_by_its_own_validation(self):
        wrong = [[*row[:1], "ab"[(row[1] == "b") ^ (i % 4 == 1)], *row[2:]] for i, row in enumerate(self.rows)]  # some of each slide
        self.table("train.csv", wrong[:-4])
        self.table("test.csv", wrong[:4] + wrong[-4:])
        self.write("train_csv: train.csv, test_csv: test.csv, folds: 3, count: 4")
        self.run_graph("plain")
        self.write("train_csv: train.csv, test_csv: test.csv, folds: 3, count: 4", "calibrate: true, threshold: youden")
        self.run_graph()
        all, calibrated, decisions = json.loads((self.at / "out/metrics.json").read_text()), 0, {}
        for fold, found in enumerate(all["folds"]):
            at, plain, said = self.at / f"out/fold_{fold}", self.said(f"plain/fold_{fold}"), self.said(f"out/fold_{fold}")
            card = json.loads((at / "model.json").read_text())
            (threshold,), (temperature,) = card["thresholds"], card["temperatures"] or [1]
            calibrated += len(card["temperatures"])
            self.assertEqual(torch.load(at / "predictions.pt")["thresholds"].tolist(), [threshold])
            z = {n: np.log(s[4] / (1 - s[4])) for n, s in plain.items()}
            for n, s in said.items():
                self.assertAlmostEqual(s[4], 1 / (1 + np.exp(-z[n] / temperature)), 4)
                if s[1]:
                    decisions.setdefault(n, []).append((s[3], s[4], threshold, s[2]))
            parts = {test: [n for n, s in said.items() if s[1] == test] for test in (False, True)}
            loss = lambda t: np.mean([np.log1p(np.exp((1 - 2 * said[n][3]) * z[n] / t)) for n in parts[False]])
            if card["temperatures"]:
                self.assertLess(loss(temperature), min(loss(temperature * 1.1), loss(temperature / 1.1)))
            y, q = np.array([said[n][3] for n in parts[False]]) == 1, np.array([said[n][4] for n in parts[False]])
            self.assertEqual(threshold, max(sorted(q, reverse=True), key=lambda t: round((q >= t)[y].mean() - (q >= t)[~y].mean(), 9)))
            for test, name in ((False, "val"), (True, "test")):
                right = np.mean([(said[n][4] >= threshold) == said[n][3] for n in parts[test]])
                self.assertAlmostEqual(found[name]["accuracy"]["value"], right, 9)
                self.assertEqual(card["trained_on"][{"val": "validation"}.get(name, name)]["tiles"], len(parts[test]))
            self.assertEqual(card["trained_on"]["fold"], fold)
            self.assertEqual(self.confusion(at), [[np.sum((q >= threshold)[y == a] == b) for b in (0, 1)] for a in (0, 1)])
        self.assertGreater(calibrated, 0)
        means = [(several[0][0], *np.mean([one[1:3] for one in several], axis=0), several[0][3]) for several in decisions.values()]
        for name, held_out in (("pooled_test", False), ("held_out", True)):
            self.assertAlmostEqual(all[name]["accuracy"]["value"], np.mean([(q >= t) == y for y, q, t, h in means if h == held_out]), 9)
        self.assertEqual(self.confusion(self.at / "out"), [[sum(y == a and (q >= t) == b for y, q, t, h in means if not h) for b in (0, 1)] for a in (0, 1)])

    def confusion(self, folder):
        with open(folder / "confusion.csv") as file:
            return [[int(number) for number in row[1:]] for row in list(csv.reader(file))[1:]]


if __name__ == "__main__":
    support.main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models of tiles in folds: who is trained and tested with, the same weights as one by one, metrics with intervals, kills."""
import csv
import json
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import small_network
import support

PATIENTS = 9  # of two slides each, but the last: 0, 3, 6 of class a, the others of b
GRAPH = """
flowrun: 1
params: {out: out}
nodes:
  epochs:  {type: epochs, %(epochs)s, seed: 3}
  samples: {type: load, from: epochs, size: 32}
  batches: {type: to_tensor, from: samples, batch: 16}
  model:   {type: train, from: batches, dir: "${out}", threads: 1, %(train)s}
"""
EVERYTHING = ("last.pt", "best.pt", "predictions.pt", "metrics.csv")


class SplitMix64:
    """Random of nodes/base/random.h."""

    MASK = (1 << 64) - 1

    def __init__(self, seed, stream):
        self.state = self.mix(seed + 0x632BE59BD9B4E019 & self.MASK) ^ self.mix(~stream & self.MASK)

    def mix(self, value):
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & self.MASK
        value = (value ^ value >> 27) * 0x94D049BB133111EB & self.MASK
        return value ^ value >> 31

    def below(self, count):
        self.state = self.state + 0x9E3779B97F4A7C15 & self.MASK
        return self.mix(self.state) % count


class Folds(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-folds-")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        rng = np.random.default_rng(1)
        self.rows = []
        for patient in range(PATIENTS):
            for slide in range(2 if patient < PATIENTS - 1 else 1):
                for tile in range(4):
                    label = 1 if patient % 3 else 0
                    name = f"p{patient}s{slide}t{tile}.png"
                    Image.fromarray(rng.normal(110 + 30 * label, 60, (32, 32, 3)).clip(0, 255).astype(np.uint8)).save(self.at / name)
                    self.rows.append([name, "ab"[label], f"p{patient}s{slide}", f"P{patient}"])
        self.held_out = self.rows[:4] + self.rows[-4:]  # a slide of the first patient, and the last patient
        self.table("train.csv", self.rows[:-4])
        self.table("all.csv", self.rows)
        self.table("test.csv", self.held_out)
        small_network.save(self.at / "small.pt")

    def table(self, name, rows, columns=("path", "label", "slide", "patient")):
        with open(self.at / name, "w", newline="") as file:
            csv.writer(file).writerows([columns, *(row[: len(columns)] for row in rows)])

    def write(self, epochs, train="optimizer: adamw", more="", best="metric: loss, learning_rate: 0.001", model="small.pt"):
        train = f"model: {model}, {train}, {best}"
        (self.at / "graph.yaml").write_text(GRAPH % {"epochs": epochs, "train": train} + more)

    def run_graph(self, out="out", *more, expect=0):
        done = subprocess.run([support.program(), *more, "graph.yaml", "--set", f"out={out}"], cwd=self.at, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def said(self, folder):
        """By number of the sample: patient (or slide, or sample), test, held out, target, probability of the second class."""
        all = torch.load(self.at / folder / "predictions.pt")
        return {
            n.item(): (all["patients"][p] or all["slides"][s] or f"sample {n}", bool(t), bool(h), int(y[0]), q[1].item())
            for n, p, s, t, h, y, q in zip(*(all[name] for name in ("number", "patient", "slide", "test", "held_out", "target", "predicted")))
        }

    def test_whole_patients_are_dealt_and_each_is_tested_once(self):
        self.write("train_csv: all.csv, folds: 3, count: 1")
        self.run_graph()
        tested = {}
        for fold in range(3):
            parts = {True: set(), False: set()}
            for patient, test, held_out, _, _ in self.said(f"out/fold_{fold}").values():
                parts[test].add(patient)
                self.assertFalse(held_out)
            self.assertFalse(parts[True] & parts[False])
            self.assertEqual(sorted(int(p[1:]) % 3 > 0 for p in parts[True]), [False, True, True])  # of each class a third
            self.assertEqual(len(parts[False]), 2)  # 0.2 of two and of four patients: at least one
            for patient in parts[True]:
                self.assertNotIn(patient, tested)
                tested[patient] = fold
        self.assertEqual(set(tested), {f"P{i}" for i in range(PATIENTS)})
        sizes = [len(self.said(f"out/fold_{fold}")) for fold in range(3)]
        self.assertEqual(sum(sizes) - sum(1 for fold in range(3) for one in self.said(f"out/fold_{fold}").values() if not one[1]), len(self.rows))

    def test_a_fold_is_the_training_of_its_samples_alone(self):
        self.write("train_csv: train.csv, folds: 2, count: 2", "mixup: 0.3, ema: 0.8", model="resnet18")
        self.run_graph()
        said = self.said("out/fold_1")
        rows = self.rows[:-4]
        self.table("own_train.csv", [row for i, row in enumerate(rows) if i not in said])
        self.table("own_val.csv", [row for i, row in enumerate(rows) if i in said and not said[i][1]])
        self.write("train_csv: own_train.csv, val_csv: own_val.csv, count: 2", "mixup: 0.3, ema: 0.8", model="resnet18")
        self.run_graph("alone")
        self.assertEqual((self.at / "alone/metrics.csv").read_bytes(), (self.at / "out/fold_1/metrics.csv").read_bytes())
        for name in ("last.pt", "best.pt"):
            one, other = torch.load(self.at / "alone" / name), torch.load(self.at / "out/fold_1" / name)
            for part in ("model", "trained"):
                self.assertTrue(all(torch.equal(one[part][key], other[part][key]) for key in one[part]))

    def metrics(self, samples):
        """Accuracy and area under the curve."""
        y, p = np.array([s[3] for s in samples]), np.array([s[4] for s in samples], np.float32)
        pairs = p[y == 1][:, None].astype(float) - p[y == 0][None, :]
        return np.mean((p > 0.5) == y), ((pairs > 0) + 0.5 * (pairs == 0)).mean() if pairs.size else None

    def check(self, found, samples, seed=7, drawn_are="patients"):
        patients = sorted({s[0] for s in samples})
        self.assertEqual((found["tiles"], found["drawn"], found["draws_of"]), (len(samples), drawn_are, len(patients)))
        self.assertEqual(found.get("patients"), len(patients) if drawn_are == "patients" else None)
        accuracy, auc = self.metrics(samples)
        self.assertAlmostEqual(found["accuracy"]["value"], accuracy, 6)
        if auc is not None:
            self.assertAlmostEqual(found["auc"]["value"], auc, 6)
        draw, drawn, of_both_classes = SplitMix64(seed, len(patients)), [], 0
        for _ in range(1000):
            picked = [patients[draw.below(len(patients))] for _ in patients]
            drawn.append(np.mean([(s[4] > 0.5) == s[3] for name in picked for s in samples if s[0] == name]))
            of_both_classes += len({s[3] for s in samples if s[0] in picked}) == 2
        self.assertEqual(found["auc"]["interval"] is None, of_both_classes < 950 or len(patients) < 2)
        if len(patients) < 2:
            return self.assertIsNone(found["accuracy"]["interval"])
        drawn.sort()
        np.testing.assert_allclose(found["accuracy"]["interval"], [drawn[int(0.025 * 999 + 0.5)], drawn[int(0.975 * 999 + 0.5)]], atol=1e-9)

    def test_metrics_are_numpys_and_intervals_draw_patients(self):
        self.write("train_csv: train.csv, test_csv: test.csv, folds: 3, count: 2", "seed: 7")
        told = self.run_graph()
        # The first patient has a slide in test.csv: the other one is trained with by nobody.
        self.assertIn("slides are left out of training, as test_csv has others of their patients: p0s0", told)
        all = json.loads((self.at / "out/metrics.json").read_text())
        self.assertEqual([fold["fold"] for fold in all["folds"]], [0, 1, 2])
        by_sample = {}
        for fold, found in enumerate(all["folds"]):
            said = self.said(f"out/fold_{fold}")
            self.assertEqual(sum(s[2] for s in said.values()), len(self.held_out))
            self.check(found["val"], [s for s in said.values() if not s[1]])
            self.check(found["test"], [s for s in said.values() if s[1]])
            for number, one in said.items():
                if one[1]:
                    by_sample.setdefault(number, []).append(one)
        mean = lambda several: (*several[0][:4], np.mean([s[4] for s in several], dtype=np.float32))
        together = [mean(several) for several in by_sample.values()]
        self.check(all["pooled_test"], [s for s in together if not s[2]])
        self.check(all["held_out"], [s for s in together if s[2]])
        self.assertEqual(all["held_out"]["slides"], 2)
        slides = [np.mean([s[4] for s in together if s[2] and s[0] == patient]) for patient in ("P0", "P8")]
        self.assertEqual(all["held_out"]["slide_accuracy"]["value"], np.mean([slides[0] <= 0.5, slides[1] > 0.5]))

    def test_numbers_are_predicted_in_folds(self):
        age = {name: 40.0 + 3 * i for i, name in enumerate(sorted({row[3] for row in self.rows}))}
        self.table("ages.csv", [[row[0], age[row[3]], *row[2:]] for row in self.rows], ("path", "age", "slide", "patient"))
        small_network.save(self.at / "small.pt", outputs=1)
        self.write("train_csv: ages.csv, targets: [age], folds: 3, count: 1", "task: regression")
        self.run_graph()
        tested, errors = {}, {}
        for fold in range(3):
            all = torch.load(self.at / f"out/fold_{fold}/predictions.pt")
            of_test = [(all["patients"][p], int(n), y.item(), q.item())
                       for p, n, t, y, q in zip(*(all[name] for name in ("patient", "number", "test", "target", "predicted"))) if t]
            errors[fold] = np.mean([abs(y - q) for _, _, y, q in of_test])
            for patient, number, y, q in of_test:
                self.assertEqual(y, age[patient])
                self.assertNotIn(number, tested)
                tested[number] = abs(y - q)
        self.assertEqual(len(tested), len(self.rows))
        found = json.loads((self.at / "out/metrics.json").read_text())
        for fold in range(3):
            self.assertAlmostEqual(found["folds"][fold]["test"]["mae"]["value"], errors[fold], 4)
        self.assertAlmostEqual(found["pooled_test"]["mae"]["value"], np.mean([*tested.values()]), 4)

    def test_without_folds_validation_and_a_test_table_have_intervals(self):
        self.table("val.csv", self.rows[8:24])
        self.table("less.csv", self.rows[24:-4])
        self.write("train_csv: less.csv, val_csv: val.csv, test_csv: test.csv, count: 3", "seed: 7")
        self.run_graph()
        said = self.said("out").values()
        all = json.loads((self.at / "out/metrics.json").read_text())
        self.check(all["folds"][0]["val"], [s for s in said if not s[1]])
        self.check(all["held_out"], [s for s in said if s[1]])
        self.assertNotIn("pooled_test", all)
        with open(self.at / "out/metrics.csv") as file:
            best = min(csv.DictReader(file), key=lambda row: float(row["loss"]))
        self.assertAlmostEqual(all["folds"][0]["val"]["accuracy"]["value"], float(best["accuracy"]), 6)

    def test_what_is_drawn_is_told_where_patients_are_not_known(self):
        told = "intervals in metrics.json draw %s, as patients are not known, and are too narrow"
        for columns, drawn in ((("path", "label", "slide"), "slides"), (("path", "label"), "tiles")):
            for name, rows in (("some.csv", self.rows[12:]), ("val.csv", self.rows[:12]), ("test.csv", self.held_out)):
                self.table(name, rows, columns)
            self.write("train_csv: some.csv, val_csv: val.csv, test_csv: test.csv, count: 2", "seed: 7")
            self.assertEqual(self.run_graph(drawn).count(told % drawn), 1)
            said, all = self.said(drawn).values(), json.loads((self.at / drawn / "metrics.json").read_text())
            self.check(all["folds"][0]["val"], [s for s in said if not s[1]], drawn_are=drawn)
            self.check(all["held_out"], [s for s in said if s[1]], drawn_are=drawn)
        self.table("some.csv", self.rows, ("path", "label", "slide"))
        self.write("train_csv: some.csv, folds: 2, count: 1")
        self.assertEqual(self.run_graph("in_folds").count(told % "slides"), 1)
        self.write("train_csv: all.csv, folds: 2, count: 1")
        self.assertNotIn("intervals", self.run_graph("of_patients"))

    def test_one_patient_has_no_interval(self):
        self.table("test.csv", self.rows[-4:])
        self.write("train_csv: train.csv, test_csv: test.csv, count: 1", "seed: 7")
        self.run_graph()
        self.check(json.loads((self.at / "out/metrics.json").read_text())["held_out"], list(self.said("out").values()))

    def test_metrics_of_an_older_run_do_not_stay(self):
        self.write("train_csv: train.csv, val_csv: test.csv, count: 1")
        self.run_graph()
        self.assertIn("val", json.loads((self.at / "out/metrics.json").read_text())["folds"][0])
        self.write("train_csv: train.csv, count: 1")
        self.run_graph()
        self.assertEqual(json.loads((self.at / "out/metrics.json").read_text()), {"task": "classification", "folds": [{"fold": 0}]})

    def test_killed_anywhere_it_goes_on_to_the_same_bytes(self):
        self.write("train_csv: train.csv, test_csv: test.csv, folds: 3, count: 2", "mixup: 0.4, ema: 0.9, patience: 2", model="resnet18")
        before = time.monotonic()
        self.run_graph("whole")
        seconds = time.monotonic() - before
        chance, kills = random.Random(5), 0
        for _ in range(5):
            child = subprocess.Popen([support.program(), "graph.yaml", "--set", "out=killed"], cwd=self.at, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.1, 0.8) * seconds)
            child.send_signal(signal.SIGKILL)
            kills += child.wait() == -signal.SIGKILL
        self.run_graph("killed")
        self.assertGreater(kills, 0)
        for name in ["metrics.json"] + [f"fold_{fold}/{one}" for fold in range(3) for one in EVERYTHING]:
            self.assertEqual((self.at / "killed" / name).read_bytes(), (self.at / "whole" / name).read_bytes(), name)

    def test_a_fold_that_gets_no_better_reads_no_more(self):
        self.write("train_csv: train.csv, folds: 2, count: 6", "patience: 1, optimizer: sgd", best="metric: accuracy, learning_rate: 1e-12")
        told = self.run_graph()
        for fold in range(2):
            self.assertIn(f"fold {fold}: training stopped early: no better accuracy in 1 epochs", told)
            with open(self.at / f"out/fold_{fold}/metrics.csv") as file:
                self.assertEqual(len(list(csv.DictReader(file))), 2)
        before = (self.at / "out/metrics.json").read_bytes()
        self.assertIn("done before", self.run_graph())
        self.assertEqual((self.at / "out/metrics.json").read_bytes(), before)

    def test_splits_of_clam(self):
        (self.at / "splits").mkdir()
        for fold in range(2):
            (self.at / f"splits/splits_{fold}.csv").write_text(f",train,val,test\n0,p{fold}s0,p{4 + fold}s0,p8s0\n1,p{2 + fold}s0,,\n2,gone,,\n")
        self.write("train_csv: all.csv, splits: splits, count: 1")
        told = self.run_graph()
        self.assertIn("1 slides of", told)
        self.assertIn("have no samples: gone", told)
        for fold in range(2):
            self.assertEqual({(s[0], s[1], s[2]) for s in self.said(f"out/fold_{fold}").values()}, {(f"P{4 + fold}", False, False), ("P8", True, True)})

    def test_slides_and_images_that_splits_leave_out_or_share_are_told(self):
        self.table("all.csv", [*self.rows, ["p0s0t0.png", "a", "copy", "P20"]])
        (self.at / "splits_0.csv").write_text("train,val,test\n" + "".join(f"p{i}s0,,\n" for i in range(6)) + ",,copy\n,,p6s0\n")
        self.write("train_csv: all.csv, splits: splits_0.csv, count: 1")
        told = self.run_graph()
        self.assertIn("10 slides are in no part of fold 0: p0s1, p1s1, p2s1", told)
        self.assertRegex(told, r"samples to train with and to test share 1 image \(.*p0s0t0\.png\): the test does not show")
        self.assertIn("fold 0: there is nothing to validate with, so the last epoch counts as the best", told)

    def test_what_parts_without_folds_share_is_told(self):
        self.table("some.csv", self.rows[12:-4])
        self.table("val.csv", self.rows[:8])
        self.table("test.csv", [*self.rows[:1], *self.rows[-4:]])
        self.write("train_csv: some.csv, val_csv: val.csv, test_csv: test.csv, count: 1")
        told = self.run_graph()
        self.assertRegex(told, r"samples to validate with and to test share 1 image \(.*p0s0t0\.png\), 1 slide \(p0s0\), 1 patient \(P0\): the best epoch is chosen by what is tested")
        self.assertNotIn("samples to train", told)

    def test_a_last_epoch_is_not_stopped_early(self):
        self.write("train_csv: train.csv, folds: 2, count: 2", "patience: 1, optimizer: sgd", best="metric: accuracy, learning_rate: 1e-12")
        self.assertNotIn("stopped early", self.run_graph())

    def test_folds_of_slides_in_the_graph(self):
        for i in range(6):
            subprocess.run([support.program(), "synth", f"s{i}.svs", "--width", "600", "--height", "500", "--seed", str(i + 1)], cwd=self.at, check=True)
        (self.at / "labels.csv").write_text("slide,label\n" + "".join(f"s{i},{'ab'[i % 2]}\n" for i in range(6)))
        graph = """
flowrun: 1
params: {out: out}
nodes:
  slides:  {type: read, path: "s*.svs"}
  tiles:   {type: extract, from: slides, size: 32, stride: 200, labels: labels.csv}
  places:  {type: index, from: tiles}
  epochs:  {type: epochs, from: places, folds: 3, count: 1}
  samples: {type: load, from: epochs, size: 32}
  batches: {type: to_tensor, from: samples, batch: 4}
  model:   {type: train, from: batches, dir: out, threads: 1, model: small.pt}
"""
        (self.at / "graph.yaml").write_text(graph)
        told = self.run_graph()
        self.assertIn("each slide is taken as of a patient of its own", told)
        tested = [set(torch.load(self.at / f"out/fold_{fold}/predictions.pt")["slides"]) for fold in range(3)]
        self.assertEqual({name for part in tested for name in part}, {f"s{i}" for i in range(6)})
        self.assertEqual([len(part) for part in tested], [4, 4, 4])  # of each class one to test and one to validate with

    def test_models_of_another_training_are_not_passed_on(self):
        plain, folds = "train_csv: train.csv, count: 1", "train_csv: train.csv, folds: %d, count: 1"
        refused = lambda file: f"{file} is of an earlier training and this one, .* folds?, would not replace it: choose another `dir`"
        self.write(plain)
        self.run_graph("plain")
        self.write(folds % 3)
        self.assertRegex(self.run_graph("plain", expect=1), refused("plain/best.pt"))
        self.assertFalse((self.at / "plain/fold_0").exists())
        self.run_graph("folds")
        self.write(plain)
        self.assertRegex(self.run_graph("folds", expect=1), refused("folds/fold_[012]/best.pt"))
        self.write(folds % 2)
        self.assertRegex(self.run_graph("folds", expect=1), refused("folds/fold_2/best.pt"))
        shutil.rmtree(self.at / "folds/fold_2")
        self.run_graph("folds")

    def test_the_plan_refuses_to_pass_on_a_model_of_several_folds(self):
        exported = "  file: {type: export, from: model, dir: exported}\n"
        varied = "  varied: {type: augment, from: samples, seed: 1}\n"
        for number in range(2):
            (self.at / f"splits_{number}.csv").write_text("train,val,test\np0s0,p2s0,p4s0\np1s0,p3s0,p5s0\n")
        for folds, number in (("folds: 1", 1), ("splits: splits_0.csv", 1), ("folds: 3", 3), ("splits: .", 2)):
            with self.subTest(folds):
                self.write(f"train_csv: train.csv, {folds}, count: 1", more=varied + exported)
                graph = self.at / "graph.yaml"
                graph.write_text(graph.read_text().replace("to_tensor, from: samples", "to_tensor, from: varied"))
                told = self.run_graph("never", "check", expect=0 if number == 1 else 2)
                if number > 1:
                    self.assertRegex(told, rf"graph\.yaml:8:\d+: error: node 'model': a model is trained for each of {number} folds, "
                                           "so there is not one to pass on: let those that take it read fold_0/best.pt")
        self.write("train_csv: train.csv, folds: 1, count: 1", more=exported)
        self.run_graph("single")
        self.assertTrue((self.at / "single/fold_0/best.pt").exists())

    def test_mistakes(self):
        for epochs, wanted in (
            ("train_csv: train.csv, val_csv: test.csv, folds: 2", r"graph\.yaml:5:\d+.*val_csv says what is validated with"),
            ("train_csv: train.csv, splits: splits, folds: 2", r"graph\.yaml:5:\d+.*splits say what they are"),
            ("train_csv: train.csv, splits: splits", r"graph\.yaml:5:\d+.*there is no .*splits"),
        ):
            self.write(epochs)
            self.assertRegex(self.run_graph(expect=2), wanted)
        self.write("train_csv: train.csv, folds: 30, count: 1")
        self.assertIn("8 patients are too few for 30 folds", self.run_graph(expect=1))
        self.table("some.csv", [[*row[:3], "" if row[3] == "P2" else row[3]] for row in self.rows])
        self.write("train_csv: some.csv, folds: 2, count: 1")
        self.assertRegex(self.run_graph(expect=1), "has no patient, so folds may test what they trained with")
        self.table("none.csv", self.rows, ("path", "label"))
        self.write("train_csv: none.csv, folds: 2, count: 1")
        self.assertRegex(self.run_graph(expect=1), r"none\.csv:2: the sample has no slide, by which folds are made")


if __name__ == "__main__":
    support.main()

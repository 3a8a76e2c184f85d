#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which samples are drawn, how classes weigh, and whose patients' slides go to validation."""
import csv
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import small_network
import support

TABLE = """
flowrun: 1
params: {out: out}
nodes:
  epochs:  {type: epochs, train_csv: train.csv, count: 1, seed: 3, sampling: %(sampling)s}
  samples: {type: load, from: epochs, size: 32}
  batches: {type: to_tensor, from: samples, batch: 5}
  model:   {type: train, from: batches, dir: "${out}", threads: 1, model: small.pt, class_weights: %(weights)s}
"""

SLIDES = """
flowrun: 1
params: {out: out}
nodes:
  slides:  {type: read, path: %(slides)s}
  tiles:   {type: extract, from: slides, size: 32, stride: 400, labels: labels.csv}
  table:   {type: save, from: {tile: tiles, slide: slides}, dir: "${out}/tiles", format: none}
  places:  {type: index, from: tiles}
  epochs:  {type: epochs, from: places, validation: 0.5, split_by: %(split)s, count: 1, seed: %(seed)d}
  samples: {type: load, from: epochs, size: 32}
  batches: {type: to_tensor, from: samples, batch: 4}
  model:   {type: train, from: batches, dir: "${out}/model", threads: 1, model: small.pt}
"""


class Samples(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-samples-")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        small_network.save(self.at / "small.pt")

    def run_graph(self, graph, expect=0, out="out", more=()):
        (self.at / "graph.yaml").write_text(graph)
        done = subprocess.run([support.program(), "graph.yaml", "--set", f"out={out}", *more], cwd=self.at, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def weights(self, sampling, weights):
        out = re.sub(r"\W", "", sampling + weights)
        self.run_graph(TABLE % {"sampling": sampling, "weights": weights}, out=out)
        return torch.load(self.at / out / "last.pt")["model"]

    def test_what_balances_classes_does_so_once(self):
        """8 samples of a, 2 of b. Drawn as they are b weighs 4 times a (King and Zeng 2001: 10 / (2 * 8), 10 / (2 * 2)); drawn
        alike neither weighs more; drawn by a weight of 2 for those of b, 8 to 4: 12 / (2 * 8), 12 / (2 * 4)."""
        rng = np.random.default_rng(1)
        with open(self.at / "train.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["path", "label", "weight"])
            for i in range(10):
                Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(self.at / f"{i}.png")
                table.writerow([f"{i}.png", "b" if i < 2 else "a", 2 if i < 2 else 1])
        for sampling, by_hand in (("each", "[0.625, 2.5]"), ("balanced", "[1, 1]"), ("weighted", "[0.75, 1.5]")):
            with self.subTest(sampling):
                auto, given = self.weights(sampling, "auto"), self.weights(sampling, by_hand)
                self.assertTrue(all(torch.equal(auto[name], given[name]) for name in auto))

    def slides(self, patients):
        for i in range(4):
            subprocess.run([support.program(), "synth", f"s{i}.svs", "--width", "1200", "--height", "900", "--seed", str(i + 1)], cwd=self.at, check=True)
        (self.at / "labels.csv").write_text("slide,label\n" + "".join(f"s{i},{'ab'[i % 2]}\n" for i in range(4)))
        (self.at / "slides.csv").write_text("path,patient\n" + "".join(f"s{i}.svs,{patients[i]}\n" for i in range(4)))

    def test_patients_of_a_list_are_split_whole(self):
        """Patients P: s0 (a), s1 (b); Q: s2 (a), s3 (b). Half of each class is a patient, or one slide of each."""
        self.slides("PPQQ")
        split = set()
        for seed in range(6):
            said = self.run_graph(SLIDES % {"slides": "slides.csv", "split": "patient", "seed": seed}, out=f"patient{seed}")
            self.assertNotIn("samples to train and to validate with share", said)
            said = self.run_graph(SLIDES % {"slides": "slides.csv", "split": "slide", "seed": seed}, out=f"slide{seed}")
            split.add("samples to train and to validate with share 2 patients (P)" in said)
        self.assertIn(True, split)  # by slides some seed parts them, and that is told

    def test_places_are_gathered_from_parts(self):
        """Slides that parts have done are not read again for their places, and the model is the same."""
        self.slides("PPQQ")
        graph = SLIDES % {"slides": "slides.csv", "split": "patient", "seed": 1}
        self.run_graph(graph, out="whole")
        for part in ("1/2", "2/2"):
            self.run_graph(graph, out="parts", more=["--part", part])
            self.assertFalse((self.at / "parts/model/last.pt").exists())
        self.assertEqual(json.loads(self.run_graph(graph, out="parts", more=["--json"]))["scope_counts"], {"done": 1, "done before": 4})
        whole, parts = (torch.load(self.at / out / "model/last.pt")["model"] for out in ("whole", "parts"))
        self.assertTrue(all(torch.equal(whole[name], parts[name]) for name in whole))

    def test_without_patients_that_is_told(self):
        self.slides("PPQQ")
        said = self.run_graph(SLIDES % {"slides": '"*.svs"', "split": "patient", "seed": 1}, 1)
        self.assertIn("the sample has no patient, by which validation is split off; add the column 'patient' to a list of slides for read", said)
        (self.at / "other.csv").write_text("path,patient\ns0.svs,Q\n")
        said = self.run_graph(SLIDES % {"slides": "[slides.csv, other.csv]", "split": "patient", "seed": 1}, 1)
        self.assertIn("lists this slide as of patient 'Q', and it is listed as of 'P' as well", said)


if __name__ == "__main__":
    torch.set_num_threads(1)
    support.main()

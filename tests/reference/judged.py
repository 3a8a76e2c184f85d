# SPDX-License-Identifier: Apache-2.0
"""Small models trained on small images, whose validation has mistakes."""
import argparse
import csv
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

COUNT = 48
LABELS = ("er", "pr", "her2")
MEAN, STD = (torch.tensor(n).view(3, 1, 1) for n in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))

TRAIN = """
flowrun: 1
nodes:
  epochs:  {type: epochs, train_csv: train.csv, val_csv: val.csv, count: %(epochs)d, samples_per_epoch: 480, seed: 3%(of_epochs)s}
  samples: {type: load, from: epochs, size: 16}
  batches: {type: to_tensor, from: samples, batch: 16}
  model:   {type: train, from: batches, dir: %(out)s, threads: 1, model: module.pt, channels_last: false,
            schedule: constant, learning_rate: 0.03, %(train)s}
"""

PREDICT = """
flowrun: 1
nodes:
  slides: {type: read, path: "*.svs"}
  tiles: {type: extract, from: slides, size: 16, stride: 128, max_tiles: 40}
  predicted: {type: predict, from: tiles, model: %(model)s%(more)s}
  scores: {type: save_predictions, from: {tile: predicted, slide: slides}, dir: %(out)s}
  files: {type: save, from: predicted, dir: %(out)s_files}
"""


class Small(torch.nn.Module):
    def __init__(self, outputs: int):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 12, 5, stride=2)
        self.last = torch.nn.Linear(12, outputs)

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)).mean([2, 3]))


def rows_of(table):
    with open(table, newline="") as file:
        return list(csv.DictReader(file))


class JudgedTest(unittest.TestCase):
    BUILD = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-calibration-")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        self.rng = np.random.default_rng(1)
        shade = self.rng.integers(0, 3, (COUNT, 3))  # of each colour
        pixels = (60 + 60 * shade[:, None, None, :] + self.rng.normal(0, 40, (COUNT, 16, 16, 3))).clip(0, 255).astype(np.uint8)
        for i in range(COUNT):
            Image.fromarray(pixels[i]).save(self.at / f"{i}.png")
        self.images = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - MEAN) / STD
        self.classes = shade[:, 0]
        self.labels = (shade > 0).astype(int)

    def table(self, name, classes, labels):
        with open(self.at / name, "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["path", "slide", "label", *LABELS])
            for i in range(COUNT):
                table.writerow([f"{i}.png", f"slide{i // 4}", f"c{classes[i]}", *labels[i]])

    def tables(self, classes):
        """Training without a mistake; in validation each fourth is labelled by chance."""
        self.of = self.classes.clip(0, classes - 1)
        self.table("train.csv", self.of, self.labels)
        by_chance = self.rng.random(COUNT) < 0.25
        self.of = np.where(by_chance, self.rng.integers(0, classes, COUNT), self.of)
        self.labels = np.where(by_chance[:, None], self.rng.integers(0, 2, (COUNT, 3)), self.labels)
        self.table("val.csv", self.of, self.labels)

    def run_graph(self, text, code=0):
        (self.at / "graph.yaml").write_text(text)
        done = subprocess.run([self.BUILD / "bin/flowrun", "graph.yaml"], cwd=self.at, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def train(self, outputs, train, out="out", targets=(), code=0, epochs=1):
        torch.manual_seed(2)
        torch.jit.script(Small(outputs)).save(str(self.at / "module.pt"))
        names = f", targets: [{', '.join(targets)}]" if targets else ""
        return self.run_graph(TRAIN % {"train": train, "out": out, "of_epochs": names, "epochs": epochs}, code)

    def network(self, outputs, out, file="best.pt"):
        module = Small(outputs).eval()
        state = torch.load(self.at / out / file)
        module.load_state_dict(state["model"])
        return module, json.loads(state["facts"]), state

    def logits(self, outputs, out):
        module, facts, state = self.network(outputs, out)
        with torch.no_grad():
            return module(self.images).double(), facts, state

    def row(self, out, number=-1):
        return rows_of(self.at / out / "metrics.csv")[number]

    def predicted(self, model, out, more=""):
        if not (self.at / "a.svs").exists():
            subprocess.run([self.BUILD / "bin/flowrun", "synth", "a.svs", "--width", "1500", "--height", "1200", "--seed", "1"],
                           cwd=self.at, check=True, capture_output=True)
        self.run_graph(PREDICT % {"model": model, "out": out, "more": more})
        tiles = rows_of(self.at / f"{out}_files/a/tiles.csv")
        pixels = [np.asarray(Image.open(self.at / f"{out}_files/a" / tile["path"])) for tile in tiles]
        images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
        return rows_of(self.at / out / "a/predictions.csv"), (images - MEAN) / STD, rows_of(self.at / out / "slides.csv")[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    options, rest = parser.parse_known_args()
    JudgedTest.BUILD = options.build.resolve()
    torch.set_num_threads(1)
    unittest.main(argv=[sys.argv[0], *rest])

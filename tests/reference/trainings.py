# SPDX-License-Identifier: Apache-2.0
"""Trainings of few small images by flowrun and by PyTorch, for tests that compare their weights."""
import argparse
import csv
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

COUNT = 12

# The samples of an epoch are all there are, then all again in another order, so a batch of all of them is the same up to
# its order.
GRAPH = """
flowrun: 1
params: {out: out}
nodes:
  epochs:  {type: epochs, train_csv: train.csv, count: %(epochs)d, samples_per_epoch: %(samples)d, seed: 3%(epochs_options)s}
  samples: {type: load, from: epochs, size: 16}
  batches: {type: to_tensor, from: samples, batch: %(batch)d}
  model:   {type: train, from: batches, dir: "${out}", threads: 1, model: %(model)s, channels_last: false, %(train)s}
"""


def drawn_order(count, seed, epoch, rows=COUNT):
    """The rows of an epoch, as nodes/base/random.h says that they are drawn: SplitMix64, then Fisher and Yates."""
    mask = (1 << 64) - 1

    def mix(value):
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & mask
        value = (value ^ value >> 27) * 0x94D049BB133111EB & mask
        return value ^ value >> 31

    state = mix(seed + 0x632BE59BD9B4E019 & mask) ^ mix(~epoch & mask)
    drawn, order = [], list(range(rows))
    while len(drawn) < count:
        for i in range(rows, 1, -1):
            state = state + 0x9E3779B97F4A7C15 & mask
            j = mix(state) % i
            order[i - 1], order[j] = order[j], order[i - 1]
        drawn += order[: count - len(drawn)]
    return drawn


class Small(torch.nn.Module):
    def __init__(self, most: int = 1000):
        super().__init__()
        self.most = most
        self.first = torch.nn.Conv2d(3, 6, 5, stride=2)
        self.last = torch.nn.Linear(6, 3)

    def forward(self, x):
        if x.shape[0] > self.most:
            raise RuntimeError("out of memory")
        return self.last(torch.tanh(self.first(x)).mean([2, 3]))


class Normed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 6, 5, stride=2, bias=False)
        self.normal = torch.nn.BatchNorm2d(6)
        self.last = torch.nn.Linear(6, 3)

    def forward(self, x):
        return self.last(torch.relu(self.normal(self.first(x))).mean([2, 3]))


class Trainings(unittest.TestCase):
    """Twelve small images of three classes, in a table and as PyTorch has them."""

    build = None  # folder

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-training-")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        rng = np.random.default_rng(1)
        self.labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
        images = []
        with open(self.at / "train.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["path", "label"])
            for i, label in enumerate(self.labels):
                pixels = rng.normal(100 + 30 * label.item(), 50, (16, 16, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(self.at / f"{i}.png")
                table.writerow([f"{i}.png", "abc"[label]])
                images.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255)
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.images = (torch.stack(images) - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)

    def module(self, kind=Small, **options):
        torch.manual_seed(2)
        module = kind(**options)
        torch.jit.script(module).save(self.at / "module.pt")
        return module

    def write_graph(self, train, epochs=1, steps=50, batch=COUNT, model="module.pt", validate=False, more=""):
        more += ", val_csv: train.csv" if validate else ""
        (self.at / "graph.yaml").write_text(
            GRAPH % {"epochs": epochs, "samples": steps * COUNT, "batch": batch, "train": train, "model": model, "epochs_options": more}
        )

    def run_graph(self, out="out", expect=0):
        done = subprocess.run([self.build / "bin/flowrun", "graph.yaml", "--set", f"out={out}"], cwd=self.at, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        self.said = done.stdout + done.stderr

    def train(self, train, *arguments, out="out", **options):
        self.write_graph(train, *arguments, **options)
        self.run_graph(out)
        return torch.load(self.at / out / "last.pt")["model"]

    def rows(self, out="out"):
        with open(self.at / out / "metrics.csv") as file:
            return list(csv.DictReader(file))

    def compare(self, found, wanted, most=1e-5):
        for name, tensor in wanted.items():
            self.assertLess((found[name] - tensor).abs().max().item(), most, name)

    def wanted(self, module, loss, optimizer, scheduler=None, steps=50):
        for _ in range(steps):
            optimizer.zero_grad()
            loss(module(self.images), self.labels).backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
        return module.state_dict()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    options, rest = parser.parse_known_args()
    Trainings.build = options.build.resolve()
    torch.set_num_threads(1)
    unittest.main(argv=[sys.argv[0], *rest])

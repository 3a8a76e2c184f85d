#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trainings beside each other in one graph: each ends as it does alone, to the bit, and draws what PyTorch draws."""
import csv
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import support

SAMPLES = """
flowrun: 1
memory: 2 GiB
nodes:
  epochs:  {type: epochs, train_csv: train.csv, count: %(count)d, seed: 3}
  samples: {type: load, from: epochs, size: 32}
  batches: {type: to_tensor, from: samples, batch: 4}
"""


class Noisy(torch.nn.Module):
    """Draws random numbers of three kinds while it is trained."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 5)
        self.drop = torch.nn.Dropout(0.4)
        self.last = torch.nn.Linear(8, 2)

    def forward(self, x):
        y = self.drop(self.conv(x).relu().mean([2, 3]))
        if self.training:
            y = y + 0.1 * torch.randn_like(y) * torch.bernoulli(torch.full_like(y, 0.5))
        return self.last(y)


TRAININGS = {
    "one": "model: efficientnet_b0, seed: 1",
    "two": "model: efficientnet_b0, seed: 2, checkpointing: true",
    "script": "model: noisy.pt, seed: 1, learning_rate: 0.01",
    "script2": "model: noisy.pt, seed: 2, learning_rate: 0.01",
}


class Together(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-together-")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        rng = np.random.default_rng(1)
        with open(self.at / "train.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["path", "label"])
            for i in range(10):
                Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(self.at / f"{i}.png")
                table.writerow([f"{i}.png", "ab"[i % 2]])
        torch.manual_seed(4)
        torch.jit.script(Noisy()).save(self.at / "noisy.pt")

    def write(self, out, names, count, more=""):
        nodes = "".join(f'  {name}: {{type: train, from: batches, threads: 1, dir: {out}/{name}, {TRAININGS[name]}{more}}}\n' for name in names)
        (self.at / "graph.yaml").write_text(SAMPLES % {"count": count} + nodes)

    def train(self, out, names, count=2, more=""):
        self.write(out, names, count, more)
        done = subprocess.run([support.program(), "graph.yaml"], cwd=self.at, capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_each_ends_as_alone(self):
        for name in TRAININGS:
            self.train("alone", [name])
        files = ("last.pt", "best.pt", "metrics.csv", "curves.png", "curves.svg")
        self.assertNotEqual(*((self.at / "alone" / name / "last.pt").read_bytes() for name in ("script", "script2")))
        for i in range(20 if support.LONG else 2):
            self.train(f"together{i}", TRAININGS)
            for name in TRAININGS:
                for file in files:
                    with self.subTest(run=i, training=name, file=file):
                        same = (self.at / f"together{i}" / name / file).read_bytes() == (self.at / "alone" / name / file).read_bytes()
                        self.assertTrue(same)

    def test_killed_a_module_goes_on_with_its_random_numbers(self):
        self.train("whole", ["script"], count=12)
        self.write("parts", ["script"], count=12)
        child = subprocess.Popen([support.program(), "graph.yaml"], cwd=self.at, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (self.at / "parts/script/last.pt").exists() and child.poll() is None:
            time.sleep(0.01)
        child.kill()
        child.wait()
        self.assertIn("epoch-0000: done before", self.train("parts", ["script"], count=12))
        whole, parts = ((self.at / out / "script/last.pt").read_bytes() for out in ("whole", "parts"))
        self.assertEqual(whole, parts)

    def test_first_weights_are_those_of_a_generator_of_the_seed(self):
        """The first convolution is what is drawn first: He et al. 2015 by fan out, from PyTorch's generator of the seed."""
        self.train("out", ["one"], count=1, more=", optimizer: sgd, weight_decay: 0, learning_rate: 1e-38")
        found = torch.load(self.at / "out/one/last.pt")["model"]["features.0.0.weight"]
        wanted = torch.empty(32, 3, 3, 3).normal_(0, (2 / (32 * 9)) ** 0.5, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    support.main()

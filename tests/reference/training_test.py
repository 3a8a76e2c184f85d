#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Losses, schedules, optimizers, accumulation and split batches against PyTorch: the same weights after 50 steps."""
import argparse
import csv
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

BUILD = None
COUNT = 12
LR = torch.optim.lr_scheduler

# The samples of an epoch are all there are, then all again in another order, so a batch of all of them is the same up to
# its order.
GRAPH = """
flowrun: 1
params: {out: out}
nodes:
  epochs:  {type: epochs, train_csv: train.csv, count: %(epochs)d, samples_per_epoch: %(samples)d, seed: 3}
  samples: {type: load, from: epochs, size: 16}
  batches: {type: to_tensor, from: samples, batch: %(batch)d}
  model:   {type: train, from: batches, dir: "${out}", threads: 1, model: module.pt, channels_last: false, %(train)s}
"""


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


class Against(unittest.TestCase):
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

    def module(self, most=1000):
        torch.manual_seed(2)
        module = Small(most)
        torch.jit.script(module).save(self.at / "module.pt")
        return module

    def train(self, train, epochs=1, steps=50, batch=COUNT, out="out"):
        (self.at / "graph.yaml").write_text(GRAPH % {"epochs": epochs, "samples": steps * COUNT, "batch": batch, "train": train})
        done = subprocess.run([BUILD / "bin/flowrun", "graph.yaml", "--set", f"out={out}"], cwd=self.at, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.said = done.stdout + done.stderr
        return torch.load(self.at / out / "last.pt")["model"]

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

    def test_fifty_steps_are_pytorchs(self):
        auto = torch.tensor([12 / (3 * n) for n in (6, 4, 2)])
        given = torch.tensor([1.0, 0.5, 3.0])

        def focal(gamma, weight=None):
            def loss(logits, labels):
                p = logits.softmax(1)[torch.arange(COUNT), labels]
                each = (1 - p) ** gamma * F.cross_entropy(logits, labels, weight, reduction="none")
                return each.mean() if weight is None else each.sum() / weight[labels].sum()

            return loss

        entropy = lambda weight=None, smoothing=0.0: lambda logits, labels: F.cross_entropy(logits, labels, weight, label_smoothing=smoothing)
        adamw = lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)
        sgd = lambda p: torch.optim.SGD(p, 0.05, momentum=0.8, weight_decay=0.001)
        a, s = "optimizer: adamw, learning_rate: 0.01, weight_decay: 0.1", "optimizer: sgd, learning_rate: 0.05, momentum: 0.8, weight_decay: 0.001"
        for options, loss, make, schedule, epochs in (
            (f"{a}, schedule: constant", entropy(), adamw, None, 1),
            (f"{s}, schedule: constant, class_weights: auto", entropy(auto), sgd, None, 1),
            (f"{s}, schedule: cosine, class_weights: [1, 0.5, 3], label_smoothing: 0.1", entropy(given, 0.1), sgd, lambda o: LR.CosineAnnealingLR(o, 50), 1),
            (f"{a}, schedule: one_cycle, loss: focal", focal(2), adamw, lambda o: LR.OneCycleLR(o, 0.01, total_steps=50), 1),
            (f"{s}, schedule: one_cycle, loss: focal, focal_gamma: 0.5", focal(0.5), sgd, lambda o: LR.OneCycleLR(o, 0.05, total_steps=50), 1),
            (f"{s}, schedule: step, step_epochs: 2, step_factor: 0.3, loss: focal, class_weights: [1, 0.5, 3]", focal(2, given), sgd, lambda o: LR.StepLR(o, 20, 0.3), 5),
            (f"{a}, schedule: cosine, warmup_epochs: 1", entropy(), adamw, lambda o: LR.SequentialLR(o, [LR.LinearLR(o, 0.1, 1, 9), LR.CosineAnnealingLR(o, 40)], [10]), 5),
        ):
            with self.subTest(options):
                module = self.module()
                optimizer = make(module.parameters())
                wanted = self.wanted(module, loss, optimizer, schedule and schedule(optimizer))
                self.compare(self.train(f"{options}, metric: loss", epochs, 50 // epochs, out=options.replace(" ", "")[:60] + str(len(options))), wanted)

    def test_a_batch_in_parts_is_the_whole_batch(self):
        """Class weights differ between the parts, and so do their sizes: 12 samples as 4, 4, 4 by accumulation, as 5, 5, 2, and
        as 3 of at most 5 when memory is said to be short."""
        for loss in ("cross_entropy, label_smoothing: 0.1", "focal, focal_gamma: 0.7"):
            train = f"loss: {loss}, class_weights: [1, 0.5, 7], optimizer: sgd, learning_rate: 0.05, schedule: constant"
            self.module()
            whole = self.train(train, steps=1, out=f"whole{loss[:5]}")
            for batch, options in ((4, "accumulate: 3"), (5, "accumulate: 3"), (12, "accumulate: 7")):
                found = self.train(f"{train}, {options}", steps=1, batch=batch, out=f"{batch}{loss[:5]}")
                self.compare(found, whole, 1e-6)
            self.module(most=5)
            found = self.train(f"{train}, on_oom: split", steps=1, out=f"split{loss[:5]}")
            self.assertIn("out of memory with 12 images at once: went on with 6", self.said)
            self.assertIn("out of memory with 6 images at once: went on with 3", self.said)
            self.compare(found, whole, 1e-6)
            with open(self.at / f"split{loss[:5]}/metrics.csv") as a, open(self.at / f"whole{loss[:5]}/metrics.csv") as b:
                split, one = next(csv.DictReader(a)), next(csv.DictReader(b))
            self.assertAlmostEqual(float(split["train_loss"]), float(one["train_loss"]), 5)

    def test_what_is_known_for_sure_has_a_finite_gradient(self):
        """Logits so far apart that the probability is 1 in float32; below 1 the power of 1 - p has no slope there."""
        class Sure(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.scale = torch.nn.Parameter(torch.tensor([500.0, -500.0, -500.0]))

            def forward(self, x):
                return self.scale.expand(x.shape[0], 3) + 0 * x.mean([1, 2, 3]).unsqueeze(1)

        torch.jit.script(Sure()).save(self.at / "module.pt")
        for gamma in (0, 0.5, 1, 2):
            found = self.train(f"loss: focal, focal_gamma: {gamma}", steps=1, out=f"gamma{gamma}")
            self.assertTrue(found["scale"].isfinite().all())

    def test_classes_that_weigh_nothing_do_no_harm(self):
        self.module()
        for batch in (1, 4):
            found = self.train("class_weights: [0, 1, 1], optimizer: sgd", steps=1, batch=batch, out=f"zero{batch}")
            self.assertTrue(all(tensor.isfinite().all() for tensor in found.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    options, rest = parser.parse_known_args()
    BUILD = options.build.resolve()
    torch.set_num_threads(1)
    unittest.main(argv=[sys.argv[0], *rest])

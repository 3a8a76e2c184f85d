# SPDX-License-Identifier: Apache-2.0
"""Models of slides in PyTorch, and a training of them to compare with: gradients, losses and what they predict."""
import argparse
import csv
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

BUILD = None
DIMENSIONS, HIDDEN, ATTENTION = 12, 9, 7

TRAINING = """\
  bags_%(out)s: {type: bags, features: %(features)s, labels: labels.csv, folds: 1, validation: 0.25, count: %(epochs)d%(bags)s}
  model_%(out)s: {type: train_mil, from: bags_%(out)s, hidden: 9, attention: 7, dropout: 0, dimensions: 16, threads: 1, dir: %(out)s,
                  optimizer: sgd, momentum: 0, weight_decay: 0, schedule: constant, learning_rate: 1, accumulate: 1000, %(model)s}
"""


class Attention(nn.Module):
    """Ilse, Tomczak and Welling 2018, equations 8 and 9; the names are those of CLAM."""

    def __init__(self, gated):
        super().__init__()
        self.attention_a = nn.Sequential(nn.Linear(HIDDEN, ATTENTION), nn.Tanh())
        if gated:
            self.attention_b = nn.Sequential(nn.Linear(HIDDEN, ATTENTION), nn.Sigmoid())
        self.attention_c = nn.Linear(ATTENTION, 1)

    def forward(self, h):
        a = self.attention_a(h)
        if hasattr(self, "attention_b"):
            a = a * self.attention_b(h)
        return torch.softmax(self.attention_c(a), 0)


class Slide(nn.Module):
    def __init__(self, kind, outputs):
        super().__init__()
        self.kind = kind
        layers = [nn.Linear(DIMENSIONS, HIDDEN), nn.ReLU(), nn.Dropout(0)]
        if kind in ("attention", "gated_attention", "clam_sb"):
            layers.append(Attention(kind != "attention"))
        self.attention_net = nn.Sequential(*layers)
        self.classifiers = nn.Linear(HIDDEN, outputs)
        if kind == "clam_sb":
            self.instance_classifiers = nn.ModuleList(nn.Linear(HIDDEN, 2) for _ in range(outputs))

    def forward(self, x):
        h = self.attention_net[:3](x)
        self.h, self.weights = h, None
        if self.kind == "mean":
            return self.classifiers(h.mean(0))
        if self.kind == "max":
            return self.classifiers(h.max(0).values)
        self.weights = self.attention_net[3](h)[:, 0]
        return self.classifiers((self.weights[:, None] * h).sum(0))

    def instance_loss(self, label, k, subtyping):
        """CLAM's inst_eval and inst_eval_out (models/model_clam.py), with cross entropy."""
        order = torch.argsort(self.weights, descending=True)
        k = min(k, len(order))
        top, bottom = self.h[order[:k]], self.h[order[-k:]]
        inside = F.cross_entropy(self.instance_classifiers[label](torch.cat([top, bottom])),
                                 torch.cat([torch.ones(k), torch.zeros(k)]).long())
        if not subtyping:
            return inside
        others = [F.cross_entropy(c(top), torch.zeros(k).long())
                  for i, c in enumerate(self.instance_classifiers) if i != label]
        return (inside + sum(others)) / len(self.instance_classifiers)


class MilTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="flowrun-mil-")
        cls.folder = Path(cls.holder.name)
        (cls.folder / "features").mkdir()
        random = np.random.default_rng(1)
        cls.bags, rows = {}, ["case_id,slide_id,label,age,event"]
        for i in range(16):
            label = i % 3
            x = random.normal(size=(int(random.integers(9, 40)), DIMENSIONS)).astype(np.float32)
            x[:4, label] += 2
            name = f"slide{i:02}"
            cls.bags[name] = (torch.from_numpy(x), label, [float(label) + 0.5 * (i % 5), float(i % 4 != 1)])
            with h5py.File(cls.folder / f"features/{name}.h5", "w") as file:  # CLAM's layout
                file.create_dataset("features", data=x, maxshape=(None, DIMENSIONS), chunks=(4, DIMENSIONS))
                file.create_dataset("coords", data=np.zeros((len(x), 2), np.int32), maxshape=(None, 2), chunks=(1, 2))
            rows.append(f"case{i},{name},{'abc'[label]},{cls.bags[name][2][0]},{cls.bags[name][2][1]}")
        (cls.folder / "labels.csv").write_text("\n".join(rows) + "\n")

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def run_graph(self, nodes, *more):
        (self.folder / "graph.yaml").write_text(f"flowrun: 1\nnodes:\n{nodes}")
        done = subprocess.run([str(BUILD / "bin/flowrun"), "run", "graph.yaml", *more], capture_output=True, text=True,
                              cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @staticmethod
    def training(out, epochs, model, bags="", features="features"):
        """Nodes of a training into the folder `out`."""
        return TRAINING % {"out": out, "epochs": epochs, "model": model, "bags": bags, "features": features}

    def trained(self, out):
        """Weights after the last epoch, and the table of epochs."""
        return torch.load(self.folder / out / "fold_0/last.pt")["model"], self.table(f"{out}/fold_0/metrics.csv")

    def train(self, out, *training, **more):
        self.run_graph(self.training(out, *training, **more))
        return self.trained(out)

    def table(self, name):
        return list(csv.DictReader((self.folder / name).read_text().splitlines()))

    def said(self, out):
        return self.table(f"{out}/predictions.csv")

    def check(self, name, kind, loss_of, **options):
        return self.check_all({name: (kind, loss_of, options)})

    def check_all(self, checks):
        """By name the kind of model, its loss and options. Trains all in one run; returns the last one's module, and slides
        of validation."""
        self.run_graph("".join(self.two_epochs(name, kind, **options) for name, (kind, _, options) in checks.items()))
        for name, (kind, loss_of, options) in checks.items():
            with self.subTest(name):
                last = self.check_step(name, kind, loss_of, options.get("outputs", 3))
        return last

    def two_epochs(self, name, kind, outputs=3, options="", bags="", block=4096):
        """A training that ends after the first, and one after the second."""
        options = f"model: {kind}, block_tiles: {block}, patience: 99, metric: loss{options}"
        return "".join(self.training(f"{name}_{epochs}", epochs, options, bags) for epochs in (1, 2))

    def check_step(self, name, kind, loss_of, outputs):
        """Of a step of the second epoch with all slides: the gradients, the loss, what is said of validation."""
        before, _ = self.trained(f"{name}_1")
        after, rows = self.trained(f"{name}_2")
        slide = Slide(kind, outputs)
        slide.load_state_dict(before)
        self.assertEqual(set(before), set(slide.state_dict()))
        validation = {row["slide"] for row in self.said(f"{name}_2")}
        self.assertGreaterEqual(len(validation), 3)
        losses = [loss_of(slide, *self.bags[name]) for name in self.bags if name not in validation]
        loss = sum(losses) / len(losses)
        loss.backward()
        self.assertAlmostEqual(float(rows[1]["train_loss"]), float(loss), delta=1e-5)
        for parameter, tensor in slide.named_parameters():
            found = before[parameter] - after[parameter]
            gradient = tensor.grad if tensor.grad is not None else torch.zeros_like(tensor)
            scale = float(gradient.abs().max())
            if parameter.endswith("attention_c.bias"):  # softmax takes it out: 0 but for rounding
                self.assertLess(float(found.abs().max()), 1e-5, (name, parameter))
                continue
            self.assertGreater(scale, 1e-5, (name, parameter))
            self.assertLess(float((found - gradient).abs().max()), 1e-5 * scale + 3e-8, (name, parameter))
        return slide, validation


def main():
    global BUILD
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    arguments, rest = parser.parse_known_args()
    BUILD = arguments.build.resolve()
    unittest.main(argv=[sys.argv[0], *rest])

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Training and prediction at their edges: batches of one, metrics that do not exist, shared samples, probabilities."""
import csv
import math
import re
import struct
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

GRAPH = """
flowrun: 1
params: {out: out}
nodes:
  epochs:  {type: epochs, train_csv: train.csv, count: 1, %(epochs)s}
  samples: {type: load, from: epochs, size: 32}
  batches: {type: to_tensor, from: samples, %(batches)s}
  model:   {type: train, from: batches, dir: "${out}", threads: 1, model: %(model)s, %(train)s}
"""


class Edges(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-edges-")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        self.rng = np.random.default_rng(1)
        small_network.save(self.at / "small.pt")

    def table(self, name, rows, columns="path,label"):
        """Writes an image of noise for each path that there is none of yet."""
        (self.at / name).write_text("\n".join([columns, *(",".join(row) for row in rows), ""]))
        for row in rows:
            if not (self.at / row[0]).exists():
                Image.fromarray(self.rng.integers(0, 255, (32, 32, 3), np.uint8)).save(self.at / row[0])

    def train(self, expect=0, epochs="seed: 1", batches="batch: 8", train="seed: 1", out="out", model="small.pt"):
        train = train if "learning_rate" in train else f"learning_rate: 0.0001, {train}"
        (self.at / "graph.yaml").write_text(GRAPH % {"epochs": epochs, "batches": batches, "model": model, "train": train})
        done = subprocess.run([support.program(), "graph.yaml", "--set", f"out={out}"], cwd=self.at, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def finite_weights(self, out="out"):
        weights = torch.load(self.at / out / "last.pt")["model"]
        self.assertTrue(all(tensor.isfinite().all() for tensor in weights.values()))
        return weights

    def numbered(self, prefix, count):
        return [(f"{prefix}{i}.png", "ab"[i % 2]) for i in range(count)]

    def test_an_image_that_cannot_be_read_any_more_is_told(self):
        """It is cut off once an epoch is done."""
        for on_error, code in (("fail", 1), ("skip", 3)):
            with self.subTest(on_error):
                self.table("train.csv", self.numbered("t", 12))
                text = GRAPH % {"epochs": "seed: 1", "batches": "batch: 4", "model": "small.pt", "train": "seed: 1, learning_rate: 0.0001"}
                text = text.replace("count: 1", "count: 60").replace("size: 32", f"size: 32, on_error: {on_error}")
                (self.at / "graph.yaml").write_text(text)
                running = subprocess.Popen([support.program(), "graph.yaml", "--set", f"out={on_error}"], cwd=self.at, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                while running.poll() is None and not (self.at / on_error / "metrics.csv").exists():
                    time.sleep(0.001)
                (self.at / "cut").write_bytes((self.at / "t5.png").read_bytes()[:700])
                (self.at / "cut").replace(self.at / "t5.png")
                _, said = running.communicate()
                self.assertEqual(running.returncode, code, said)
                wanted = r"error: epoch-(\d+): samples: .*train\.csv:7: .*t5\.png: broken PNG"
                self.assertRegex(said, wanted)
                self.assertGreater(int(re.search(wanted, said)[1]), 0)
                (self.at / "t5.png").unlink()

    def test_a_batch_of_one_is_left_out(self):
        """resnet18 makes 1 x 1 pixels of 32 x 32: of 9 samples in batches of 4 all but the last, 2 batches, count."""
        self.table("train.csv", self.numbered("t", 9))
        for accumulate in (1, 2, 3):
            with self.subTest(accumulate=accumulate):
                text = self.train(batches="batch: 4", train=f"accumulate: {accumulate}", out=f"a{accumulate}", model="resnet18")
                self.assertEqual(text.count("batches of one image of 32 x 32 pixels are left out"), 1)
                weights = self.finite_weights(f"a{accumulate}")
                self.assertEqual(weights["bn1.num_batches_tracked"].item(), 2)
                self.assertEqual(weights["layer4.1.bn2.num_batches_tracked"].item(), 2)
        self.assertIn("each batch has one image of 32 x 32 pixels", self.train(1, batches="batch: 1", out="one", model="resnet18"))
        self.assertFalse((self.at / "one/last.pt").exists())

    def test_batches_without_variance_are_taken(self):
        self.table("train.csv", self.numbered("t", 4))
        for i in range(4):
            Image.new("RGB", (32, 32), (200, 100, 150)).save(self.at / f"t{i}.png")
        self.train(model="resnet18")
        self.finite_weights()

    def test_no_model_that_is_not_finite_is_published(self):
        self.table("train.csv", self.numbered("t", 8))
        text = self.train(1, train="optimizer: sgd, schedule: constant, learning_rate: 10, weight_decay: 3e38")
        self.assertIn("is not finite after epoch 1: lower learning_rate", text)
        self.assertFalse((self.at / "out/last.pt").exists())

    def test_drop_last_of_all_samples_is_told_once(self):
        self.table("train.csv", self.numbered("t", 5))
        self.table("val.csv", self.numbered("v", 4))
        for epochs in ("seed: 1", "val_csv: val.csv"):
            text = self.train(1, epochs=epochs, batches="batch: 8, drop_last: true")
            self.assertIn("drop_last leaves nothing to train with: 5 training samples do not fill a batch of 8", text)
            self.assertEqual(text.count("error: "), 1, text)

    def test_a_metric_that_does_not_exist_is_told(self):
        self.table("train.csv", self.numbered("t", 8))
        self.table("val.csv", [(f"v{i}.png", "a") for i in range(4)])
        text = self.train(epochs="val_csv: val.csv", train="metric: auc, patience: 1")
        self.assertEqual(text.count("has no auc, so it cannot be the best: validation has no sample of class 'b'"), 1)
        text = self.train(epochs="val_csv: val.csv", train="metric: slide_auc", out="slides")
        self.assertIn("has no slide_auc, so it cannot be the best: tiles of one slide have several labels, or", text)
        self.assertIn("nothing to validate with, so patience has no effect", self.train(train="patience: 1", out="none"))

    def test_zeros_are_written_for_tensorboard(self):
        """The same image in both classes: one of them has no true positive, so accuracy is 1/2 and a rate is 0."""
        self.table("train.csv", self.numbered("t", 8))
        self.table("val.csv", [("v.png", "a"), ("w.png", "b")])
        (self.at / "w.png").write_bytes((self.at / "v.png").read_bytes())
        self.train(epochs="val_csv: val.csv")
        with open(self.at / "out/metrics.csv", newline="") as file:
            (row,) = csv.DictReader(file)
        events = (self.at / "out/events.out.tfevents.flowrun").read_bytes()
        zeros = [name for name in ("sensitivity", "specificity", "recall", "f1") if row[name] and float(row[name]) == 0]
        self.assertTrue(zeros)
        for name in zeros:  # field 1 of 'Value' is the tag, field 2 a float (summary.proto)
            tag = f"validation/{name}".encode()
            self.assertIn(b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", 0), events)

    def test_what_is_trained_and_validated_with_is_told(self):
        columns = "path,label,slide,patient"
        images = [(f"t{i}.png", "ab"[i % 2], f"s{i}", f"P{i // 2}") for i in range(8)]
        others = [(f"v{i}.png", "ab"[i % 2], f"v{i}", f"Q{i}") for i in range(4)]
        said = "samples to train and to validate with share "
        self.table("train.csv", images, columns)
        (self.at / "link.png").symlink_to("t2.png")
        for name, rows, told in (
            ("others", others, ""),
            ("link", [*others, ("link.png", "a", "vl", "Q9")], "1 image ("),
            ("patient", [*others, ("p.png", "a", "vp", "P3")], "1 patient (P3)"),
            ("all", images, "8 images ("),
        ):
            with self.subTest(name):
                self.table("val.csv", rows, columns)
                text = self.train(epochs="val_csv: val.csv", out=name)
                self.assertIn(said + told, text) if told else self.assertNotIn(said, text)
        # Half of the slides, each patient having two, one of each class.
        self.assertIn("patient", self.train(epochs="validation: 0.1, seed: 1", out="split"))
        self.assertNotIn(said, self.train(epochs="validation: 0.25, split_by: patient", out="whole"))

    def predict(self, models, expect=0):
        """By the names of their files, with options; each into a folder of its name."""
        nodes = "".join(f"""
  of_{i}: {{type: predict, from: tiles, classes: [red, blue], batch: 1, model: {file}{options}}}
  files_{i}: {{type: save, from: of_{i}, dir: out/{file}}}""" for i, (file, options) in enumerate(models.items()))
        (self.at / "graph.yaml").write_text(f"""flowrun: 1
nodes:
  slides: {{type: read, path: s.svs}}
  tiles: {{type: extract, from: slides, size: 96, stride: 96}}{nodes}
""")
        done = subprocess.run([support.program(), "graph.yaml", "--force"], cwd=self.at, capture_output=True, text=True)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def check_red(self, file):
        """Column p_red is the softmax of what RedOrBlue makes of the saved tiles, by NumPy."""
        with open(self.at / f"out/{file}/s/tiles.csv", newline="") as table:
            rows = list(csv.DictReader(table))
        self.assertGreater(len(rows), 20)
        for row in rows:
            pixels = np.asarray(Image.open(self.at / f"out/{file}/s" / row["path"]).convert("RGB")) / 255
            mean = (pixels.mean((0, 1)) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
            self.assertAlmostEqual(float(row["p_red"]), 1 / (1 + math.exp(-4 * (mean[0] - mean[2]))), 3)

    def test_probabilities_of_a_module_are_its_own(self):
        done = subprocess.run([support.program(), "synth", "s.svs", "--width", "1200", "--height", "900"], cwd=self.at)
        self.assertEqual(done.returncode, 0)
        taken = {}
        for name, end in ENDS.items():
            module = torch.nn.Sequential(RedOrBlue(), end).eval()
            torch.jit.trace(module, torch.rand(1, 3, 96, 96)).save(self.at / f"{name}.pt")
            torch.jit.script(module).save(self.at / f"{name}-scripted.pt")
            for file in (f"{name}.pt", f"{name}-scripted.pt"):
                with self.subTest(file):
                    if name == "sigmoid":
                        self.assertIn("ends in sigmoid, which gives each class a number by itself", self.predict({file: ""}, 2))
                        continue
                    taken[file] = ", output: probabilities" if name == "by_hand" else ""
                    if name == "by_hand":
                        self.assertIn("gives numbers that look like probabilities", self.predict({file: ""}, 1))
        self.assertIn("does not give probabilities: its numbers are negative", self.predict({"logits.pt": ", output: probabilities"}, 1))
        self.predict(taken)
        for file in taken:
            with self.subTest(file):
                self.check_red(file)

    def test_a_module_that_gives_probabilities_trains_as_one_that_gives_logits(self):
        self.table("train.csv", self.numbered("t", 8))
        torch.manual_seed(1)
        layers = [torch.nn.Conv2d(3, 4, 5), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 2)]
        torch.jit.script(torch.nn.Sequential(*layers)).save(self.at / "logits.pt")
        torch.jit.script(torch.nn.Sequential(*layers, torch.nn.Softmax(1))).save(self.at / "softmax.pt")
        weights = []
        for name in ("logits", "softmax"):
            self.train(train="learning_rate: 0.01, optimizer: sgd", batches="batch: 2", out=name, model=f"{name}.pt")
            weights.append(self.finite_weights(name))
        for name, weight in weights[0].items():
            torch.testing.assert_close(weights[1][name], weight, rtol=1e-5, atol=1e-6)

    def test_buffers_that_are_infinite_from_the_beginning_may_be(self):
        class Masked(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("mask", torch.tensor([0.0, -math.inf]))
                self.last = torch.nn.Linear(3, 2)

            def forward(self, x):
                return self.last(x.mean([2, 3])) + (x.mean([1, 2, 3]).unsqueeze(1) + self.mask).softmax(1)

        self.table("train.csv", self.numbered("t", 8))
        torch.jit.script(Masked()).save(self.at / "masked.pt")
        self.train(model="masked.pt")
        self.assertTrue((self.at / "out/last.pt").exists())


class RedOrBlue(torch.nn.Module):
    def forward(self, x):
        mean = x.mean([2, 3])
        return torch.stack([4 * (mean[:, 0] - mean[:, 2]), torch.zeros_like(mean[:, 0])], 1)


class Function(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.softmax(x, dim=-1)


class Shaped(torch.nn.Module):
    def forward(self, x):
        return x.unsqueeze(2).softmax(1).flatten(1).float()


class ByHand(torch.nn.Module):
    def forward(self, x):
        return x.exp() / x.exp().sum(1, keepdim=True)


ENDS = {
    "logits": torch.nn.Identity(),
    "log": torch.nn.LogSoftmax(1),
    "softmax": torch.nn.Softmax(1),
    "function": Function(),
    "shaped": Shaped(),
    "by_hand": ByHand(),
    "sigmoid": torch.nn.Sigmoid(),
}

if __name__ == "__main__":
    torch.set_num_threads(2)
    support.main()

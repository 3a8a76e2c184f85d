#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models of several labels and of numbers: weights after steps against PyTorch, metrics against NumPy, predictions."""
import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

BUILD = None
COUNT = 12

GRAPH = """
flowrun: 1
params: {out: out}
nodes:
  epochs:  {type: epochs, train_csv: train.csv, count: %(epochs)d, samples_per_epoch: %(samples)d, seed: 3%(of_epochs)s}
  samples: {type: load, from: epochs, size: 16}
  batches: {type: to_tensor, from: samples, batch: %(batch)d}
  model:   {type: train, from: batches, dir: "${out}", threads: 1, model: module.pt, channels_last: false, %(train)s}
"""

PREDICT = """
flowrun: 1
nodes:
  slides: {type: read, path: "*.svs"}
  tiles: {type: extract, from: slides, size: 16, stride: 128, max_tiles: 20}
  predicted: {type: predict, from: tiles, %(predict)s}
  scores: {type: save_predictions, from: {tile: predicted, slide: slides}, dir: %(out)s%(more)s}
  files: {type: save, from: predicted, dir: %(out)s_files}
"""


class Small(torch.nn.Module):
    def __init__(self, outputs: int, sigmoid: bool = False, most: int = 1000):
        super().__init__()
        self.most = most
        self.sigmoid = sigmoid
        self.first = torch.nn.Conv2d(3, 6, 5, stride=2)
        self.last = torch.nn.Linear(6, outputs)

    def forward(self, x):
        if x.shape[0] > self.most:
            raise RuntimeError("out of memory")
        x = self.last(torch.tanh(self.first(x)).mean([2, 3]))
        return torch.sigmoid(x) if self.sigmoid else x


class Sigmoid(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return torch.sigmoid(self.inner(x))


def area_under_roc(score, positive):
    """How often one that is scores above one that is not."""
    pairs = score[positive][:, None] - score[~positive][None, :]
    return ((pairs > 0) + 0.5 * (pairs == 0)).mean()


def average_precision(score, positive):
    """As scikit-learn defines it: precision at each threshold times what recall gains there."""
    total, before = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        said = score >= threshold
        recall = (said & positive).sum() / positive.sum()
        total += (recall - before) * (said & positive).sum() / said.sum()
        before = recall
    return total


class Tasks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-tasks-")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        rng = np.random.default_rng(1)
        self.labels = (rng.random((COUNT, 3)) < 0.5).astype(np.float32)
        self.labels[:2] = [[0, 1, 0], [1, 0, 1]]
        self.numbers = rng.normal([1, -3], [2, 5], (COUNT, 2)).astype(np.float32)
        pixels = rng.normal(120, 50, (COUNT, 16, 16, 3)).clip(0, 255).astype(np.uint8)
        for i in range(COUNT):
            Image.fromarray(pixels[i]).save(self.at / f"{i}.png")
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        self.images = (images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
        self.write("train.csv", range(COUNT))

    def write(self, name, rows, **changed):
        with open(self.at / name, "w", newline="") as file:
            table = csv.writer(file)
            columns = ["er", "pr", "her2", "ki67", "age"]
            table.writerow(["path", "slide", *columns])
            for i in rows:
                values = [*(int(v) for v in self.labels[i]), *self.numbers[i]]
                table.writerow([f"{i}.png", f"slide{i}", *(changed.get(c, v) for c, v in zip(columns, values))])

    def module(self, outputs, **options):
        torch.manual_seed(2)
        module = Small(outputs, **options)
        torch.jit.script(module).save(str(self.at / "module.pt"))
        return module

    def train(self, train, targets, epochs=1, steps=30, batch=COUNT, out="out", of_epochs="", code=0):
        names = f", targets: [{', '.join(targets)}]" if targets else ""
        (self.at / "graph.yaml").write_text(
            GRAPH % {"epochs": epochs, "samples": steps * COUNT, "batch": batch, "train": train, "of_epochs": names + of_epochs})
        return self.run_graph(out, code)

    def run_graph(self, out="out", code=0):
        done = subprocess.run([BUILD / "bin/flowrun", "graph.yaml", *(["--set", f"out={out}"] if out else [])], cwd=self.at, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def last(self, out="out"):
        return torch.load(self.at / out / "last.pt")

    def row(self, out="out"):
        with open(self.at / out / "metrics.csv", newline="") as file:
            return list(csv.DictReader(file))[-1]

    LABELS, NUMBERS = ("er", "pr", "her2"), ("ki67", "age")

    def test_steps_are_pytorchs(self):
        labels, numbers = torch.from_numpy(self.labels), torch.from_numpy(self.numbers)
        for task, names, wanted_loss in (
            ("task: multilabel", self.LABELS, lambda x: F.binary_cross_entropy_with_logits(x, labels)),
            ("task: regression", self.NUMBERS, lambda x: F.mse_loss(x, numbers)),
            ("task: regression, loss: huber", self.NUMBERS, lambda x: F.huber_loss(x, numbers)),
            ("task: regression, loss: huber, huber_delta: 2.5", self.NUMBERS, lambda x: F.huber_loss(x, numbers, delta=2.5)),
            ("task: regression", ("ki67",), lambda x: F.mse_loss(x, numbers[:, :1])),
        ):
            for batch, accumulate in ((COUNT, 1), (5, 3)):
                with self.subTest(task, batch=batch):
                    module = self.module(len(names))
                    optimizer = torch.optim.SGD(module.parameters(), 0.02, momentum=0.8)
                    steps = 30 if accumulate == 1 else 1
                    for _ in range(steps):
                        optimizer.zero_grad()
                        loss = wanted_loss(module(self.images))
                        loss.backward()
                        optimizer.step()
                    out = f"{task}{len(names)}{batch}".translate(str.maketrans(":, .", "____"))
                    self.train(f"{task}, optimizer: sgd, learning_rate: 0.02, momentum: 0.8, weight_decay: 0, schedule: constant, accumulate: {accumulate}",
                               names, steps=steps, batch=batch, out=out)
                    for name, tensor in module.state_dict().items():
                        self.assertLess((self.last(out)["model"][name] - tensor).abs().max().item(), 1e-5, name)
                    if steps == 1:
                        self.assertAlmostEqual(float(self.row(out)["train_loss"]), loss.item(), 5)

    def test_a_batch_in_parts_is_the_whole_batch(self):
        for task, names in (("multilabel", self.LABELS), ("regression", self.NUMBERS)):
            train = f"task: {task}, optimizer: sgd, learning_rate: 0.05, schedule: constant"
            self.module(len(names))
            self.train(train, names, steps=1, out=f"whole{task}")
            self.module(len(names), most=5)
            said = self.train(f"{train}, on_oom: split", names, steps=1, out=f"split{task}")
            self.assertIn("out of memory with 12 images at once: went on with 6", said)
            for name, tensor in self.last(f"whole{task}")["model"].items():
                self.assertLess((self.last(f"split{task}")["model"][name] - tensor).abs().max().item(), 1e-6)
            self.assertAlmostEqual(float(self.row(f"split{task}")["train_loss"]), float(self.row(f"whole{task}")["train_loss"]), 5)

    def scored(self, outputs, out):
        module = self.module(outputs).eval()
        module.load_state_dict(self.last(out)["model"])
        with torch.no_grad():
            return module(self.images)

    def test_metrics_of_labels_are_numpys(self):
        self.module(3)
        self.write("val.csv", range(COUNT))
        self.train("task: multilabel, learning_rate: 0.01", self.LABELS, of_epochs=", val_csv: val.csv", steps=4)
        logits = self.scored(3, "out")
        probability, right = logits.sigmoid().numpy(), self.labels > 0
        row = self.row()
        self.assertAlmostEqual(float(row["loss"]), F.binary_cross_entropy_with_logits(logits, torch.from_numpy(self.labels)).item(), 5)
        for name, of in (("auc", area_under_roc), ("average_precision", average_precision), ("accuracy", lambda p, r: ((p >= 0.5) == r).mean())):
            each = [of(probability[:, i], right[:, i]) for i in range(3)]
            for prefix in ("", "slide_"):  # a slide has one tile
                for label, value in zip(self.LABELS, each):
                    self.assertAlmostEqual(float(row[f"{prefix}{name}_{label}"]), value, 6, name)
                self.assertAlmostEqual(float(row[prefix + name]), np.mean(each), 6, name)
        with Image.open(self.at / "out/curves.png") as curves:
            self.assertEqual(curves.size, (1200, 500))

    def test_metrics_of_numbers_are_numpys(self):
        self.module(2)
        self.write("val.csv", range(COUNT))
        self.train("task: regression, loss: huber, huber_delta: 2, learning_rate: 0.01", self.NUMBERS, of_epochs=", val_csv: val.csv", steps=4)
        said = self.scored(2, "out")
        row, y, x = self.row(), said.numpy().astype(float), self.numbers.astype(float)
        self.assertAlmostEqual(float(row["loss"]), F.huber_loss(said, torch.from_numpy(self.numbers), delta=2).item(), 4)
        wanted = {
            "mae": np.abs(y - x).mean(0),
            "rmse": np.sqrt(((y - x) ** 2).mean(0)),
            "r2": 1 - ((y - x) ** 2).sum(0) / ((x - x.mean(0)) ** 2).sum(0),
            "pearson": [np.corrcoef(y[:, i], x[:, i])[0, 1] for i in range(2)],
        }
        for name, each in wanted.items():
            for prefix in ("", "slide_"):
                for target, value in zip(self.NUMBERS, each):
                    self.assertAlmostEqual(float(row[f"{prefix}{name}_{target}"]), value, 4, name)
                self.assertAlmostEqual(float(row[prefix + name]), np.mean(each), 4, name)
        self.assertAlmostEqual(float(row["loss"]), json.loads((self.at / "out/metrics.jsonl").read_text().splitlines()[-1])["loss"], 12)

    def test_what_cannot_be_told_is_null_and_said(self):
        self.write("val.csv", range(COUNT), her2=1)
        self.module(3)
        said = self.train("task: multilabel", self.LABELS, of_epochs=", val_csv: val.csv", steps=1, epochs=2)
        self.assertIn("epoch 1 has no auc, so it cannot be the best: validation has no sample with, or none without, the label 'her2'", said)
        self.assertEqual((self.row()["auc_her2"], self.row()["auc"]), ("", ""))
        self.assertNotEqual(self.row()["auc_er"], "")
        self.write("val.csv", range(COUNT), age=7)
        self.module(2)
        said = self.train("task: regression, metric: slide_r2", self.NUMBERS, of_epochs=", val_csv: val.csv", steps=1, out="numbers")
        self.assertIn("has no slide_r2, so it cannot be the best: each slide of validation has the same 'age'", said)

    def test_the_best_epoch_of_numbers_has_the_smallest_error(self):
        self.module(2)
        self.write("val.csv", range(COUNT))
        self.train("task: regression, metric: mae, learning_rate: 3, optimizer: adamw, schedule: constant", self.NUMBERS,
                   of_epochs=", val_csv: val.csv", steps=1, epochs=6)
        rows = [json.loads(line) for line in (self.at / "out/metrics.jsonl").read_text().splitlines()]
        best = min(range(6), key=lambda i: rows[i]["mae"])
        history = json.loads(torch.load(self.at / "out/best.pt")["history"])
        self.assertEqual(len(history), best + 1)

    def test_mistakes_are_told(self):
        self.module(3)
        for train, targets, code, expected in (
            ("task: labels", self.LABELS, 2, "classification"),
            ("task: multilabel", (), 1, "there is no column 'label'"),
            ("task: multilabel", ("er", "er"), 2, "'er' is there twice"),
            ("task: multilabel", ("er", "p53"), 1, "p53"),
            ("task: multilabel", ("er", "ki67", "pr"), 1, "expected 1 or 0: has the label, or has it not"),
            ("task: multilabel, loss: mse", self.LABELS, 2, "'mse' is none of task: multilabel"),
            ("task: multilabel, metric: r2", self.LABELS, 2, "'r2' is none of task: multilabel"),
            ("task: regression, metric: auc", self.LABELS, 2, "'auc' is none of task: regression"),
            ("loss: huber", self.LABELS, 2, "'huber' is none of task: classification"),
            ("task: regression, class_weights: auto", self.LABELS, 2, "task: regression has no classes"),
            ("task: multilabel, label_smoothing: 0.1", self.LABELS, 2, "task: multilabel has no classes"),
            ("task: multilabel, output: probabilities", self.LABELS, 2, "takes the numbers of a module as they are"),
            ("task: regression", self.NUMBERS, 1, "gives 3 numbers an image, but there are 2 targets"),
            ("", self.LABELS, 1, "there is only one class"),
        ):
            with self.subTest(train, targets=targets):
                self.assertIn(expected, self.train(train, targets, steps=1, out="wrong", code=code))
        self.assertIn("samples have no labels of two classes",
                      self.train("task: multilabel", self.LABELS, of_epochs=", sampling: balanced", out="wrong", code=1))
        for value, expected in (("", "train.csv:2: 'er': expected a number, found ''"), ("yes", "expected a number, found 'yes'"),
                                ("1e300", "'er': 1e300 is too large")):
            self.write("train.csv", range(COUNT), er=value)
            self.assertIn(expected, self.train("task: regression", self.LABELS, steps=1, out="wrong", code=1))
        text = (self.at / "train.csv").read_text().splitlines()
        (self.at / "train.csv").write_text("\n".join(line.rpartition(",")[0] + ("," + "label" if i == 0 else ",a" if i % 2 else ",b") for i, line in enumerate(text)))
        self.assertIn("samples have no targets", self.train("task: regression", (), steps=1, out="wrong", code=1))
        torch.jit.script(Sigmoid(Small(3))).save(str(self.at / "module.pt"))
        self.assertIn("leave the sigmoid out", self.train("task: multilabel", self.LABELS, steps=1, out="wrong", code=2))
        torch.jit.script(torch.nn.Sequential(Small(3), torch.nn.Softmax(1))).save(str(self.at / "module.pt"))
        self.assertIn("ends in softmax, which lets an image have one label only", self.train("task: multilabel", self.LABELS, steps=1, out="wrong", code=2))
        self.assertFalse((self.at / "wrong/last.pt").exists())

    def test_a_checkpoint_says_its_task_and_goes_on_with_it_only(self):
        """Killed in the middle, it ends with the same weights; as a checkpoint of another task it is refused."""
        self.module(3)
        train = "task: multilabel, optimizer: adamw"
        self.train(train, self.LABELS, steps=2, epochs=60, out="whole")
        facts = json.loads(self.last("whole")["facts"])
        self.assertEqual((facts["task"], facts["classes"]), ("multilabel", list(self.LABELS)))
        for out in ("again", "other"):
            child = subprocess.Popen([BUILD / "bin/flowrun", "graph.yaml", "--set", f"out={out}"], cwd=self.at,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not (self.at / out / "last.pt").exists() and child.poll() is None:
                time.sleep(0.01)
            child.kill()
            child.wait()
        self.run_graph("again")
        for name, tensor in self.last("whole")["model"].items():
            self.assertLess((self.last("again")["model"][name] - tensor).abs().max().item(), 1e-5, name)
        state = dict(self.last("other"))
        state["facts"] = state["facts"].replace("multilabel", "regression")
        torch.save(state, self.at / "other/last.pt")
        self.assertIn("is not a checkpoint that this training can go on from: its task is regression, not multilabel",
                      self.run_graph("other", code=1))

    def predictions(self, predict, out, more="", code=0):
        if not (self.at / "a.svs").exists():
            subprocess.run([BUILD / "bin/flowrun", "synth", "a.svs", "--width", "1500", "--height", "1200", "--seed", "1"], cwd=self.at, check=True, capture_output=True)
        (self.at / "graph.yaml").write_text(PREDICT % {"predict": predict, "out": out, "more": more})
        said = self.run_graph(None, code)
        if code:
            return said
        with open(self.at / out / "a/predictions.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        with open(self.at / f"{out}_files/a/tiles.csv", newline="") as file:
            tiles = list(csv.DictReader(file))
        mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
        images = [torch.from_numpy(np.asarray(Image.open(self.at / f"{out}_files/a" / tile["path"])).copy()).permute(2, 0, 1).float() / 255 for tile in tiles]
        with open(self.at / out / "slides.csv", newline="") as file:
            slide = next(csv.DictReader(file))
        return rows, torch.stack([(image - mean) / std for image in images]), slide, said

    def test_predictions_of_labels(self):
        self.module(3)
        self.train("task: multilabel, learning_rate: 0.05", self.LABELS, steps=10)
        module = self.module(3)
        module.load_state_dict(self.last()["model"])
        torch.jit.script(Sigmoid(module)).save(str(self.at / "sigmoid.pt"))
        torch.jit.script(module).save(str(self.at / "logits.pt"))
        names = "[er, pr, her2]"
        for predict, out in (("model: out/best.pt", "a"), ("model: out/best.pt, task: multilabel", "b"),
                             (f"model: sigmoid.pt, task: multilabel, classes: {names}", "c"),
                             (f"model: logits.pt, task: multilabel, classes: {names}", "d")):
            with self.subTest(predict):
                rows, images, slide, _ = self.predictions(predict, out, ", heat_map: pr")
                with torch.no_grad():
                    wanted = module(images).sigmoid().numpy()
                found = np.array([[float(row[f"has_{label}"]) for label in self.LABELS] for row in rows])
                self.assertGreater(len(rows), 10)
                self.assertLess(np.abs(found - wanted).max(), 1e-5)
                for row, of in zip(rows, found):
                    self.assertEqual(row["predicted"], ": ".join(label for label, p in zip(self.LABELS, of) if p >= 0.5))
                for i, label in enumerate(self.LABELS):
                    self.assertAlmostEqual(float(slide[f"has_{label}"]), found[:, i].mean(), 6)
                    self.assertAlmostEqual(float(slide[f"share_{label}"]), (found[:, i] >= 0.5).mean(), 6)
        objects = json.loads((self.at / "a/a/predictions.geojson").read_text())
        objects = objects["features"] if isinstance(objects, dict) else objects
        for row, one in zip(rows, objects):
            self.assertEqual(one["properties"].get("classification", {}).get("name", ""), row["predicted"])
        self.assertIn("was trained for multilabel, not for classification", self.predictions("model: out/best.pt, task: classification", "e", code=2))
        self.assertIn("heat_map: no label is called 'x'; the model has er, pr, her2", self.predictions("model: out/best.pt", "f", ", heat_map: x", code=1))

    def test_predictions_of_numbers(self):
        self.module(2)
        self.train("task: regression, learning_rate: 0.05", self.NUMBERS, steps=10)
        module = self.module(2)
        module.load_state_dict(self.last()["model"])
        rows, images, slide, said = self.predictions("model: out/best.pt", "a", ", heat_map: ki67")
        with torch.no_grad():
            wanted = module(images).numpy()
        found = np.array([[float(row[f"predicted_{name}"]) for name in self.NUMBERS] for row in rows])
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
        self.assertNotIn("predicted", rows[0])
        self.assertEqual(list(slide), ["slide", "tiles", "label", "predicted_ki67", "predicted_age"])
        self.assertAlmostEqual(float(slide["predicted_age"]), found[:, 1].mean(), 5)
        told = re.search(r"heatmap.jpg shows 'ki67' from (\S+), blue, to (\S+), red", said)
        np.testing.assert_allclose([float(of) for of in told.groups()], [found[:, 0].min(), found[:, 0].max()], rtol=1e-3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    options, rest = parser.parse_known_args()
    BUILD = options.build.resolve()
    torch.set_num_threads(1)
    unittest.main(argv=[sys.argv[0], *rest])

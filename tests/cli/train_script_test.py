#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TorchScript modules: found like other paths, carried by checkpoints, exported as they are; values from PyTorch."""
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

GRAPH = """
flowrun: 1
memory: 1 GiB
params: {out: out}
nodes:
  epochs:  {type: epochs, train_csv: train.csv, count: %(count)d, seed: 3}
  samples: {type: load, from: epochs, size: 32}
  batches: {type: to_tensor, from: samples, batch: 4}
  model:   {type: train, from: batches, threads: 1, dir: "${out}", model: parts/module.pt, learning_rate: 0.01}
  python:  {type: export, from: model, dir: "${out}/python"}
"""

PREDICT = """
flowrun: 1
nodes:
  slides:    {type: read, path: s.svs}
  tiles:     {type: extract, from: slides, size: 32, stride: 200}
  predicted: {type: predict, from: tiles, model: %(model)s}
  files:     {type: save, from: predicted, dir: %(out)s}
"""


class Branches(torch.nn.Module):
    """What it computes depends on the image: a trace on one image has one of the ways only."""

    def __init__(self):
        super().__init__()
        self.dark = torch.nn.Linear(3, 2)
        self.light = torch.nn.Linear(3, 2)
        self.never = torch.nn.Linear(3, 2)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        mean = x.mean([2, 3])
        if self.training:
            self.calls += 1
        rows = []
        for i in range(x.shape[0]):
            rows.append(self.light(mean[i]) if bool(mean[i].sum() > 0.5) else self.dark(mean[i]))
        return torch.stack(rows)


class Twice(torch.nn.Module):
    """A layer that is used twice, under two names if `tied`."""

    def __init__(self, tied):
        super().__init__()
        self.first = torch.nn.Linear(3, 3)
        self.norm = torch.nn.BatchNorm1d(3)
        self.second = torch.nn.Linear(3, 3) if tied else self.first
        self.again = torch.nn.BatchNorm1d(3) if tied else self.norm
        if tied:
            for one, other in ((self.first, self.second), (self.norm, self.again)):
                other.weight, other.bias = one.weight, one.bias
            self.again.running_mean, self.again.running_var = self.norm.running_mean, self.norm.running_var
        self.head = torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.again(self.second(self.norm(self.first(x.mean([2, 3]))).relu())))


class Scripts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-script-")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name) / "project"
        (self.at / "parts").mkdir(parents=True)
        rng = np.random.default_rng(1)
        with open(self.at / "train.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["path", "label"])
            for i in range(12):
                light = 60 if i % 3 else 170
                Image.fromarray(rng.integers(light, light + 60, (32, 32, 3), np.uint8)).save(self.at / f"{i}.png")
                table.writerow([f"{i}.png", "ab"[i % 2]])
        torch.manual_seed(4)
        self.module = Branches()
        torch.jit.script(self.module).save(self.at / "parts/module.pt")

    def command(self, graph, out="out"):
        """From another folder than the graph's, which paths are relative to."""
        (self.at / "graph.yaml").write_text(graph)
        return [support.program(), self.at / "graph.yaml", *(["--set", f"out={self.at / out}"] if "params" in graph else [])]

    def run_graph(self, graph, expect=0, out="out"):
        done = subprocess.run(self.command(graph, out), cwd=self.at.parent, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_a_module_is_exported_with_all_its_ways(self):
        self.run_graph(GRAPH % {"count": 2})
        trained = torch.load(self.at / "out/best.pt")["model"]
        self.assertEqual(trained["calls"].item(), 6)
        self.assertFalse(torch.equal(trained["dark.weight"], self.module.dark.weight))
        self.assertFalse(torch.equal(trained["light.weight"], self.module.light.weight))
        self.module.load_state_dict(trained)
        self.module.eval()
        exported = torch.jit.load(self.at / "out/python/torchscript.pt")
        self.assertFalse(exported.training)
        for images in (torch.zeros(3, 3, 32, 32), torch.ones(2, 3, 32, 32), torch.randn(5, 3, 40, 24) + 0.2):
            self.assertTrue(torch.equal(exported(images), self.module(images)))
        state = torch.load(self.at / "out/python/state_dict.pt")
        self.assertTrue(all(torch.equal(state[name], trained[name]) for name in trained))

    def test_weights_that_layers_share_are_stepped_and_averaged_once(self):
        trained = {}
        for tied in (False, True):
            torch.manual_seed(4)
            first = Twice(False)
            module = Twice(tied)
            module.load_state_dict(first.state_dict(), strict=False)
            if tied:
                self.assertIs(module.second.weight, module.first.weight)
            torch.jit.script(module).save(self.at / "parts/module.pt")
            self.run_graph((GRAPH % {"count": 3}).replace("learning_rate: 0.01", "learning_rate: 0.01, ema: 0.6"), out=f"tied_{tied}")
            trained[tied] = [torch.load(self.at / f"tied_{tied}" / name)["model"] for name in ("last.pt", "best.pt")]
        for once, tied in zip(trained[False], trained[True]):
            self.assertFalse(torch.equal(once["first.weight"], first.first.weight))
            for name in ("first.weight", "first.bias", "norm.weight", "norm.running_mean", "norm.running_var", "head.weight"):
                self.assertTrue(torch.equal(tied[name], once[name]), name)
            for name in ("weight", "bias"):
                self.assertTrue(torch.equal(tied[f"second.{name}"], tied[f"first.{name}"]), name)

    def test_checkpoint_and_export_predict_without_the_module(self):
        self.run_graph(GRAPH % {"count": 1})
        (self.at / "parts/module.pt").unlink()
        moved = self.at.parent / "moved"
        self.at.rename(moved)
        self.at = moved
        subprocess.run([support.program(), "synth", "s.svs", "--width", "1200", "--height", "900"], cwd=self.at, check=True)
        self.module.load_state_dict(torch.load(self.at / "out/best.pt")["model"])
        self.module.eval()
        for model in ("out/best.pt", "out/python/torchscript.pt"):
            with self.subTest(model):
                self.run_graph(PREDICT % {"model": model, "out": Path(model).stem})
                with open(self.at / Path(model).stem / "s/tiles.csv", newline="") as file:
                    rows = list(csv.DictReader(file))
                self.assertGreater(len(rows), 4)
                for row in rows:
                    pixels = np.asarray(Image.open(self.at / Path(model).stem / "s" / row["path"]).convert("RGB"))
                    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
                    image = (image - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
                    wanted = self.module(image[None]).softmax(1)[0, 0].item()
                    self.assertAlmostEqual(float(row["p_a"]), wanted, 5)

    def test_a_module_with_unused_parameters_resumes(self):
        self.run_graph(GRAPH % {"count": 10}, out="whole")
        child = subprocess.Popen(self.command(GRAPH % {"count": 10}, "parts-out"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (self.at / "parts-out/last.pt").exists() and child.poll() is None:
            time.sleep(0.01)
        child.kill()
        child.wait()
        self.assertIn("epoch-0000: done before", self.run_graph(GRAPH % {"count": 10}, out="parts-out"))
        whole, parts = ((self.at / out / "last.pt").read_bytes() for out in ("whole", "parts-out"))
        self.assertEqual(whole, parts)
        state = torch.load(self.at / "whole/last.pt")["optimizer"]
        self.assertIn("dark.weight.exp_avg", state)
        self.assertNotIn("never.weight.exp_avg", state)

    def test_what_is_no_module_is_told_in_the_plan(self):
        self.assertIn("no network is known as 'resnet81', and there is no such file", self.run_graph(GRAPH.replace("parts/module.pt", "resnet81") % {"count": 1}, 2))
        (self.at / "parts/module.pt").write_bytes(b"no module")
        self.assertIn("is no TorchScript module that this libtorch can read", self.run_graph(GRAPH % {"count": 1}, 2))

    def test_a_checkpoint_carries_the_module(self):
        self.run_graph(GRAPH % {"count": 1})
        checkpoint = torch.load(self.at / "out/last.pt")
        self.assertEqual(checkpoint["code"].numpy().tobytes(), (self.at / "parts/module.pt").read_bytes())


if __name__ == "__main__":
    torch.set_num_threads(1)
    support.main()

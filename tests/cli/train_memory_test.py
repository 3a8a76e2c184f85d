#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What training takes is in the budget: activations against PyTorch's saved tensors, a batch that fits runs within."""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image

import support

BUILD = None
SIDE = 128
MIB = 1 << 20
UNITS = {"KiB": 1 << 10, "MiB": MIB, "GiB": 1 << 30}

GRAPH = """flowrun: 1
memory: {memory}
nodes:
  epochs:  {{type: epochs, {samples}, count: {epochs}, seed: 3}}
  samples: {{type: load, from: epochs, size: 128}}
  batches: {{type: to_tensor, from: samples, batch: {batch}}}
  model:   {{type: train, from: batches, dir: out, threads: 1, {options}}}
{more}"""


class TrainingMemory(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-train-memory-")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        rng = np.random.default_rng(1)
        with open(self.at / "train.csv", "w") as table:
            table.write("path,label\n")
            for i in range(70):
                Image.fromarray(rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)).save(self.at / f"{i}.png")
                table.write(f"{i}.png,{'ab'[i % 2]}\n")

    def flowrun(self, *arguments, code=0, **options):
        text = GRAPH.format(**{"memory": "64 MiB", "epochs": 1, "batch": 64, "samples": "train_csv: train.csv", "options": "model: resnet18", "more": ""} | options)
        (self.at / "graph.yaml").write_text(text)
        done = subprocess.run([BUILD / "bin/flowrun", *arguments, "graph.yaml"], cwd=self.at, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def kept(self, **options):
        """Bytes that are leased for the whole run, of a plan that is refused."""
        number, unit = re.search(r"for the whole run ([0-9.]+) (\w+)", self.flowrun("check", code=2, **options)).groups()
        return float(number) * UNITS[unit]

    def test_activations_are_pytorchs(self):
        """What autograd saves, each storage once; the backward pass has gradients of it besides."""
        for model in ("resnet18", "efficientnet_b0"):
            network = getattr(torchvision.models, model)(num_classes=2)
            parameters = {p.data_ptr() for p in network.parameters()}
            saved = {}

            def keep(tensor):
                storage = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()
                if storage.data_ptr() not in parameters:
                    saved[storage.data_ptr()] = storage.nbytes()
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                network(torch.randn(4, 3, SIDE, SIDE)).sum().backward()
            wanted = sum(saved.values()) / 4
            found = (self.kept(batch=24, options=f"model: {model}") - self.kept(batch=12, options=f"model: {model}")) / 12
            print(f"{model}: {found / MIB:.2f} MiB an image, autograd saves {wanted / MIB:.2f} MiB")
            self.assertGreater(found, wanted)
            self.assertLess(found, 2 * wanted)

    def test_what_the_optimizer_keeps_is_counted(self):
        weights = 4 * sum(p.numel() for p in torchvision.models.resnet18(num_classes=2).parameters())
        adamw, sgd = (self.kept(batch=24, options=f"model: resnet18, optimizer: {o}") for o in ("adamw", "sgd"))
        self.assertAlmostEqual((adamw - sgd) / weights, 7 / 6, delta=0.1)  # one number a weight more

    def test_blocks_that_are_computed_again_take_less(self):
        whole, again = (self.kept(batch=24, options=f"model: resnet50, checkpointing: {o}") for o in ("false", "true"))
        self.assertLess(again, 0.75 * whole)

    def assert_the_batch_that_is_told_runs(self, memory, **options):
        said = self.flowrun("run", code=2, memory=f"{memory} MiB", **options)
        self.assertRegex(said, rf"'batches' may hold 63 tiles x .*; the graph needs .* but 'memory: {memory} MiB' is less")
        most = int(re.search(r"or let 'batches' gather at most (\d+) at a time", said)[1])
        self.assertGreater(most, 1)
        self.assertLess(most, 64)
        self.assertFalse((self.at / "out/last.pt").exists())
        self.flowrun("check", code=2, memory=f"{memory} MiB", batch=most + 1, **options)
        said = self.flowrun("run", "--force", memory=f"{memory} MiB", batch=most, **options)
        number, unit = re.search(r"peak RSS ([0-9.]+) (\w+)", said).groups()
        print(f"memory: {memory} MiB, {options}, batch {most}: peak RSS {number} {unit}")
        if not support.sanitized():
            self.assertLess(float(number) * UNITS[unit], (memory + 300) * MIB)
        shutil.rmtree(self.at / "out")
        return most

    def test_the_batch_that_fits_is_told_and_runs_within(self):
        for model in ("resnet18", "efficientnet_b0"):
            self.assert_the_batch_that_is_told_runs(512, options=f"model: {model}")

    def test_what_an_epoch_keeps_is_in_the_plan(self):
        """Open slides are 34 MiB each, whatever their size; a sample is some 150 bytes and its path."""
        few = self.assert_the_batch_that_is_told_runs(512, samples="train_csv: train.csv, samples_per_epoch: 40")
        with open(self.at / "places.csv", "w") as table:
            table.write("slide,x,y,label\n")
            table.writelines(f"{i}.svs,{50 * n},{40 * n},{'ab'[n % 2]}\n" for i in range(5) for n in range(8))
        self.synth(5)
        of_slides = self.assert_the_batch_that_is_told_runs(512, samples="train_csv: places.csv")
        self.assertLess(of_slides, few)
        self.assertGreaterEqual(self.assert_the_batch_that_is_told_runs(512, samples="train_csv: places.csv, open_slides: 1"), of_slides)
        with open(self.at / "extents.csv", "w") as table:  # each sample from 1,500 x 1,500 pixels
            table.write("slide,x,y,size,extent,label\n")
            table.writelines(f"{i % 5}.svs,{-5 * i},{-4 * i},128,1500,{'ab'[i % 2]}\n" for i in range(40))
        self.assert_the_batch_that_is_told_runs(512, samples="train_csv: extents.csv, open_slides: 2")
        with open(self.at / "many.csv", "w") as table:
            table.write("path,label\n")
            table.writelines(f"{'./' * 50}{i % 70}.png,{'ab'[i % 2]}\n" for i in range(300000))
        self.assert_the_batch_that_is_told_runs(512, samples="train_csv: many.csv, samples_per_epoch: 40")

    def test_slides_of_gathered_samples_are_in_the_plan(self):
        """How many there are is not known then: as many as may be open."""
        self.synth(2)
        (self.at / "labels.csv").write_text("slide,label\n0,a\n1,b\n")
        more = """  slides: {type: read, path: "*.svs"}
  tiles: {type: extract, from: slides, size: 128, labels: labels.csv}
  places: {type: index, from: tiles}
"""
        gathered = "from: places, samples_per_epoch: 8, open_slides: "
        few = self.assert_the_batch_that_is_told_runs(512, samples=gathered + "2", more=more)
        self.assertIn("'epochs' 272.", self.flowrun("check", code=2, samples=gathered + "8", more=more))
        self.assertGreater(self.assert_the_batch_that_is_told_runs(512, samples=gathered + "1", more=more), few)

    def synth(self, count):
        for i in range(count):
            subprocess.run([BUILD / "bin/flowrun", "synth", self.at / f"{i}.svs", "--width", "700", "--height", "600",
                            "--seed", str(i)], check=True, capture_output=True)

    def test_not_even_one(self):
        said = self.flowrun("check", code=2, memory="64 MiB")
        self.assertIn("raise memory to ", said)
        self.assertNotIn("gather", said)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    options, rest = parser.parse_known_args()
    BUILD = options.build.resolve()
    unittest.main(argv=[sys.argv[0], *rest])

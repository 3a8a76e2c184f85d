#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Weight files of other programs, whole and hostile, as `flowrun check` and a run take them."""
import argparse
import pickletools
import re
import subprocess
import sys
import tempfile
import typing
import unittest
import zipfile
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image

BUILD = None

GRAPH = """
flowrun: 1
memory: 2 GiB
nodes:
  epochs:  {type: epochs, train_csv: train.csv, count: 1}
  samples: {type: load, from: epochs, size: 32}
  batches: {type: to_tensor, from: samples, batch: 4}
"""


class Weights(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flowrun-weights-")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        rng = np.random.default_rng(1)
        for i in range(4):
            Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(self.at / f"{i}.png")
        (self.at / "train.csv").write_text("path,label\n0.png,a\n1.png,b\n2.png,a\n3.png,b\n")

    def flowrun(self, command, trainings):
        """With a graph of trainings, by their options, and an export of each: into out/0 and python/0, and so on."""
        nodes = "".join(f"  model{i}: {{type: train, from: batches, dir: out/{i}, threads: 1, {options}}}\n"
                        f"  python{i}: {{type: export, from: model{i}, dir: python/{i}}}\n" for i, options in enumerate(trainings))
        (self.at / "graph.yaml").write_text(GRAPH + nodes)
        done = subprocess.run([BUILD / "bin/flowrun", command, "graph.yaml"], cwd=self.at, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def pickle(self, name, opcodes):
        with zipfile.ZipFile(self.at / name, "w") as archive:
            archive.writestr("archive/data.pkl", b"\x80\x02" + opcodes + b".")
            archive.writestr("archive/version", "3\n")

    def test_deep_pickles_are_refused(self):
        """Made by hand of the instructions that Python's pickletools describes."""
        count = 200_000
        numbers = [i.to_bytes(4, "little") for i in range(1, count)]
        deep = {
            "lists": b"]" * count + b"a" * (count - 1),
            "tuples": b")" + b"\x85" * count,
            "dicts": b"}X\x01\x00\x00\x00a" * count + b"}" + b"s" * count,
            "objects": b"cx\ny\n)\x81" * count + b"b" * (count - 1),
            "kept": b"]q\x00" + b"0]h\x00aq\x00" * count,
            # The list that each one is put into is in another already: only the innermost grows.
            "inwards": b"]" + b"".join(b"]r" + n + b"aj" + n for n in numbers),
            "itself": b"]q\x00h\x00a",
        }
        deep["some"] = b"]" * 2000 + b"a" * 1999
        reasons = dict.fromkeys(("lists", "dicts", "objects"), "more than 300000 values")
        reasons |= dict.fromkeys(("inwards", "itself"), "a value that changes after its use")
        torch.jit.script(torch.nn.Linear(2, 2)).save(self.at / "linear.pt")
        wanted = {}  # by the options of a node that takes the file
        for name, opcodes in deep.items():
            said = reasons.get(name, "values too deep within each other")
            self.pickle(f"{name}.pt", opcodes)
            wanted[f"model: resnet18, weights: {name}.pt"] = (f"{name}.pt is no file of torch.save in the zip format: broken pickle: ", said)
            for record in ("data.pkl", "constants.pkl"):
                script = f"{name}-{record}.pt"
                with zipfile.ZipFile(self.at / "linear.pt") as whole, zipfile.ZipFile(self.at / script, "w") as archive:
                    for entry in whole.namelist():
                        archive.writestr(entry, b"\x80\x02" + opcodes + b"." if entry.endswith("/" + record) else whole.read(entry))
                wanted[f"model: {script}"] = (f"{script} is no TorchScript module: broken pickle: ", said)
        for command in ("check", "run"):
            code, text = self.flowrun(command, wanted)
            self.assertEqual(code, 2, text)
            self.assertEqual(text.count("error: "), len(wanted), text)
            for options, (begins, said) in wanted.items():
                with self.subTest(options=options, command=command):
                    self.assertRegex(text, re.escape(begins) + ".*" + re.escape(said))

    def test_modules_of_any_kind_are_read(self):
        """With tensors of other types, lists, dicts and packed parameters in their pickles."""

        class Module(torch.nn.Module):
            sizes: typing.List[int]

            def __init__(self):
                super().__init__()
                self.register_buffer("frequencies", torch.ones(2, dtype=torch.complex64))
                self.sizes, self.names = [1, 2], {"a": torch.ones(1)}
                self.layers = torch.nn.Sequential(*[torch.nn.Sequential(torch.nn.Linear(3, 3)) for _ in range(3)])

            def forward(self, x):
                return self.layers(x.mean([2, 3]))[:, : self.sizes[1]]

        torch.jit.script(Module()).save(self.at / "kinds.pt")
        quantised = torch.ao.quantization.quantize_dynamic(Module(), {torch.nn.Linear}, dtype=torch.qint8)
        torch.jit.script(quantised).save(self.at / "quantised.pt")
        torch.jit.script(torchvision.models.efficientnet_b0(num_classes=2)).save(self.at / "efficientnet.pt")
        code, text = self.flowrun("check", [f"model: {name}.pt" for name in ("kinds", "quantised", "efficientnet")])
        self.assertEqual(code, 0, text)

    def test_state_dicts_are_found_where_python_programs_put_them(self):
        torch.manual_seed(3)
        network = torchvision.models.resnet18(num_classes=2).train()
        with torch.no_grad():
            network(torch.randn(8, 3, 64, 64))  # running statistics that are not 0 and 1
        state = network.state_dict()

        def named(prefix):
            return {prefix + name: tensor for name, tensor in state.items()}

        body = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
        files = {
            "tutorial": {"epoch": 3, "model_state_dict": state, "optimizer_state_dict": torch.optim.SGD(network.parameters(), 0.1).state_dict()},
            "lightning": {"state_dict": named("model."), "hyper_parameters": {"lr": 0.001}},
            "net": {"state_dict": named("net.")},
            "compiled": named("_orig_mod."),
            "parallel": {"model": named("module.")},
            "all": {"state_dict": named("model.module._orig_mod.")},
            "backbone": {"state_dict": {"model." + name: tensor for name, tensor in body.items()}},
            "classes": {**body, "fc.weight": torch.ones(7, 512), "fc.bias": torch.ones(7)},
        }
        for name, content in files.items():
            torch.save(content, self.at / f"{name}.pt")
        # What comes out of a training that changes nothing but the running statistics, which are frozen.
        still = "model: resnet18, freeze_backbone: true, optimizer: sgd, weight_decay: 0, learning_rate: 1e-12"
        code, text = self.flowrun("run", [f"{still}, weights: {name}.pt" for name in files])
        self.assertEqual(code, 0, text)
        notes = {"backbone": "backbone.pt has no last layer", "classes": "classes.pt is of other classes"}
        for i, name in enumerate(files):
            with self.subTest(name):
                came = torch.load(self.at / f"python/{i}/state_dict.pt", weights_only=True)
                for key, tensor in (body if name in notes else state).items():
                    self.assertTrue(torch.allclose(came[key].double(), tensor.double(), atol=1e-6), key)
                if name in notes:
                    self.assertIn(f"{notes[name]}: the last layer begins with random weights", text)
                    self.assertLess(came["fc.weight"].abs().max().item(), 0.2)  # 1 / sqrt(512), a bit moved
        for note in notes.values():
            text = text.replace(f"{note}: the last layer begins with random weights", "")
        self.assertNotIn("random weights", text)
        # torch 1.13 reads no floating-point numbers so, torch 2 does: here only what the pickle names counts.
        with zipfile.ZipFile(self.at / "out/0/last.pt") as archive:
            pickle = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
        named = {argument for opcode, argument, _ in pickletools.genops(pickle) if opcode.name in ("GLOBAL", "STACK_GLOBAL")}
        allowed = {"torch._utils _rebuild_tensor_v2", "collections OrderedDict"} | {f"torch {kind}Storage" for kind in ("Float", "Long", "Byte")}
        self.assertLessEqual(named, allowed)

    def test_what_cannot_be_loaded_is_told_by_check(self):
        state = torchvision.models.resnet18(num_classes=2).state_dict()
        nan = {**state, "layer1.0.bn1.weight": torch.full((64,), float("nan"))}
        files = {
            "other": (torchvision.models.resnet34().state_dict(), "other.pt has the weights of another architecture: layer1.2.bn1.bias is not part of it"),
            "half": ({k: v for k, v in state.items() if k != "fc.bias"}, "half.pt has the weights of another architecture: fc.bias is missing"),
            "twice": ({**state, "model.fc.bias": state["fc.bias"]}, "twice.pt has the weights of another architecture: fc.bias and model.fc.bias are one tensor"),
            "nan": (nan, "nan.pt: layer1.0.bn1.weight has values that are no numbers or infinite"),
            "list": ([1, 2], "list.pt holds no state dict"),
        }
        for name, (content, _) in files.items():
            torch.save(content, self.at / f"{name}.pt")
        code, text = self.flowrun("check", [f"model: resnet18, weights: {name}.pt" for name in files])
        self.assertEqual(code, 2, text)
        for name, (_, said) in files.items():
            with self.subTest(name):
                self.assertIn(said, text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    options, rest = parser.parse_known_args()
    BUILD = options.build.resolve()
    torch.set_num_threads(2)
    unittest.main(argv=[sys.argv[0], *rest])

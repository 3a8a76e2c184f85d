#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Networks and weights against torchvision."""
import argparse
import json
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import torch
import torchvision

BUILD = None


def save_safetensors(path, tensors):
    """Written here by the format's specification, independently of ours."""
    header, blobs, at = {"__metadata__": {"format": "pt"}}, [], 0
    types = {torch.float32: "F32", torch.int64: "I64"}
    for name, tensor in tensors.items():
        blob = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": types[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def probe(*arguments, fails=False):
    done = subprocess.run([BUILD / "tests" / "torch_probe", *map(str, arguments)], capture_output=True, text=True)
    assert fails == (done.returncode != 0), done.stderr
    return done.stderr


def random_network(architecture, classes=3):
    """With running statistics and biases that are not 0 and 1, so that each of them matters."""
    torch.manual_seed(7)
    network = getattr(torchvision.models, architecture)(num_classes=classes).eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("running_mean") or name.endswith("bias"):
            tensor.uniform_(-0.2, 0.2)
    return network


class Networks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.at = Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)

    def test_forward_is_torchvisions(self):
        images = torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))
        save_safetensors(self.at / "images.safetensors", {"images": images})
        for architecture in ("resnet18", "resnet34", "resnet50", "efficientnet_b0"):
            with self.subTest(architecture):
                network = random_network(architecture)
                torch.save(network.state_dict(), self.at / "weights.pt")
                probe("forward", architecture, 3, self.at / "weights.pt", self.at / "images.safetensors", self.at / "out.pt")
                with torch.no_grad():
                    wanted = network(images)
                found = torch.load(self.at / "out.pt")["logits"]
                difference = (found - wanted).abs().max().item() / wanted.abs().max().item()
                print(architecture, "relative difference", difference)
                self.assertLess(difference, 1e-5)

    def test_weights_go_back_to_python(self):
        for architecture in ("resnet18", "efficientnet_b0"):
            with self.subTest(architecture):
                network = random_network(architecture)
                save_safetensors(self.at / "in.safetensors", network.state_dict())
                probe("rewrite", architecture, 3, self.at / "in.safetensors", self.at / "out.pt")
                read = torch.load(self.at / "out.pt")
                fresh = getattr(torchvision.models, architecture)(num_classes=3)
                fresh.load_state_dict(read)  # strict: all names, no others
                for name, tensor in network.state_dict().items():
                    self.assertTrue(torch.equal(tensor, fresh.state_dict()[name]), name)

    def test_checkpoints_of_others(self):
        network = random_network("resnet18")
        state = {"module." + name: tensor for name, tensor in network.state_dict().items()}
        torch.save({"epoch": 3, "state_dict": state, "best": 0.5}, self.at / "in.pt")
        probe("rewrite", "resnet18", 3, self.at / "in.pt", self.at / "out.pt")
        self.assertTrue(torch.equal(torch.load(self.at / "out.pt")["fc.bias"], network.fc.bias.data))

    def test_other_classes_keep_the_head(self):
        torch.save(random_network("resnet18", 1000).state_dict(), self.at / "in.pt")
        probe("rewrite", "resnet18", 2, self.at / "in.pt", self.at / "out.pt")
        read = torch.load(self.at / "out.pt")
        self.assertEqual(read["fc.weight"].shape, (2, 512))
        self.assertTrue(torch.equal(read["conv1.weight"], random_network("resnet18", 1000).conv1.weight.data))

    def test_mistakes(self):
        torch.save(random_network("resnet34").state_dict(), self.at / "other.pt")
        said = probe("rewrite", "resnet18", 3, self.at / "other.pt", self.at / "out.pt", fails=True)
        self.assertIn("other.pt has the weights of another architecture: layer", said)
        self.assertFalse((self.at / "out.pt").exists())
        (self.at / "text.pt").write_text("no weights at all")
        self.assertIn("text.pt is no file of torch.save", probe("rewrite", "resnet18", 3, self.at / "text.pt", "x", fails=True))
        torch.save(random_network("resnet18").state_dict(), self.at / "whole.pt")
        data = (self.at / "whole.pt").read_bytes()
        (self.at / "half.pt").write_bytes(data[: len(data) // 2])
        self.assertIn("half.pt is no file of torch.save", probe("rewrite", "resnet18", 3, self.at / "half.pt", "x", fails=True))
        torch.save([1, 2], self.at / "list.pt")
        self.assertIn("holds no state dict", probe("rewrite", "resnet18", 3, self.at / "list.pt", "x", fails=True))
        save_safetensors(self.at / "cut.safetensors", random_network("resnet18").state_dict())
        data = (self.at / "cut.safetensors").read_bytes()
        (self.at / "cut.safetensors").write_bytes(data[:-100])
        self.assertIn("is not where its header says", probe("rewrite", "resnet18", 3, self.at / "cut.safetensors", "x", fails=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    options, rest = parser.parse_known_args()
    BUILD = options.build
    torch.set_num_threads(2)
    unittest.main(argv=[sys.argv[0], *rest])

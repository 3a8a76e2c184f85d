#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Training as a user runs it: weights, metrics, resuming, mistakes; values against PyTorch and NumPy."""
import argparse
import contextlib
import csv
import json
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image

import small_network

BUILD = None
SIZE = 32

GRAPH = """
flowrun: 1
memory: 1 GiB
params: {out: out}
nodes:
  epochs:  {type: epochs, train_csv: train.csv, val_csv: val.csv, count: %(epochs)d, samples_per_epoch: %(samples)d, seed: 3}
  samples: {type: load, from: epochs, size: 32}
  batches: {type: to_tensor, from: samples, batch: %(batch)d}
  model:   {type: train, from: batches, dir: "${out}", threads: 1, %(options)s}
"""


def make_tiles(folder, count, seed, split):
    """Two kinds of tile, told apart by their colour, with enough noise that it is not too easy."""
    rng = np.random.default_rng(seed)
    with open(folder / f"{split}.csv", "w") as table:
        table.write("path,label\n")
        for i in range(count):
            label = i % 2
            pixels = rng.normal(110 + 30 * label, 60, (SIZE, SIZE, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{split}{i}.png")
            table.write(f"{split}{i}.png,{'tumor' if label else 'normal'}\n")


class Training(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        make_tiles(self.at, 24, 1, "train")
        make_tiles(self.at, 11, 2, "val")

    def graph(self, options="", epochs=2, batch=8, samples=24):
        (self.at / "graph.yaml").write_text(GRAPH % {"options": options, "epochs": epochs, "batch": batch, "samples": samples})

    def run_graph(self, *arguments, expect=0, out="out"):
        done = subprocess.run(
            [BUILD / "bin" / "flowrun", "graph.yaml", "--set", f"out={out}", *arguments], cwd=self.at, capture_output=True, text=True, timeout=120
        )
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def rows(self, out="out"):
        with open(self.at / out / "metrics.csv") as file:
            return list(csv.DictReader(file))

    def test_the_loss_curve_is_pytorchs(self):
        """20 steps of all samples at once, five an epoch. They come in another order, and what rounding makes of that grows
        with each step, so the steps are small."""
        torch.manual_seed(5)
        network = torchvision.models.resnet18(num_classes=2)
        torch.save(network.state_dict(), self.at / "weights.pt")
        for options, make, schedule in (
            (
                "optimizer: adamw, schedule: cosine, learning_rate: 0.00003, label_smoothing: 0.1, class_weights: [1, 2], clip_norm: 1",
                lambda p: torch.optim.AdamW(p, 3e-5, weight_decay=0.01),
                lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20),
            ),
            (
                "optimizer: sgd, schedule: one_cycle, learning_rate: 0.0003, momentum: 0.9, weight_decay: 0.0001",
                lambda p: torch.optim.SGD(p, 0.0003, momentum=0.9, weight_decay=1e-4),
                lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.0003, total_steps=20),
            ),
        ):
            with self.subTest(options):
                self.graph(f"weights: weights.pt, channels_last: false, metric: loss, {options}", epochs=4, batch=24, samples=5 * 24)
                self.run_graph("--force")
                model = torchvision.models.resnet18(num_classes=2)
                model.load_state_dict(torch.load(self.at / "weights.pt"))
                images = self.images("train")
                labels = torch.tensor([i % 2 for i in range(24)])
                optimizer = make(model.parameters())
                scheduler = schedule(optimizer)
                given = "smoothing" in options
                wanted = []
                for _ in range(20):
                    loss = torch.nn.functional.cross_entropy(
                        model(images), labels, torch.tensor([1.0, 2.0]) if given else None, label_smoothing=0.1 if given else 0
                    )
                    optimizer.zero_grad()
                    loss.backward()
                    if given:
                        torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
                    optimizer.step()
                    scheduler.step()
                    wanted.append(loss.item())
                self.assertEqual([int(row["steps"]) for row in self.rows()], [5, 10, 15, 20])
                found, wanted = [float(row["train_loss"]) for row in self.rows()], np.reshape(wanted, (4, 5)).mean(1)
                print("largest difference of an epoch's loss", max(abs(a - b) for a, b in zip(found, wanted)))
                np.testing.assert_allclose(found, wanted, atol=2e-5)

    def images(self, split):
        with open(self.at / f"{split}.csv", newline="") as table:
            paths = [row["path"] for row in csv.DictReader(table)]
        pixels = np.stack([np.asarray(Image.open(self.at / path)) for path in paths])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        return (images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)

    def test_checkpointing_changes_no_gradient(self):
        """A plain step turns gradients into weights; efficientnet_b0 also has dropout, which must come out the same."""
        for model in ("resnet50", "efficientnet_b0"):
            with self.subTest(model):
                options = f"model: {model}, optimizer: sgd, momentum: 0, weight_decay: 0, schedule: constant, learning_rate: 0.01"
                weights = []
                for checkpointing in ("false", "true"):
                    out = f"{model}-{checkpointing}"
                    self.graph(f"{options}, checkpointing: {checkpointing}", epochs=1, batch=24)
                    self.run_graph(out=out)
                    weights.append(torch.load(self.at / out / "last.pt")["model"])
                for name, weight in weights[0].items():
                    difference = (weights[1][name] - weight).abs().max().item()
                    self.assertLessEqual(difference, 1e-8 * max(1, weight.abs().max().item()), name)

    def weights_after_a_step(self, options):
        """Of all samples at once, by plain gradient descent; gradients are told by it."""
        self.graph(f"weights: weights.pt, optimizer: sgd, momentum: 0, weight_decay: 0, schedule: constant, {options}", epochs=1, batch=24)
        self.run_graph("--force")
        return torch.load(self.at / "out/last.pt")["model"]

    def test_gradients_are_scaled_down_to_their_norm(self):
        before = torchvision.models.resnet18(num_classes=2)
        torch.save(before.state_dict(), self.at / "weights.pt")
        after = self.weights_after_a_step("learning_rate: 0.5, clip_norm: 0.01")
        moved = sum((after[name] - value.detach()).double().square().sum() for name, value in before.named_parameters()) ** 0.5
        self.assertAlmostEqual(moved.item() / (0.5 * 0.01), 1, delta=0.01)

    def test_other_arithmetic_gives_nearly_the_same(self):
        torch.manual_seed(4)
        torch.save(torchvision.models.resnet18(num_classes=2).state_dict(), self.at / "weights.pt")
        plain = self.weights_after_a_step("learning_rate: 0.001")
        for options, near in (("precision: bf16", 1e-2), ("channels_last: false", 1e-5)):
            with self.subTest(options):
                found = self.weights_after_a_step(f"learning_rate: 0.001, {options}")
                differences = [(found[name] - value).abs().max().item() for name, value in plain.items() if value.is_floating_point()]
                print(f"{options}: weights differ by {max(differences):.1e} at most")
                self.assertGreater(max(differences), 0)
                self.assertLess(max(differences), near)

    def test_the_model_has_threads_of_its_own(self):
        def most_threads(threads):
            self.graph("model: resnet18", epochs=1)
            graph = (self.at / "graph.yaml").read_text().replace("threads: 1,", f"threads: {threads},")
            (self.at / "graph.yaml").write_text(graph)
            process = subprocess.Popen([BUILD / "bin/flowrun", "graph.yaml", "--threads", "1", "--force"], cwd=self.at,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            most = 0
            while process.poll() is None:
                with contextlib.suppress(FileNotFoundError):
                    most = max(most, len(list(Path(f"/proc/{process.pid}/task").iterdir())))
                time.sleep(0.002)
            self.assertEqual(process.returncode, 0)
            return most

        self.assertGreaterEqual(most_threads(6) - most_threads(1), 5)

    def test_the_best_epoch_is_the_best_in_its_metric(self):
        small_network.save(self.at / "small.pt")
        self.graph("model: small.pt, metric: loss, learning_rate: 0.5", epochs=5)
        self.run_graph()
        best = min(self.rows(), key=lambda row: float(row["loss"]))
        self.assertLess(int(best["epoch"]), 4)
        self.assertEqual(torch.load(self.at / "out/best.pt")["steps"], int(best["steps"]))

    def test_metrics_are_numpys(self):
        small_network.save(self.at / "small.pt")
        self.graph("model: small.pt, learning_rate: 0.001")
        self.run_graph()
        checkpoint = torch.load(self.at / "out" / "last.pt")
        model = small_network.Small(outputs=2)
        model.load_state_dict(checkpoint["model"])
        with torch.no_grad():
            logits = model(self.images("val"))
        probability = logits.softmax(1)[:, 1].numpy()
        label = np.array([i % 2 for i in range(11)])
        said = logits.argmax(1).numpy()
        row = self.rows()[-1]
        pairs = probability[label == 1][:, None] - probability[label == 0][None, :]
        tp, tn = ((said == 1) & (label == 1)).sum(), ((said == 0) & (label == 0)).sum()
        fp, fn = ((said == 1) & (label == 0)).sum(), ((said == 0) & (label == 1)).sum()
        youden = [(probability[label == 1] >= t).mean() - (probability[label == 0] >= t).mean() for t in sorted(probability, reverse=True)]
        wanted = {
            "loss": torch.nn.functional.cross_entropy(logits, torch.from_numpy(label)).item(),
            "accuracy": (said == label).mean(),
            "auc": ((pairs > 0) + 0.5 * (pairs == 0)).mean(),
            "sensitivity": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "f1": 2 * tp / (2 * tp + fp + fn),
            "threshold": sorted(probability, reverse=True)[int(np.argmax(youden))],
        }
        for name, value in wanted.items():
            self.assertAlmostEqual(float(row[name]), float(value), 4, name)
        self.assertEqual(row["confusion"], f"{tn} {fp} | {fn} {tp}")
        lines = [json.loads(line) for line in (self.at / "out" / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([line["epoch"] for line in lines], [0, 1])
        self.assertEqual(float(row["auc"]), lines[-1]["auc"])
        self.check_events(lines)
        self.assertEqual(Image.open(self.at / "out" / "curves.png").size, (1200, 500))
        self.assertIn("<svg", (self.at / "out" / "curves.svg").read_text())

    def check_events(self, lines):
        """Reads the records by TensorFlow's description, with a CRC-32C of our own."""

        def crc32c(data):
            crc = 0xFFFFFFFF
            for byte in data:
                crc ^= byte
                for _ in range(8):
                    crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
            return crc ^ 0xFFFFFFFF

        def masked(data):
            crc = crc32c(data)
            return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF

        self.assertEqual(crc32c(b"123456789"), 0xE3069283)
        data = (self.at / "out" / "events.out.tfevents.flowrun").read_bytes()
        events = []
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            self.assertEqual(struct.unpack("<I", data[8:12])[0], masked(data[:8]))
            event = data[12 : 12 + length]
            self.assertEqual(struct.unpack("<I", data[12 + length : 16 + length])[0], masked(event))
            events.append(event)
            data = data[16 + length :]
        self.assertEqual(len(events), 1 + len(lines))
        self.assertIn(b"brain.Event:2", events[0])
        auc = b"\x0a\x0evalidation/auc\x15" + struct.pack("<f", lines[-1]["auc"])
        self.assertIn(auc, events[-1])

    def test_killed_anywhere_it_resumes_to_the_same_weights(self):
        self.graph("model: resnet18, optimizer: adamw", epochs=4)
        before = time.monotonic()
        self.run_graph(out="whole")
        seconds = time.monotonic() - before
        rng = random.Random(9)
        kills = 0
        for _ in range(8):
            child = subprocess.Popen(
                [BUILD / "bin" / "flowrun", "graph.yaml", "--set", "out=out"], cwd=self.at, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                child.wait(rng.uniform(0.1, 0.8) * seconds)
                break
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.wait()
                kills += 1
        self.assertTrue((self.at / "out/last.pt").exists())
        self.run_graph()
        self.assertGreater(kills, 0)
        for name in ("last.pt", "best.pt", "metrics.csv", "metrics.jsonl", "events.out.tfevents.flowrun"):
            self.assertEqual((self.at / "out" / name).read_bytes(), (self.at / "whole" / name).read_bytes(), name)
        self.assertEqual([row["epoch"] for row in self.rows()], ["0", "1", "2", "3"])

    def test_mistakes_leave_the_earlier_checkpoint(self):
        self.graph("learning_rate: 0.001", epochs=1)
        self.run_graph()
        before = (self.at / "out" / "last.pt").read_bytes()
        self.graph("learning_rate: 1e30, optimizer: sgd, schedule: constant", epochs=3)
        self.assertIn("lower learning_rate", self.run_graph(expect=1, out="nan"))
        self.graph("learning_rate: 1e30, optimizer: sgd, schedule: constant", epochs=1, batch=24)
        self.assertIn("of validation are not finite", self.run_graph(expect=1, out="late"))
        self.assertFalse((self.at / "late" / "last.pt").exists())
        self.check_foreign_checkpoint()
        self.graph("learning_rate: 0.001", epochs=1)
        torch.save(torchvision.models.resnet50(num_classes=2).state_dict(), self.at / "other.pt")
        self.graph("model: resnet18, weights: other.pt", epochs=1)
        self.assertIn("has the weights of another architecture", self.run_graph(expect=2, out="other"))
        self.assertFalse((self.at / "other" / "last.pt").exists())
        if not torch.cuda.is_available():
            self.graph("device: cuda", epochs=1)
            self.assertIn("there is no GPU for 'device: cuda'", self.run_graph(expect=2, out="other"))
        (self.at / "val.csv").write_text("path,label\nval0.png,tumor\n")
        (self.at / "train.csv").write_text("path,label\ntrain1.png,tumor\ntrain3.png,tumor\n")
        self.graph(epochs=1)
        self.assertIn("all samples are of class 'tumor'", self.run_graph(expect=1, out="one"))
        self.assertEqual((self.at / "out" / "last.pt").read_bytes(), before)

    def check_foreign_checkpoint(self):
        self.graph("learning_rate: 0.001", epochs=100)
        child = subprocess.Popen([BUILD / "bin" / "flowrun", "graph.yaml", "--set", "out=foreign"], cwd=self.at,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        last = self.at / "foreign" / "last.pt"
        while not last.exists() and child.poll() is None:
            time.sleep(0.01)
        child.kill()
        child.wait()
        state = torch.load(last)
        state["facts"] = state["facts"].replace("normal", "stroma")
        torch.save(dict(state), last)
        self.assertIn("is not a checkpoint that this training can go on from: its classes are",
                      self.run_graph(expect=1, out="foreign"))

    def test_a_full_disk_is_told(self):
        """Files of at most 20 MB stand for it; a checkpoint has 130 MB."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, 20_000_000))
        self.graph(epochs=1)
        done = subprocess.run([BUILD / "bin" / "flowrun", "graph.yaml", "--set", "out=full"], cwd=self.at, text=True,
                              capture_output=True, timeout=120, preexec_fn=limit)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stdout + done.stderr, r"cannot write .*last\.pt: File too large")
        self.assertEqual(list((self.at / "full").glob("*.pt")), [])

    def test_a_frozen_backbone_stays_as_it_is(self):
        self.graph(epochs=1)
        self.run_graph(out="first")
        before = torch.load(self.at / "first/last.pt")["model"]
        for precision in ("fp32", "bf16"):
            with self.subTest(precision):
                self.graph(f"weights: first/last.pt, freeze_backbone: true, learning_rate: 0.01, precision: {precision}", epochs=1)
                self.run_graph(out=precision)
                last = torch.load(self.at / precision / "last.pt")
                changed = {name for name in before if not torch.equal(before[name], last["model"][name])}
                self.assertEqual(changed, {"fc.weight", "fc.bias"})
                self.assertEqual({name.rsplit(".", 1)[0] for name in last["optimizer"]}, {"fc.weight", "fc.bias"})

    def test_early_stopping(self):
        self.graph("patience: 1, learning_rate: 1e-12, metric: accuracy, optimizer: sgd, freeze_backbone: true", epochs=5)
        said = self.run_graph()
        self.assertIn("training stopped early: no better accuracy in 1 epochs", said)
        rows = self.rows()
        self.assertLess(len(rows), 5)
        self.assertNotIn(f"epoch-{len(rows):04}", said)  # the next epoch is not even opened
        again = self.run_graph()
        self.assertEqual(self.rows(), rows)
        self.assertIn(f"epoch-{len(rows) - 1:04}: done before", again)
        self.assertNotIn(f"epoch-{len(rows):04}", again)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    options, rest = parser.parse_known_args()
    BUILD = options.build.resolve()
    torch.set_num_threads(2)
    unittest.main(argv=[sys.argv[0], *rest])

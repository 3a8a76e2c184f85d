#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several ranks, started as torchrun does, train what one process trains; one that is killed, and going on with others."""
import shutil
import signal
import time

import torch
from PIL import Image

import rank_processes
from trainings import COUNT, Small, Trainings, main

# The images are turned at random. 12 samples an epoch in batches of 5: the last one has 2, less than there may be ranks.
GRAPH = """
flowrun: 1
params: {out: out}
nodes:
  epochs:  {type: epochs, train_csv: train.csv, val_csv: val.csv, count: %(epochs)d, samples_per_epoch: %(samples)d, seed: 3}
  samples: {type: load, from: epochs, size: %(size)d}
  varied:  {type: augment, from: samples, brightness: 0.2, seed: 5}
  batches: {type: to_tensor, from: varied, batch: %(batch)d}
  model:   {type: train, from: batches, dir: "${out}", threads: 1, channels_last: false, model: %(model)s, %(train)s}
%(more)s
"""


class Ranks(Trainings):
    def setUp(self):
        super().setUp()
        self.module(Small)
        shutil.copy(self.at / "train.csv", self.at / "val.csv")

    def write(self, train, epochs=17, samples=COUNT, batch=5, more="", model="module.pt", size=16):
        (self.at / "graph.yaml").write_text(GRAPH % {"train": train, "epochs": epochs, "samples": samples, "batch": batch, "more": more, "model": model, "size": size})

    def begin(self, out, ranks):
        return rank_processes.begin([self.build / "bin/flowrun", "graph.yaml", "--set", f"out={out}"], ranks, self.at)

    def run_ranks(self, out, ranks=1, expect=0):
        said, codes = rank_processes.end(self.begin(out, ranks))
        self.assertEqual(codes, [expect] * ranks, "\n".join(said))
        return said

    def trained(self, out):
        return torch.load(self.at / out / "last.pt")["model"]

    def largest_difference(self, one, other):
        one, other = self.trained(one), self.trained(other)
        return max((one[name] - other[name]).abs().max().item() for name in one)

    def same_rows(self, one, other):
        for of_one, of_other in zip(self.rows(one), self.rows(other), strict=True):
            for name, value in of_one.items():
                if "confusion" in name or not value:
                    self.assertEqual(of_other[name], value, name)
                else:
                    self.assertAlmostEqual(float(of_other[name]), float(value), 4, name)

    def test_weights_are_those_of_one_process(self):
        """Over 51 steps, with what a step is made of: parts of batches, weights of classes, the norm of gradients."""
        for name, train, ranks in (
            ("sgd", "optimizer: sgd, learning_rate: 0.02, schedule: cosine, class_weights: [1, 3, 0.5], clip_norm: 0.5, metric: loss", 2),
            ("adamw", "optimizer: adamw, learning_rate: 0.001, accumulate: 2, ema: 0.9, calibrate: true", 3),
        ):
            with self.subTest(name):
                self.write(train)
                self.run_ranks(f"{name}-1")
                start = self.module(Small).state_dict()
                self.assertGreater(max((self.trained(f"{name}-1")[key] - start[key]).abs().max().item() for key in start), 1e-2)
                self.run_ranks(f"{name}-{ranks}", ranks)
                difference = self.largest_difference(f"{name}-1", f"{name}-{ranks}")
                print(f"{name}, {ranks} ranks: weights differ by {difference:.1e} at most")
                self.assertLess(difference, 1e-5)
                self.same_rows(f"{name}-1", f"{name}-{ranks}")
                self.same_predictions(f"{name}-1", f"{name}-{ranks}")

    def same_predictions(self, one, other):
        one, other = (torch.load(self.at / out / "predictions.pt") for out in (one, other))
        self.assertEqual(one["number"].tolist(), other["number"].tolist())
        self.assertLess((one["predicted"] - other["predicted"]).abs().max().item(), 1e-4)

    def test_batch_normalisation_of_all(self):
        """ResNet-18 over 20 steps: with the statistics of all samples as one process, without them not so. Steps are tiny, as
        such a network makes much of the last digits: one process with another memory layout differs as much as ranks do."""
        for i in range(COUNT):
            with Image.open(self.at / f"{i}.png") as image:
                image.resize((64, 64)).save(self.at / f"{i}.png")
        differs = {}
        for name, ranks, sync in (("one", 1, "true"), ("joint", 3, "true"), ("apart", 2, "false")):
            self.write(f"optimizer: sgd, learning_rate: 0.000001, momentum: 0, schedule: constant, metric: loss, sync_batch_norm: {sync}",
                       epochs=2, samples=60, batch=6, model="resnet18", size=64)
            self.run_ranks(name, ranks)
            one, other = self.trained("one"), self.trained(name)
            differs[name] = max(((one[key] - other[key]).abs() / one[key].abs().clamp(min=1)).max().item() for key in one)
            print(f"{name}: weights and running statistics differ by {differs[name]:.1e} at most")
        self.assertLess(differs["joint"], 1e-5)
        self.assertGreater(differs["apart"], 1e-2)

    def test_the_others_leave_nothing(self):
        self.write("metric: loss", epochs=2)
        self.run_ranks("out", 2)
        left = [str(path.relative_to(self.at / "out")) for path in (self.at / "out/.flowrun/ranks").rglob("*") if path.is_file()]
        self.assertEqual(sorted(left), [f".flowrun/ranks/1/{name}" for name in ("scopes.jsonl", "series.json", "status.json", "summary.json")])
        self.assertEqual(len(list((self.at / "out/.flowrun/done").iterdir())), 2)

    def test_all_stop_early(self):
        self.write("learning_rate: 1e-9, schedule: constant, metric: loss, patience: 2", epochs=50)
        self.run_ranks("one")
        self.run_ranks("two", 2)
        self.assertLess(len(self.rows("one")), 50)
        self.assertEqual(len(self.rows("two")), len(self.rows("one")))

    def test_one_is_killed_and_others_go_on(self):
        train = "optimizer: sgd, learning_rate: 0.005, schedule: constant, metric: loss"
        self.write(train, epochs=8, samples=40 * COUNT)
        self.run_ranks("whole")
        started = self.begin("killed", 2)
        until = time.monotonic() + 120
        while not (self.at / "killed/metrics.csv").exists():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.005)
        started[1].send_signal(signal.SIGKILL)
        begin = time.monotonic()
        (said, _), codes = rank_processes.end(started)
        took = time.monotonic() - begin
        print(f"rank 0 ended {took:.0f} s after rank 1 was killed: {said.strip().splitlines()[-1]}")
        self.assertLess(took, 60)
        self.assertEqual(codes, [1, -signal.SIGKILL])
        self.assertRegex(said, r"rank 1 \(.*, process %d\) has died" % started[1].pid)
        before = len(self.rows("killed"))
        self.assertLess(before, 8)
        self.run_ranks("killed", 3)
        self.assertEqual(len(self.rows("killed")), 8)
        self.assertLess(self.largest_difference("whole", "killed"), 1e-5)
        self.same_rows("whole", "killed")

    def test_what_one_cannot_read_ends_all(self):
        self.write("metric: loss", epochs=2)
        (self.at / "train.csv").write_text((self.at / "train.csv").read_text().replace("5.png", "none.png"))
        said = self.run_ranks("out", 2, expect=1)
        self.assertEqual(sum("none.png" in text for text in said), 1)
        self.assertEqual(sum("has failed: epoch-0000 failed" in text for text in said), 1)

    def test_what_ranks_cannot_do(self):
        self.write("metric: loss, mixup: 0.2")
        self.assertIn("mixup mixes images of a whole batch", self.run_ranks("out", 2, expect=1)[0])
        self.write("metric: loss", batch=1)
        self.assertIn("a batch of 1 samples is less than one for each of 2 ranks", self.run_ranks("out", 2, expect=1)[0])
        self.write("metric: loss", more="  files: {type: save, from: varied, dir: \"${out}/tiles\"}")
        self.assertRegex(self.run_ranks("out", 2, expect=1)[1], "'files' .type save. keeps something of each epoch, .* one of 2 ranks")


if __name__ == "__main__":
    main()

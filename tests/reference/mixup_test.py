#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Mixed images against PyTorch: the same shares and permutations give the same losses, gradients and weights."""
import csv
import signal
import subprocess
import time

import torch
import torch.nn.functional as F

from trainings import COUNT, Normed, Small, Trainings, drawn_order, main

STEPS = 8


class Mixup(Trainings):
    def learnt(self, module, alpha, loss, accuracy, lr=0.05, momentum=0.9, steps=STEPS, seed=0):
        """The training's own generator gives a share from Beta, which is Dirichlet of two, then a permutation."""
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.SGD(module.parameters(), lr, momentum=momentum)
        order = drawn_order(steps * COUNT, seed=3, epoch=0)
        losses, right = [], []
        for step in range(steps):
            own = order[step * COUNT : (step + 1) * COUNT]
            share = torch._sample_dirichlet(torch.full((2,), alpha, dtype=torch.float64), generator)[0].item()
            others = [own[i] for i in torch.randperm(COUNT, generator=generator)]
            outputs = module(share * self.images[own] + (1 - share) * self.images[others])
            optimizer.zero_grad()
            value = loss(outputs, own, others, share)
            value.backward()
            optimizer.step()
            losses.append(value.item())
            right.append(accuracy(outputs.detach(), own, others, share))
        return module.state_dict(), sum(losses) / steps, sum(right) / steps

    def check(self, options, loss, accuracy, column="train_accuracy", **epochs):
        for momentum, steps in ((0, 1), (0.9, STEPS)):  # one plain step has the gradients
            module = self.module(Normed)
            weights, mean, right = self.learnt(module, 0.4, loss, accuracy, momentum=momentum, steps=steps)
            out = f"{len(options)}-{steps}"
            found = self.train(f"optimizer: sgd, learning_rate: 0.05, weight_decay: 0, momentum: {momentum}, schedule: constant, metric: loss, mixup: 0.4, {options}",
                               steps=steps, out=out, **epochs)
            self.compare(found, weights)
            row = self.rows(out)[0]
            self.assertAlmostEqual(float(row["train_loss"]), mean, 4)
            self.assertAlmostEqual(float(row[column]), right, 5)

    def test_classes_are_soft_targets(self):
        one_hot = F.one_hot(self.labels, 3).float()
        mixed = lambda own, others, share: share * one_hot[own] + (1 - share) * one_hot[others]
        right = lambda outputs, own, others, share: sum(
            part * (outputs.argmax(1) == self.labels[rows]).float().mean().item() for part, rows in ((share, own), (1 - share, others)))
        self.check("loss: cross_entropy", lambda outputs, *mixing: F.cross_entropy(outputs, mixed(*mixing)), right)
        self.check("label_smoothing: 0.1", lambda outputs, *mixing: F.cross_entropy(outputs, mixed(*mixing), label_smoothing=0.1), right)
        given = torch.tensor([1.0, 0.5, 3.0])

        def weighted(outputs, *mixing):
            soft = mixed(*mixing) * given
            return -(soft * outputs.log_softmax(1)).sum() / soft.sum()

        self.check("class_weights: [1, 0.5, 3]", weighted, right)

        def focal(outputs, *mixing):
            logarithms = outputs.log_softmax(1)
            return -(mixed(*mixing) * (1 - logarithms.exp()) ** 2 * logarithms).sum() / COUNT

        self.check("loss: focal", focal, right)

    def targets(self, values):
        with open(self.at / "train.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["path", "a", "b", "c"])
            table.writerows([f"{i}.png", *row] for i, row in enumerate(values.tolist()))
        return values

    def test_labels_and_numbers(self):
        labels = self.targets(torch.tensor([[i % 2, i // 2 % 2, i // 3 % 2] for i in range(COUNT)]).float())
        right = lambda outputs, own, others, share: sum(
            part * ((outputs >= 0) == (labels[rows] > 0)).float().mean().item() for part, rows in ((share, own), (1 - share, others)))
        mixed = lambda table: lambda own, others, share: share * table[own] + (1 - share) * table[others]
        self.check("task: multilabel", lambda outputs, *mixing: F.binary_cross_entropy_with_logits(outputs, mixed(labels)(*mixing)), right, more=", targets: [a, b, c]")
        numbers = self.targets(torch.linspace(-2, 2, 3 * COUNT).reshape(COUNT, 3).sin().mul(3).round(decimals=3))
        error = lambda outputs, *mixing: (outputs - mixed(numbers)(*mixing)).abs().mean().item()
        for options, loss in (("loss: mse", F.mse_loss), ("loss: huber, huber_delta: 0.5", lambda a, b: F.huber_loss(a, b, delta=0.5))):
            self.check(f"task: regression, {options}", lambda outputs, *mixing: loss(outputs, mixed(numbers)(*mixing)), error, "train_mae", more=", targets: [a, b, c]")

    def test_parts_of_a_batch_are_mixed_as_the_whole(self):
        options = "optimizer: sgd, learning_rate: 0.05, schedule: constant, metric: loss, mixup: 0.4, class_weights: [1, 0.5, 3]"
        self.module()
        whole = self.train(options, steps=2)
        self.module(Small, most=5)
        parts = self.train(f"{options}, on_oom: split", steps=2, out="parts")
        self.assertIn("out of memory with 6 images at once: went on with 3", self.said)
        self.compare(parts, whole, 1e-6)

    def test_killed_anywhere_it_goes_on_to_the_same_bytes(self):
        """Mixing and averaging: both have a state of their own. A new start of TorchScript may round otherwise, so ResNet."""
        self.write_graph("mixup: 0.4, ema: 0.9, decay: weights, layer_decay: 0.8, metric: loss", epochs=5, steps=2, model="resnet18", validate=True)
        self.run_graph("whole")
        kills = 0
        for wait in (0.9, 1.4, 1.9, 2.6):
            child = subprocess.Popen([self.build / "bin/flowrun", "graph.yaml", "--set", "out=killed"], cwd=self.at, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(wait)
            child.send_signal(signal.SIGKILL)
            kills += child.wait() == -signal.SIGKILL
        self.run_graph("killed")
        self.assertGreater(kills, 0)
        for name in ("last.pt", "best.pt", "metrics.csv"):
            self.assertEqual((self.at / "killed" / name).read_bytes(), (self.at / "whole" / name).read_bytes(), name)

    def test_shares_next_to_none_are_refused(self):
        self.module()
        self.write_graph("mixup: 0.01")
        self.run_graph(expect=2)
        self.assertRegex(self.said, r"graph\.yaml:\d+:\d+.*mixup.*so near to 0")

    def test_one_image_has_none_to_be_mixed_with(self):
        self.module()
        self.write_graph("mixup: 0.4", batch=1)
        self.run_graph(expect=2)
        self.assertRegex(self.said, r"graph\.yaml:\d+:\d+.*mixup.*batches of one image have no other one to mix it with")


if __name__ == "__main__":
    main()

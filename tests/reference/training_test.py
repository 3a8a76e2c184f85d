#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Losses, schedules, optimizers, accumulation and split batches against PyTorch: the same weights after 50 steps."""
import torch
import torch.nn.functional as F

from trainings import COUNT, Trainings, main

LR = torch.optim.lr_scheduler


class Against(Trainings):
    def test_fifty_steps_are_pytorchs(self):
        auto = torch.tensor([12 / (3 * n) for n in (6, 4, 2)])
        given = torch.tensor([1.0, 0.5, 3.0])

        def focal(gamma, weight=None):
            def loss(logits, labels):
                p = logits.softmax(1)[torch.arange(COUNT), labels]
                each = (1 - p) ** gamma * F.cross_entropy(logits, labels, weight, reduction="none")
                return each.mean() if weight is None else each.sum() / weight[labels].sum()

            return loss

        entropy = lambda weight=None, smoothing=0.0: lambda logits, labels: F.cross_entropy(logits, labels, weight, label_smoothing=smoothing)
        adamw = lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)
        sgd = lambda p: torch.optim.SGD(p, 0.05, momentum=0.8, weight_decay=0.001)
        a, s = "optimizer: adamw, learning_rate: 0.01, weight_decay: 0.1", "optimizer: sgd, learning_rate: 0.05, momentum: 0.8, weight_decay: 0.001"
        for options, loss, make, schedule, epochs in (
            (f"{a}, schedule: constant", entropy(), adamw, None, 1),
            (f"{s}, schedule: constant, class_weights: auto", entropy(auto), sgd, None, 1),
            (f"{s}, schedule: cosine, class_weights: [1, 0.5, 3], label_smoothing: 0.1", entropy(given, 0.1), sgd, lambda o: LR.CosineAnnealingLR(o, 50), 1),
            (f"{a}, schedule: one_cycle, loss: focal", focal(2), adamw, lambda o: LR.OneCycleLR(o, 0.01, total_steps=50), 1),
            (f"{s}, schedule: one_cycle, loss: focal, focal_gamma: 0.5", focal(0.5), sgd, lambda o: LR.OneCycleLR(o, 0.05, total_steps=50), 1),
            (f"{s}, schedule: step, step_epochs: 2, step_factor: 0.3, loss: focal, class_weights: [1, 0.5, 3]", focal(2, given), sgd, lambda o: LR.StepLR(o, 20, 0.3), 5),
            (f"{a}, schedule: cosine, warmup_epochs: 1", entropy(), adamw, lambda o: LR.SequentialLR(o, [LR.LinearLR(o, 0.1, 1, 9), LR.CosineAnnealingLR(o, 40)], [10]), 5),
        ):
            with self.subTest(options):
                module = self.module()
                optimizer = make(module.parameters())
                wanted = self.wanted(module, loss, optimizer, schedule and schedule(optimizer))
                self.compare(self.train(f"{options}, metric: loss", epochs, 50 // epochs, out=options.replace(" ", "")[:60] + str(len(options))), wanted)

    def test_a_batch_in_parts_is_the_whole_batch(self):
        """Class weights differ between the parts, and so do their sizes: 12 samples as 4, 4, 4 by accumulation, as 5, 5, 2, and
        as 3 of at most 5 when memory is said to be short."""
        for loss in ("cross_entropy, label_smoothing: 0.1", "focal, focal_gamma: 0.7"):
            train = f"loss: {loss}, class_weights: [1, 0.5, 7], optimizer: sgd, learning_rate: 0.05, schedule: constant"
            self.module()
            whole = self.train(train, steps=1, out=f"whole{loss[:5]}")
            for batch, options in ((4, "accumulate: 3"), (5, "accumulate: 3"), (12, "accumulate: 7")):
                found = self.train(f"{train}, {options}", steps=1, batch=batch, out=f"{batch}{loss[:5]}")
                self.compare(found, whole, 1e-6)
            self.module(most=5)
            found = self.train(f"{train}, on_oom: split", steps=1, out=f"split{loss[:5]}")
            self.assertIn("out of memory with 12 images at once: went on with 6", self.said)
            self.assertIn("out of memory with 6 images at once: went on with 3", self.said)
            self.compare(found, whole, 1e-6)
            split, one = self.rows(f"split{loss[:5]}")[0], self.rows(f"whole{loss[:5]}")[0]
            self.assertAlmostEqual(float(split["train_loss"]), float(one["train_loss"]), 5)

    def test_what_is_known_for_sure_has_a_finite_gradient(self):
        """Logits so far apart that the probability is 1 in float32; below 1 the power of 1 - p has no slope there."""
        class Sure(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.scale = torch.nn.Parameter(torch.tensor([500.0, -500.0, -500.0]))

            def forward(self, x):
                return self.scale.expand(x.shape[0], 3) + 0 * x.mean([1, 2, 3]).unsqueeze(1)

        torch.jit.script(Sure()).save(self.at / "module.pt")
        for gamma in (0, 0.5, 1, 2):
            found = self.train(f"loss: focal, focal_gamma: {gamma}", steps=1, out=f"gamma{gamma}")
            self.assertTrue(found["scale"].isfinite().all())

    def test_classes_that_weigh_nothing_do_no_harm(self):
        self.module()
        for batch in (1, 4):
            found = self.train("class_weights: [0, 1, 1], optimizer: sgd", steps=1, batch=batch, out=f"zero{batch}")
            self.assertTrue(all(tensor.isfinite().all() for tensor in found.values()))


if __name__ == "__main__":
    main()

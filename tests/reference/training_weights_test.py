#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rates of layers, what decays, and the average of weights against PyTorch."""
import re

import torch
import torchvision
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel

from trainings import Normed, Trainings, main

STEPS = 6


class Weights(Trainings):
    def resnet(self):
        torch.manual_seed(4)
        network = torchvision.models.resnet18(num_classes=3)
        torch.save(network.state_dict(), self.at / "weights.pt")
        return network

    def groups(self, network, lr, layer_decay, weight_decay, decay):
        """As timm's param_groups_layer_decay makes them of its ResNet's group_matcher: the stem, eight blocks, the head."""
        blocks = [f"layer{stage}.{block}." for stage in range(1, 5) for block in range(2)]
        groups = []
        for name, parameter in network.named_parameters():
            depth = 9 if name.startswith("fc.") else next((i + 1 for i, block in enumerate(blocks) if name.startswith(block)), 0)
            pulled = weight_decay if decay == "all" or parameter.ndim > 1 else 0
            groups.append({"params": [parameter], "lr": lr * layer_decay ** (9 - depth), "weight_decay": pulled})
        return groups

    def test_layers_learn_at_their_rates(self):
        cosine = lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS)
        for options, layer_decay, decay, make, scheduler in (
            ("optimizer: sgd, learning_rate: 0.003, weight_decay: 0.5, schedule: cosine", 0.7, "all", lambda g: torch.optim.SGD(g, 0.003, momentum=0.9), cosine),
            ("optimizer: adamw, learning_rate: 0.00003, weight_decay: 60, schedule: cosine", 0.6, "weights", lambda g: torch.optim.AdamW(g), cosine),
            ("optimizer: sgd, learning_rate: 0.003, weight_decay: 0.5, schedule: one_cycle", 0.7, "weights", lambda g: torch.optim.SGD(g, 0.003, momentum=0.95),
             lambda o: torch.optim.lr_scheduler.OneCycleLR(o, [g["lr"] for g in o.param_groups], total_steps=STEPS)),
        ):
            with self.subTest(options=options, layer_decay=layer_decay, decay=decay):
                lr, pull = (float(re.search(f"{name}: ([0-9.]+)", options)[1]) for name in ("learning_rate", "weight_decay"))
                weights = {}
                for as_asked in (True, False):
                    network = self.resnet()
                    optimizer = make(self.groups(network, lr, layer_decay, pull, decay) if as_asked else self.groups(network, lr, 1, pull, "all"))
                    weights[as_asked] = self.wanted(network, cross_entropy, optimizer, scheduler and scheduler(optimizer), STEPS)
                found = self.train(f"weights: weights.pt, layer_decay: {layer_decay}, decay: {decay}, metric: loss, {options}", steps=STEPS, model="resnet18",
                                   out=f"{options}{layer_decay}".replace(" ", ""))
                parameters = [name for name, _ in network.named_parameters()]
                self.compare(found, {name: weights[True][name] for name in parameters})
                others = max((weights[True][name] - weights[False][name]).abs().max().item() for name in parameters)
                self.assertGreater(others, 1e-3)  # the options matter

    def test_weights_alone_decay(self):
        for name, make in (
            ("sgd", lambda groups: torch.optim.SGD(groups, 0.02, momentum=0.9, weight_decay=0.5)),
            ("adamw", lambda groups: torch.optim.AdamW(groups, 0.02, weight_decay=0.5)),
        ):
            weights = {}
            for decay in ("weights", "all"):
                module = self.module(Normed)
                flat = [p for p in module.parameters() if p.ndim < 2 and decay == "weights"]
                rest = [p for p in module.parameters() if not any(p is other for other in flat)]
                groups = [{"params": rest}] + ([{"params": flat, "weight_decay": 0}] if flat else [])
                weights[decay] = self.wanted(module, cross_entropy, make(groups), steps=STEPS)
                found = self.train(f"optimizer: {name}, learning_rate: 0.02, weight_decay: 0.5, decay: {decay}, schedule: constant, metric: loss", steps=STEPS,
                                   out=f"{name}-{decay}")
                self.compare(found, weights[decay])
            for parameter in ("normal.weight", "last.bias"):
                self.assertGreater((weights["all"][parameter] - weights["weights"][parameter]).abs().max().item(), 1e-3)

    def test_what_has_no_known_blocks_has_no_rates(self):
        self.module()
        self.write_graph("layer_decay: 0.7")
        self.run_graph(expect=2)
        self.assertRegex(self.said, r"graph\.yaml:\d+:\d+.*layer_decay.*the blocks of a TorchScript module are not known")
        self.write_graph("layer_decay: 0.7, freeze_backbone: true", model="resnet18")
        self.run_graph(expect=2)
        self.assertRegex(self.said, r"graph\.yaml:\d+:\d+.*layer_decay.*freeze_backbone lets the last layer learn only")

    def test_the_average_is_pytorchs(self):
        """Of parameters and of running statistics; the validation has it, training goes on from what was trained."""
        for decay in (0.5, 0.9):
            module = self.module(Normed)
            average = AveragedModel(module, avg_fn=lambda average, now, _: decay * average + (1 - decay) * now, use_buffers=True)
            optimizer = torch.optim.SGD(module.parameters(), 0.05, momentum=0.9)
            losses = []
            for step in range(STEPS):
                optimizer.zero_grad()
                cross_entropy(module(self.images), self.labels).backward()
                optimizer.step()
                average.update_parameters(module)
                if step % 2 == 1:
                    average.eval()
                    losses.append(cross_entropy(average(self.images), self.labels).item())
            out = f"ema{decay}"
            found = self.train(f"optimizer: sgd, learning_rate: 0.05, weight_decay: 0, schedule: constant, metric: loss, ema: {decay}", epochs=STEPS // 2, steps=2,
                               validate=True, out=out)
            floats = [name for name, tensor in module.state_dict().items() if tensor.is_floating_point()]
            self.assertIn("normal.running_var", floats)
            self.compare(found, {name: average.module.state_dict()[name] for name in floats})
            trained = torch.load(self.at / out / "last.pt")["trained"]
            self.compare(trained, {name: module.state_dict()[name] for name in floats})
            self.assertGreater(max((trained[name] - found[name]).abs().max().item() for name in floats), 1e-2)
            self.assertEqual(found["normal.num_batches_tracked"], STEPS)
            for row, loss in zip(self.rows(out), losses):
                self.assertAlmostEqual(float(row["loss"]), loss, 5)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks of models of slides against PyTorch: regression, ordinal classes, survival; values and gradients."""
import itertools
import json

import numpy as np
import torch
import torch.nn.functional as F

import mil_training
from mil_training import MilTest, Slide


class MilTasks(MilTest):
    def test_regression(self):
        self.check("numbers", "gated_attention", outputs=2, options=", task: regression", bags=", targets: [age, event]",
                   loss_of=lambda slide, x, _, targets: F.mse_loss(slide(x), torch.tensor(targets)))

    def test_ordinal(self):
        """CORN as coral_pytorch's corn_loss has it, of a batch of one."""
        def loss_of(slide, x, label, _):
            logits, losses, examples = slide(x), 0, 0
            for k in range(2):
                if label > k - 1:
                    examples += 1
                    losses -= F.logsigmoid(logits[k]) if label > k else F.logsigmoid(logits[k]) - logits[k]
            return losses / examples

        slide, _ = self.check("ordinal", "gated_attention", loss_of, outputs=2, options=", task: ordinal")
        slide.load_state_dict(torch.load(self.folder / "ordinal_2/fold_0/best.pt")["model"])
        right, said = [], []
        for row in self.said("ordinal_2"):
            x, label, _ = self.bags[row["slide"]]
            beyond = torch.sigmoid(slide(x)).detach().cumprod(0).numpy()
            np.testing.assert_allclose([float(row[f"probability_{c}"]) for c in "abc"],
                                       [1 - beyond[0], beyond[0] - beyond[1], beyond[1]], atol=1e-5)
            right.append(label)
            said.append(int((beyond > 0.5).sum()))
            self.assertEqual(row["prediction"], "abc"[said[-1]])
        metrics = json.loads((self.folder / "ordinal_2/metrics.json").read_text())["folds"][0]["val"]
        weights = (np.arange(3)[:, None] - np.arange(3)) ** 2
        seen = np.zeros((3, 3))
        np.add.at(seen, (right, said), 1)
        chance = np.outer(seen.sum(1), seen.sum(0)) / len(right)
        if (weights * chance).sum() > 0:
            self.assertAlmostEqual(metrics["kappa"]["value"], 1 - (weights * seen).sum() / (weights * chance).sum())

    def test_survival(self):
        """nll_loss of MCAT (Chen et al. 2021) with alpha 0, intervals by quantiles of the events, as pandas' qcut."""
        events = [t[0] for _, _, t in self.bags.values() if t[1] == 1]
        ends = np.quantile(np.float32(events), [1 / 3, 2 / 3])

        def loss_of(slide, x, _, target):
            hazards = torch.sigmoid(slide(x))
            survival = torch.cumprod(1 - hazards, 0)
            padded = torch.cat([torch.ones(1), survival])
            y = int((np.float32(target[0]) > ends).sum())
            if target[1] == 1:
                return -torch.log(padded[y]) - torch.log(hazards[y])
            return -torch.log(padded[y + 1])

        self.check("survival", "gated_attention", loss_of, outputs=3, options=", task: survival, intervals: 3",
                   bags=", targets: [age, event]")
        slide = Slide("gated_attention", 3)
        slide.load_state_dict(torch.load(self.folder / "survival_2/fold_0/best.pt")["model"])
        rows = self.said("survival_2")
        for row in rows:
            survival = torch.cumprod(1 - torch.sigmoid(slide(self.bags[row["slide"]][0])), 0).detach().numpy()
            np.testing.assert_allclose([float(value) for value in list(row.values())[-4:]],
                                       [-survival.sum(), *survival], atol=1e-5)
        pairs = right = 0
        for a in rows:
            for b in rows:
                times = float(a["age"]), float(b["age"])
                if a["event"] == "1" and (times[0] < times[1] or (times[0] == times[1] and b["event"] == "0")):
                    pairs += 1
                    right += (float(a["risk"]) > float(b["risk"])) + 0.5 * (a["risk"] == b["risk"])
        found = json.loads((self.folder / "survival_2/metrics.json").read_text())["folds"][0]["val"]["c_index"]["value"]
        self.assertEqual(found, right / pairs if pairs else None)

    @staticmethod
    def partial_likelihood(risks, targets):
        """Cox 1972, ties after Breslow 1974, event by event: minus the mean of the logarithm."""
        terms = []
        for risk, (time, event) in zip(risks, targets):
            if event:
                at_risk = [other for other, (later, _) in zip(risks, targets) if later >= time]
                terms.append(torch.log(sum(torch.exp(other) for other in at_risk)) - risk)
        return sum(terms) / len(terms)

    def check_cox(self, name, options="", block=4096, dropped=None):
        """A step with all slides, as check() has it: the whole set's gradients."""
        options = f"task: survival, loss: cox, block_tiles: {block}, patience: 99, metric: loss{options}"
        bags = ", targets: [age, event], seed: 3"
        self.run_graph("".join(self.training(f"{name}_{epochs}", epochs, options, bags) for epochs in (1, 2)))
        before, _ = self.trained(f"{name}_1")
        after, rows = self.trained(f"{name}_2")
        slide = Slide("gated_attention", 1)
        slide.load_state_dict(before)
        said = self.said(f"{name}_2")
        validation = [row["slide"] for row in said]
        trained = [bag for bag in self.bags if bag not in validation]
        targets = [self.bags[bag][2] for bag in trained]
        times = [time for time, _ in targets]
        self.assertGreater(len(times) - len(set(times)), 1)  # there are ties
        self.assertTrue(any(event == 0 for _, event in targets))
        loss = self.partial_likelihood([slide(self.bags[bag][0])[0] for bag in trained], targets)
        loss.backward()
        self.assertAlmostEqual(float(rows[1]["train_loss"]), float(loss), delta=1e-5)
        for parameter, tensor in slide.named_parameters():
            found = before[parameter] - after[parameter]
            if parameter in ("classifiers.bias", "attention_net.3.attention_c.bias"):  # 0 but for rounding
                self.assertLess(float(found.abs().max()), 1e-5, (name, parameter))
                continue
            scale = float(tensor.grad.abs().max())
            self.assertGreater(scale, 1e-5, (name, parameter))
            self.assertLess(float((found - tensor.grad).abs().max()), 1e-5 * scale + 3e-8, (name, parameter))
        self.check_validation(f"{name}_2", rows, said)
        return trained

    def check_validation(self, out, rows, said):
        """Loss and concordance of all slides of validation together, of the model of the best epoch."""
        slide = Slide("gated_attention", 1)
        slide.load_state_dict(torch.load(self.folder / out / "fold_0/best.pt")["model"])
        risks = [slide(self.bags[row["slide"]][0])[0].detach() for row in said]
        np.testing.assert_allclose([float(row["risk"]) for row in said], risks, atol=1e-5)
        targets = [self.bags[row["slide"]][2] for row in said]
        best = min(rows, key=lambda row: float(row["loss"]))
        self.assertAlmostEqual(float(best["loss"]), float(self.partial_likelihood(risks, targets)), delta=1e-5)
        pairs = right = 0
        for risk, (time, event) in zip(risks, targets):
            for other, (later, later_event) in zip(risks, targets):
                if event and (later > time or (later == time and not later_event)):
                    pairs += 1
                    right += float(risk > other) + 0.5 * float(risk == other)
        self.assertGreater(pairs, 0)
        self.assertAlmostEqual(float(best["c_index"]), right / pairs, 6)

    def test_cox(self):
        for block in (4096, 7):
            with self.subTest(block=block):
                self.check_cox(f"cox{block}", block=block)

    def test_cox_by_steps(self):
        """Two steps of two slides each, which are compared within their step; which they are is the epoch's order."""
        names = ["slide00", "slide02", "slide03", "slide04"]
        held = [name for name in self.bags if name not in names]
        (self.folder / "splits_0.csv").write_text("train,val\n" + "".join(f"{name},\n" for name in names)
                                                  + "".join(f",{name}\n" for name in held))
        nodes = "".join(self.training(f"steps{epochs}", epochs, "task: survival, loss: cox, patience: 99, metric: loss",
                                      ", targets: [age, event]") for epochs in (1, 2))
        self.run_graph(nodes.replace("folds: 1, validation: 0.25", "splits: splits_0.csv")
                       .replace("accumulate: 1000", "accumulate: 2"))
        weights = [self.trained(f"steps{epochs}")[0] for epochs in (1, 2)]
        self.assertEqual([row["steps"] for row in self.table("steps2/fold_0/metrics.csv")], ["2", "4"])
        differences = []
        for first in itertools.combinations(names, 2):
            slide = Slide("gated_attention", 1)
            slide.load_state_dict(weights[0])
            for step in (first, [name for name in names if name not in first]):
                slide.zero_grad()
                self.partial_likelihood([slide(self.bags[name][0])[0] for name in step],
                                        [self.bags[name][2] for name in step]).backward()
                with torch.no_grad():
                    for tensor in slide.parameters():
                        tensor -= tensor.grad
            differences.append(max(float((tensor - weights[1][name]).abs().max())
                                   for name, tensor in slide.state_dict().items()))
        differences.sort()
        self.assertLess(differences[0], 1e-5)
        self.assertGreater(differences[1], 1e-3)


if __name__ == "__main__":
    mil_training.main()

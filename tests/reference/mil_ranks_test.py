#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several ranks train models of slides, one a fold, as one process does."""
import torch

import mil_training
import rank_processes
from mil_training import MilTest, main

GRAPH = """
flowrun: 1
nodes:
  bags: {type: bags, features: features, labels: labels.csv, folds: 3, validation: 0.2, count: %(epochs)d, seed: 2%(bags)s}
  model: {type: train_mil, from: bags, hidden: 9, attention: 7, dropout: 0, dimensions: 16, threads: 1, dir: %(out)s, accumulate: 4,
          learning_rate: 0.01, %(model)s}
"""


class MilRanks(MilTest):
    def train_with(self, out, ranks, model, epochs=30, expect=0, bags=""):
        (self.folder / "graph.yaml").write_text(GRAPH % {"out": out, "model": model, "epochs": epochs, "bags": bags})
        said, codes = rank_processes.end(rank_processes.begin([mil_training.BUILD / "bin/flowrun", "graph.yaml"], ranks, self.folder))
        self.assertEqual(codes[0], expect, "\n".join(said))
        return said

    def compare(self, one, other):
        largest = 0
        for fold in range(3):
            weights, others = (torch.load(self.folder / f"{out}/fold_{fold}/last.pt")["model"] for out in (one, other))
            # A softmax over tiles is the same whatever this one is: its gradient is rounding, of which AdamW makes whole steps.
            names = [name for name in weights if not name.endswith("attention_c.bias")]
            largest = max([largest] + [(weights[name] - others[name]).abs().max().item() for name in names])
            rows, other_rows = (self.table(f"{out}/fold_{fold}/metrics.csv") for out in (one, other))
            self.assertEqual(len(rows), len(other_rows))
            for row, of_other in zip(rows, other_rows):
                for name, value in row.items():
                    if "confusion" in name or not value:
                        self.assertEqual(of_other[name], value, name)
                    else:
                        self.assertAlmostEqual(float(of_other[name]), float(value), 4, name)
        print(f"{one}, {other}: weights differ by {largest:.1e} at most")
        self.assertLess(largest, 1e-5)
        for row, of_other in zip(self.said(one), self.said(other), strict=True):
            self.assertEqual(row["slide"], of_other["slide"])

    def test_models_are_those_of_one_process(self):
        """In 60 steps and more of each fold; bags whole and in blocks."""
        for name, ranks, model in (("sgd", 2, "model: gated_attention, optimizer: sgd, schedule: cosine"),
                                   ("adamw", 3, "model: clam_sb, block_tiles: 9, clip_norm: 1, class_weights: [1, 2, 1]")):
            self.train_with(f"{name}-1", 1, model)
            self.assertGreaterEqual(int(self.table(f"{name}-1/fold_0/metrics.csv")[-1]["steps"]), 50)
            self.train_with(f"{name}-{ranks}", ranks, model)
            self.compare(f"{name}-1", f"{name}-{ranks}")

    def test_a_slide_that_cannot_be_read(self):
        """Whoever was to read it: all leave it out, and rank 0 says so. Its step has one less, where one process would take the
        next slide for it; so any number of ranks come to the same, but not to what one process does."""
        file = self.folder / "features/slide04.h5"
        kept = file.read_bytes()
        self.addCleanup(file.write_bytes, kept)
        with mil_training.h5py.File(file, "r+") as broken:
            broken["features"][-1, 2] = float("nan")  # in the last of several blocks
        model = "model: mean, optimizer: sgd, block_tiles: 9"
        one = self.train_with("unread-1", 1, model, epochs=3, expect=3)
        for ranks in (2, 3):
            said = self.train_with(f"unread-{ranks}", ranks, model, epochs=3, expect=3)
            for text in (one[0], said[0]):
                self.assertIn("slide 'slide04' is left out", text)
        self.compare("unread-2", "unread-3")

    def test_what_compares_slides_of_a_step(self):
        said = self.train_with("cox", 2, "task: survival, loss: cox", expect=1, bags=", targets: [age, event]")
        self.assertIn("loss: cox compares the slides of a step with each other", said[0])


del MilTest  # whose tests are none of this file

if __name__ == "__main__":
    main()

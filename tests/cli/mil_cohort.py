# SPDX-License-Identifier: Apache-2.0
"""Slides with features and labels, and a training of them."""
import csv

import h5py
import numpy as np
import torch

import support
from support import DONE, flowrun

GRAPH = """\
flowrun: 1
params: {{out: out}}
nodes:
  bags: {{type: bags, features: features, labels: labels.csv, count: {count}, {bags}}}
  model: {{type: train_mil, from: bags, hidden: 16, attention: 8, {blocks}, dir: "${{out}}",
          learning_rate: 0.01, {model}}}
"""


class CohortTest(support.ProgramTest):
    def cohort(self, slides=12, patients=None, classes="ab", dimensions=8, hdf5=False):
        """A folder with features, and labels: slide i is of class i % len(classes). Features are tensors, unless CLAM's HDF5
        is asked for: each such file is first read by a process of its own, which takes 0.1 s where libtorch is loaded."""
        place = self.fresh("cohort")
        (place / "features").mkdir(parents=True)
        rows = ["case_id,slide_id,label"]
        values = np.random.default_rng(5)
        for i in range(slides):
            label = (i if patients is None else i % patients) % len(classes)
            x = values.normal(size=(15 + 3 * i, dimensions)).astype(np.float32)
            x[:5, label] += 3
            if hdf5:
                self.features(place, f"s{i:02}", x)
            else:
                torch.save(torch.from_numpy(x), place / f"features/s{i:02}.pt")
            rows.append(f"p{i if patients is None else i % patients:02},s{i:02},{classes[label]}")
        (place / "labels.csv").write_text("\n".join(rows) + "\n")
        return place

    @staticmethod
    def features(place, name, x):
        with h5py.File(place / f"features/{name}.h5", "w") as file:
            file["features"] = x
            file["coords"] = np.zeros((len(x), 2), np.int32)

    def train(self, place, out="out", bags="folds: 3", model="patience: 99", count=2, more=(), code=DONE,
              blocks="dimensions: 32, block_tiles: 20"):
        (place / "graph.yaml").write_text(GRAPH.format(bags=bags, model=model, count=count, blocks=blocks))
        ended = flowrun("run", place / "graph.yaml", "--set", f"out={place / out}", *more, folder=place)
        self.assert_ended(ended, code)
        return ended

    @staticmethod
    def said(place, out="out"):
        return list(csv.DictReader((place / out / "predictions.csv").read_text().splitlines()))

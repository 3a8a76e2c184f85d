#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Loading: places in a slide to batches of normalised tensors on the host, against a PyTorch DataLoader.

usage: load.py --build BUILD_FOLDER [--repeat N]

The same places, shuffled, of 224 x 224 pixels, batches of 32, in turn: `epochs`, `load` and `to_tensor` with two threads,
and a DataLoader with two workers that read by openslide-python and do torchvision's ToTensor and Normalize. Seconds of
later epochs, so that neither side's start counts.
"""
import argparse
import os
import random
import subprocess
import tempfile
import time

import openslide
import torch
from torchvision import transforms

SIDE, PLACES, BATCH, THREADS = 224, 1600, 32, 2
GRAPH = """flowrun: 1
threads: {threads}
nodes:
  epochs: {{type: epochs, train_csv: places.csv, count: {epochs}, seed: 1}}
  samples: {{type: load, from: epochs, size: {side}}}
  batches: {{type: to_tensor, from: samples, batch: {batch}}}
"""


class Places(torch.utils.data.Dataset):
    def __init__(self, file, places):
        self.file, self.places, self.slide = file, places, None
        self.transform = transforms.Compose([transforms.ToTensor(),
                                             transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        if self.slide is None:  # each worker its own
            self.slide = openslide.OpenSlide(self.file)
        x, y = self.places[index]
        return self.transform(self.slide.read_region((x, y), 0, (SIDE, SIDE)).convert("RGB")), index % 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    program = os.path.join(os.path.abspath(args.build), "bin/flowrun")
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as folder:
        subprocess.run([program, "synth", "slide.svs", "--width", "12000", "--height", "9000"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        rng = random.Random(1)
        places = [(rng.randrange(12000 - SIDE), rng.randrange(9000 - SIDE)) for _ in range(PLACES)]
        with open(os.path.join(folder, "places.csv"), "w", encoding="utf-8") as table:
            table.write("slide,x,y,label\n" + "".join(f"slide.svs,{x},{y},{'ab'[i % 2]}\n" for i, (x, y) in enumerate(places)))

        def ours(epochs):
            with open(os.path.join(folder, "graph.yaml"), "w", encoding="utf-8") as file:
                file.write(GRAPH.format(threads=THREADS, epochs=epochs, side=SIDE, batch=BATCH))
            began = time.perf_counter()
            subprocess.run([program, "run", "graph.yaml", "--quiet"], cwd=folder, check=True)
            return time.perf_counter() - began

        loader = torch.utils.data.DataLoader(Places(os.path.join(folder, "slide.svs"), places), BATCH, shuffle=True,
                                             num_workers=2, persistent_workers=True)

        def theirs():
            began = time.perf_counter()
            assert sum(len(images) for images, _ in loader) == PLACES
            return time.perf_counter() - began

        theirs()
        rates, other = [], []
        for _ in range(args.repeat):
            rates.append(3 * PLACES / max(1e-9, ours(4) - ours(1)))
            other.append(PLACES / theirs())
        print(f"places in a slide to normalised batches, {SIDE} x {SIDE}, {THREADS} threads: {max(rates):.0f} images/s; "
              f"DataLoader with 2 workers {max(other):.0f}; {max(rates) / max(other):.1f} x")


if __name__ == "__main__":
    main()

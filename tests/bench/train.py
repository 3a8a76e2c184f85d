#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Training: images a second against a plain PyTorch loop (train_loop.py), and memory.

usage: train.py --build BUILD_FOLDER [--repeat N] [--memory]

Speed: ResNet-18 on PNG tiles of 224 x 224, batches of 16, AdamW, flips, small turns, moves and changes of scale and
colour, two threads for the model on both sides, in turn. Time runs from the first epoch's end to the last one's, so
that it has decoding, augmentation, and writing a checkpoint (last.pt and best.pt) each epoch, but not the start of
either program nor the first touch of memory. Neither side validates. The loop is also run in the layout that flowrun
takes by itself (channels last).

Memory (--memory, instead of speed): RSS at the end of each of 30 short epochs; and what activations of ResNet-50 take
with and without checkpointing, as the slope of three steps' peak RSS between two batch sizes, which leaves out all
that does not grow with the batch. Plain SGD keeps nothing of its own, so that writing the checkpoint takes less than
a step does.
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
THREADS = 2
TILES, EPOCHS = 320, 2  # fewer tiles would time the writing of checkpoints (134 MB)

CUT = """
flowrun: 1
params: {slide: , out: , size: 224}
nodes:
  slides: {type: read, path: "${slide}"}
  tissue: {type: detect, from: slides, mpp: 8}
  tiles: {type: extract, from: {slide: slides, mask: tissue}, size: "${size}", stride: 112, level: 0, min_coverage: 0.5}
  files: {type: save, from: tiles, dir: "${out}"}
"""

TRAIN = """
flowrun: 1
params:
  {table: , out: , size: 224, batch: 16, epochs: 1, model: resnet18, checkpointing: false, optimizer: adamw,
   precision: fp32, threads: 2}
nodes:
  epochs: {type: epochs, train_csv: "${table}", count: "${epochs}", seed: 1}
  samples: {type: load, from: epochs, size: "${size}"}
  varied:
    type: augment
    from: samples
    quarter_turns: false
    degrees: 10
    translate: 0.05
    scale: [0.9, 1.1]
    brightness: 0.1
    contrast: 0.1
    saturation: 0.1
    hue: 0.02
  batches: {type: to_tensor, from: varied, batch: "${batch}"}
  model:
    type: train
    from: batches
    model: "${model}"
    checkpointing: "${checkpointing}"
    optimizer: "${optimizer}"
    momentum: 0
    schedule: constant
    precision: "${precision}"
    threads: "${threads}"
    dir: "${out}"
"""


class Bench:
    """A folder with tiles of a synthetic slide, so many pixels a side, and the graphs."""

    def __init__(self, program, folder, side=8000, threads=THREADS):
        self.program = program
        self.folder = folder
        self.threads = threads
        self.runs = 0
        for name, text in (("cut", CUT), ("train", TRAIN)):
            with open(os.path.join(folder, name + ".yaml"), "w", encoding="utf-8") as file:
                file.write(text)
        subprocess.run([self.program, "synth", os.path.join(folder, "slide.svs"), "--width", str(side),
                        "--height", str(side)], check=True)

    def table(self, size, count):
        """A table of so many tiles, of two classes that mean nothing."""
        out = os.path.join(self.folder, f"tiles{size}")
        if not os.path.exists(out):
            self.start("cut", slide=os.path.join(self.folder, "slide.svs"), out=out, size=size).communicate()
        with open(os.path.join(out, "slide", "tiles.csv"), newline="", encoding="utf-8") as file:
            paths = [row["path"] for row in csv.DictReader(file)]
        assert len(paths) >= count, f"only {len(paths)} tiles"
        table = os.path.join(out, "slide", f"train{count}.csv")
        with open(table, "w", encoding="utf-8") as file:
            file.write("path,label\n" + "".join(f"{path},{'ab'[i % 2]}\n" for i, path in enumerate(paths[:count])))
        return table

    def start(self, graph, **parameters):
        settings = [word for name, value in parameters.items() for word in ("--set", f"{name}={value}")]
        command = [self.program, "run", os.path.join(self.folder, graph + ".yaml"), "--json", "--quiet"]
        return subprocess.Popen([*command, "--threads", str(self.threads), *settings], stdout=subprocess.PIPE, text=True)

    def fresh(self):
        """A folder never used before, when what the run before has written is on disk."""
        os.sync()
        self.runs += 1
        return os.path.join(self.folder, f"out{self.runs}")

    def train(self, at_epoch=lambda pid: None, **parameters):
        """Trains, calls at_epoch as each epoch is done, and returns what it gave, and the run's summary."""
        out = self.fresh()
        run = self.start("train", out=out, threads=self.threads, **parameters)
        found = []
        while run.poll() is None:
            if rows(os.path.join(out, "metrics.csv")) > len(found):
                found.append(at_epoch(run.pid))
            time.sleep(0.01)
        assert run.returncode == 0, "flowrun failed"
        return found, json.loads(run.stdout.read())


def rows(table):
    try:
        with open(table, encoding="utf-8") as file:
            return sum(1 for _ in file) - 1
    except FileNotFoundError:
        return 0


def waiting(summary):
    """What train says of itself: the share of its time that the model waited for images."""
    return next(note for note in summary["counts"]["model"]["notes"] if "waiting" in note)


def loop(bench, table, epochs, *options):
    command = [sys.executable, os.path.join(HERE, "train_loop.py"), table, bench.fresh(), str(epochs), *options]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare_speed(bench, repeat):
    table, images = bench.table(224, TILES), TILES * (EPOCHS - 1)
    ours, notes, loops = [], [], {"": [], "--channels-last": []}
    for _ in range(repeat):
        ends, summary = bench.train(lambda pid: time.perf_counter(), table=table, epochs=EPOCHS)
        ours.append(images / (ends[-1] - ends[0]))
        notes.append(waiting(summary))
        for option, rates in loops.items():
            rates.append(images / loop(bench, table, EPOCHS, *option.split()))
    print(f"training, ResNet-18, 224 x 224, batch 16, {THREADS} threads: images a second, loading included")
    print(f"  flowrun                       {max(ours):6.1f} (median {statistics.median(ours):.1f}); "
          f"{notes[ours.index(max(ours))]}")
    for option, rates in loops.items():
        print(f"  PyTorch {option or 'as one writes it':20} {max(rates):6.1f} (median {statistics.median(rates):.1f}); "
              f"flowrun {max(ours) / max(rates):.2f} x (median {statistics.median(ours) / statistics.median(rates):.2f} x)",
              flush=True)


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def measure_epochs(bench):
    found, _ = bench.train(resident, table=bench.table(64, 64), size=64, epochs=31)
    found = found[:30]  # when the last one is seen to end, its memory may have been given back
    assert len(found) == 30, f"saw {len(found)} of 30 epochs end"
    early, late = statistics.mean(found[4:10]), statistics.mean(found[-5:])
    print(f"RSS over 30 epochs: {early:.0f} MiB in epochs 5 to 10, {late:.0f} MiB in the last five, {late / early:.3f} x",
          flush=True)


def measure_checkpointing(bench):
    few, many, steps, taken = 16, 32, 3, {}
    for checkpointing in ("false", "true"):
        peaks = []
        for batch in (few, many):
            _, summary = bench.train(table=bench.table(224, steps * batch), batch=batch, model="resnet50",
                                     checkpointing=checkpointing, optimizer="sgd")
            peaks.append(summary["peak_rss_bytes"] / 2**20)
        taken[checkpointing] = (peaks[1] - peaks[0]) / (many - few)
        print(f"ResNet-50, 224 x 224, {steps} steps, checkpointing: {checkpointing}: peak RSS {peaks[0]:.0f} MiB "
              f"with batch {few}, {peaks[1]:.0f} MiB with {many}: activations {taken[checkpointing]:.1f} MiB an image", flush=True)
    print(f"  checkpointing: {100 * (1 - taken['true'] / taken['false']):.0f} % less for activations")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--memory", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as folder:
        bench = Bench(os.path.join(os.path.abspath(args.build), "bin/flowrun"), folder)
        if args.memory:
            measure_epochs(bench)
            measure_checkpointing(bench)
        else:
            compare_speed(bench, args.repeat)


if __name__ == "__main__":
    main()

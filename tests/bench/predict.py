#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prediction: tiles a second of predict, reading included.

usage: predict.py --build BUILD_FOLDER [--before BUILD_FOLDER] [--repeat N]

ResNet-18 on tiles of 96 x 96 and ResNet-50 on tiles of 224 x 224 of a synthetic slide, two threads, in turn: tiles a
second between the first tile and the last one, by the CPU time of the process, which others on the machine disturb
less, and by the clock; of a run less those of a run with few tiles, which takes out reading the model. With
--before also those of the build of another state, which knows none of the newer options.
"""
import argparse
import os
import resource
import subprocess
import tempfile
import time

THREADS = 2
CASES = (("resnet18", 96, "fp32"), ("resnet18", 96, "bf16"), ("resnet50", 224, "fp32"), ("resnet50", 224, "bf16"))

TRAIN = """flowrun: 1
nodes:
  epochs: {{type: epochs, train_csv: train.csv, count: 1, seed: 1}}
  samples: {{type: load, from: epochs, size: {side}}}
  batches: {{type: to_tensor, from: samples, batch: 4}}
  model: {{type: train, from: batches, model: {model}, seed: 1, dir: {model}, optimizer: sgd}}
"""

PREDICT = """flowrun: 1
threads: {threads}
nodes:
  slides: {{type: read, path: "{slide}.svs"}}
  tiles: {{type: extract, from: slides, size: {side}, level: 0}}
  predicted: {{type: predict, from: tiles, model: {model}/best.pt{more}}}
  scores: {{type: save_predictions, from: {{tile: predicted, slide: slides}}, dir: out}}
"""


def flowrun(build, text, folder):
    """Seconds by the clock, and of the CPU."""
    with open(os.path.join(folder, "graph.yaml"), "w", encoding="utf-8") as file:
        file.write(text)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([os.path.join(build, "bin/flowrun"), "run", "graph.yaml", "--force", "--quiet"], cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--before")
    parser.add_argument("--repeat", type=int, default=2)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as folder:
        with open(os.path.join(folder, "train.csv"), "w", encoding="utf-8") as table:
            table.write("slide,x,y,label\n" + "".join(f"few96.svs,{20 * i},{10 * i},{'ab'[i % 2]}\n" for i in range(8)))
        for side, many, few in ((96, 24, 2), (224, 8, 2)):  # tiles a side
            for name, count in (("many", many), ("few", few)):
                subprocess.run([os.path.join(build, "bin/flowrun"), "synth", f"{name}{side}.svs", "--width", str(count * side),
                                "--height", str(count * side)] if name == "many" else
                               [os.path.join(build, "bin/flowrun"), "synth", f"{name}{side}.svs", "--width", "480", "--height", "480"],
                               cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for model, side, precision in CASES:
            if not os.path.exists(os.path.join(folder, model)):
                flowrun(build, TRAIN.format(model=model, side=side), folder)
            rates = {}
            for _ in range(args.repeat):
                for name, of, more in (("", build, f", precision: {precision}"), ("before", args.before, "")):
                    if not of:
                        continue
                    graph = {s: PREDICT.format(threads=THREADS, slide=f"{s}{side}", side=side, model=model, more=more) for s in ("many", "few")}
                    tiles = {96: 24 * 24 - 5 * 5, 224: 8 * 8 - 2 * 2}[side]
                    spent = [flowrun(of, graph[s], folder) for s in ("many", "few")]
                    for unit in (0, 1):
                        seconds = max(1e-9, spent[0][unit] - spent[1][unit])
                        rates[name, unit] = max(rates.get((name, unit), 0), tiles / seconds)
            line = f"predict, {model}, {side} x {side}, {precision}: {rates['', 0]:.1f} tiles/s, {rates['', 1]:.1f} a CPU second"
            if args.before:
                line += "".join(f"; {rates['', u] / rates['before', u]:.2f} x before by {('the clock', 'the CPU')[u]} ({rates['before', u]:.1f})" for u in (0, 1))
            print(line, flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what each thing that can be turned is worth: time and peak RSS of a run as ratios to those of the default,
best of several, in turn within one run (docs/memory.md).

usage: knobs.py --build BUILD_FOLDER [--slide FILE] [--repeat N]
"""
import argparse
import json
import os
import shutil
import subprocess
import tempfile

GRAPH = """
flowrun: 1
params: {slides: , out: , backend: auto, format: png, mpp: 8, size: 512, workers: 2, min_coverage: 0.1}
nodes:
  slides: {type: read, path: "${slides}", backend: "${backend}"}
  tissue: {type: detect, from: slides, mpp: "${mpp}"}
  tiles: {type: extract, from: {slide: slides, mask: tissue}, size: "${size}", min_coverage: "${min_coverage}"}
  files: {type: save, from: tiles, dir: "${out}", format: "${format}", workers: "${workers}"}
"""

KNOBS = [
    ("default: memory 1 GiB, 2 threads, PNG tiles of 512", []),
    ("memory 256 MiB", ["--memory", "256 MiB"]),
    ("memory 96 MiB", ["--memory", "96 MiB"]),
    ("1 thread", ["--threads", "1"]),
    ("workers: 1 at save", ["--set", "workers=1"]),
    ("backend: openslide", ["--set", "backend=openslide"]),
    ("format: jpg", ["--set", "format=jpg"]),
    ("format: none (coordinates only)", ["--set", "format=none"]),
    ("size: 256", ["--set", "size=256"]),
    ("size: 2048", ["--set", "size=2048"]),
    ("detect at mpp: 2", ["--set", "mpp=2"]),
    ("min_coverage: 0.5", ["--set", "min_coverage=0.5"]),
]


def measure(program, graph, slide, out, more):
    """Seconds and peak RSS of one run."""
    shutil.rmtree(out, ignore_errors=True)
    threads = [] if "--threads" in more else ["--threads", "2"]
    done = subprocess.run([program, "run", graph, "--json", "--set", f"slides={slide}", "--set", f"out={out}", *threads,
                           *more], check=True, capture_output=True, text=True)
    summary = json.loads(done.stdout)
    return summary["seconds"], summary["peak_rss_bytes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--slide", help="else a synthetic one of 12,000 x 9,000 pixels")
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    program = os.path.join(args.build, "bin", "flowrun")
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as temporary:
        slide = args.slide
        if not slide:
            slide = os.path.join(temporary, "synthetic.svs")
            subprocess.run([program, "synth", slide, "--width", "12000", "--height", "9000"], check=True)
        graph = os.path.join(temporary, "knobs.yaml")
        with open(graph, "w", encoding="utf-8") as file:
            file.write(GRAPH)
        best = [(float("inf"), float("inf"))] * len(KNOBS)
        for _ in range(args.repeat):
            for i, (_, more) in enumerate(KNOBS):
                found = measure(program, graph, slide, os.path.join(temporary, "out"), more)
                best[i] = tuple(map(min, best[i], found))
        print(f"{os.path.basename(slide)}: time and peak RSS as ratios to the default's")
        for (name, _), (seconds, rss) in zip(KNOBS, best):
            print(f"  {name:<52} time {seconds / best[0][0]:5.2f}  RSS {rss / best[0][1]:5.2f} ({rss / 2**20:.0f} MiB)")


if __name__ == "__main__":
    main()

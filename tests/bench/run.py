#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks and prints ratios: absolute times depend on the machine, ratios less.

usage: run.py --build BUILD_FOLDER [--slides FOLDER] [--reference FILE.py] [--repeat N]

The reference is a plain Python pipeline: `FILE.py extract SLIDE OUT` does what graphs/extract.yaml does and prints a
JSON line with `tiles` and `seconds`. Without one, its comparison is left out and said so.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"  # NumPy's, which reads it once; the comparison is of one thread each
import normalize  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
THREADS = 2


def slides_to_use(folder, build, temporary):
    """The real slides, the JPEG one repeated to a usual slide's size, and a synthetic one."""
    jpeg = os.path.join(folder, "CMU-1-Small-Region.svs")
    slides = [s for s in (jpeg, os.path.join(folder, "TCGA-CR-7395-01A-01-TS1.svs")) if os.path.exists(s)]
    if os.path.exists(jpeg):
        mosaic = os.path.join(temporary, "mosaic-of-CMU-1-Small-Region.svs")
        subprocess.run([os.path.join(build, "tests", "bench_mosaic"), jpeg, mosaic, "4", "3"], check=True)
        slides.append(mosaic)
    synthetic = os.path.join(temporary, "synthetic.svs")
    subprocess.run([os.path.join(build, "bin", "flowrun"), "synth", synthetic, "--width", "12000", "--height", "9000"],
                   check=True)
    return slides + [synthetic]


TILES_ONLY = """
flowrun: 1
params: {slides: x, out: x}
nodes:
  slides: {type: read, path: "${slides}"}
  tissue: {type: detect, from: slides, level: 2}
  tiles: {type: extract, from: {slide: slides, mask: tissue}, size: 512, level: 0, min_coverage: 0.1}
  files: {type: save, from: tiles, dir: "${out}"}
"""


def fresh(temporary):
    """A folder never used before: file systems are slow where files were deleted a moment ago."""
    return os.path.join(tempfile.mkdtemp(dir=temporary), "out")


def run_graph(program, graph, slide, out):
    os.sync()  # what the run before has written is not to be paid for by this one
    command = [program, graph, "--json", "--threads", str(THREADS), "--set", f"slides={slide}", "--set", f"out={out}"]
    summary = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    tiles = next(n["in"] for n in summary["nodes"] if n["name"] == "files")
    return tiles / summary["seconds"]


def run_reference(reference, slide, out):
    os.sync()
    said = subprocess.run(["/usr/bin/python3", reference, "extract", slide, out], check=True, capture_output=True, text=True)
    result = json.loads(said.stdout)
    return result["tiles"] / result["seconds"]


def compare(program, reference, slide, repeat, temporary):
    """graphs/extract.yaml, which also writes the mask and an overview, and the same without those, as the reference."""
    tiles_only = os.path.join(temporary, "tiles_only.yaml")
    with open(tiles_only, "w") as file:
        file.write(TILES_ONLY)
    graphs = {"graphs/extract.yaml": os.path.join(ROOT, "graphs", "extract.yaml"), "detect, extract, PNG": tiles_only}
    ours, theirs = {name: [] for name in graphs}, []
    for _ in range(repeat):
        for name, graph in graphs.items():
            ours[name].append(run_graph(program, graph, slide, fresh(temporary)))
        if reference:
            theirs.append(run_reference(reference, slide, fresh(temporary)))
    for name, rates in ours.items():
        text = f"{name}, {THREADS} threads".ljust(34) + f"{max(rates):8.1f} tiles/s"
        if reference:
            text += (f", {max(rates) / max(theirs):.1f} x the reference "
                     f"(median {statistics.median(rates) / statistics.median(theirs):.1f} x)")
        print(text, flush=True)


def hop_cost(program, plugins, repeat, temporary, threads):
    """Microseconds of one thread for a packet to pass one empty node: the slope over the number of nodes."""
    packets, few, many = 200_000, 1, 9

    def seconds(hops):
        chain = "".join(f"  n{i}: {{type: pass, from: n{i - 1}}}\n" for i in range(1, hops + 1))
        graph = os.path.join(temporary, "hops.yaml")
        with open(graph, "w") as file:
            file.write(f"flowrun: 1\nnodes:\n  b: {{type: boxes}}\n  n0: {{type: unpack, from: b, count: {packets}}}\n"
                       f"{chain}  s: {{type: sink, from: n{hops}}}\n")
        command = [program, graph, "--json", "--threads", str(threads), "--plugin-dir", plugins]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["seconds"]

    short = min(seconds(few) for _ in range(repeat))
    long = min(seconds(many) for _ in range(repeat))
    return (long - short) / (many - few) / packets * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--slides", default=os.path.join(SHARED, "slides"))
    parser.add_argument("--reference", default=os.path.join(SHARED, "reference", "reference_pipeline.py"))
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    program = os.path.join(build, "bin", "flowrun")
    reference = args.reference if os.path.exists(args.reference) else None
    if not reference:
        print(f"no reference pipeline at {args.reference}: its comparison is left out")
    with tempfile.TemporaryDirectory() as temporary:
        slides = slides_to_use(args.slides, build, temporary)
        for slide in slides:
            print(f"\n{os.path.basename(slide)}")
            compare(program, reference, slide, args.repeat, temporary)
            subprocess.run([os.path.join(build, "tests", "bench_pipeline"), slide, str(THREADS), str(args.repeat)], check=True)
        print("\nstain normalisation, 512 x 512, one thread")
        for slide in slides[:2]:
            normalize.compare(build, slide, max(5, args.repeat), reference)
        print("\nthe runtime's own cost, empty nodes")
        for threads in (1, THREADS):
            cost = hop_cost(program, os.path.join(build, "lib", "flowrun-test"), args.repeat, temporary, threads)
            print(f"  {threads} threads: {cost:.2f} microseconds per packet and hop")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Embedding: a slide's tiles to features, against the loop that one writes in Python.

usage: embed.py --build BUILD_FOLDER [--repeat N] [--tiles N]

Tiles of 448 x 448 pixels of a synthetic slide, scaled to 224, by ResNet-50 and ViT-S/16 (random weights), two threads,
in turn: `read`, `extract`, `embed` and `save_features` (also with `detect` and `normalize` before), and openslide-python,
torchvision's transforms and a DataLoader with two workers, batches of 64, whose features h5py writes. Seconds of many
tiles less those of few, so that neither side's start counts: by the clock, and of the CPU, which others on the machine
disturb less. How long the model is busy is the share of the clock's time in which `embed` computes.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

THREADS, TILE, SIDE, FEW = 2, 448, 224, 4  # FEW: tiles a side of the small slide

GRAPH = """flowrun: 1
threads: {threads}
nodes:
  slides: {{type: read, path: {slide}.svs}}
  tiles: {{type: extract, from: slides, size: {tile}, level: 0}}
  features: {{type: embed, from: tiles, model: {model}.pt, input_size: {side}}}
  files: {{type: save_features, from: features, dir: out}}
"""
STAINED = """flowrun: 1
threads: {threads}
nodes:
  slides: {{type: read, path: {slide}.svs}}
  tissue: {{type: detect, from: slides}}
  tiles: {{type: extract, from: {{slide: slides, mask: tissue}}, size: {tile}, level: 0, min_coverage: 0}}
  same_stain: {{type: normalize, from: tiles, method: macenko, scope: tile}}
  features: {{type: embed, from: same_stain, model: {model}.pt, input_size: {side}}}
  files: {{type: save_features, from: features, dir: out}}
"""


def networks():
    import torch
    import torchvision
    from torchvision.models.vision_transformer import VisionTransformer
    torch.manual_seed(1)
    resnet = torchvision.models.resnet50()
    resnet.fc = torch.nn.Identity()
    vit = VisionTransformer(SIDE, patch_size=16, num_layers=12, num_heads=6, hidden_dim=384, mlp_dim=1536)
    vit.heads = torch.nn.Identity()
    return {"resnet50": resnet.eval(), "vit_small": vit.eval()}


def write_models(folder):
    import torch
    with torch.no_grad():
        for name, network in networks().items():
            torch.jit.trace(network, torch.zeros(2, 3, SIDE, SIDE), check_trace=False).save(os.path.join(folder, name + ".pt"))


def loop(model, file):
    """The plain loop: the process that this runs in is measured as a whole."""
    import h5py
    import openslide
    import torch
    from torchvision import transforms
    torch.set_num_threads(THREADS)

    class Tiles(torch.utils.data.Dataset):
        def __init__(self):
            width, height = openslide.OpenSlide(file).dimensions
            self.places = [(x, y) for y in range(0, height, TILE) for x in range(0, width, TILE)]
            self.slide = None
            self.transform = transforms.Compose([transforms.Resize(SIDE), transforms.ToTensor(),
                                                 transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])

        def __len__(self):
            return len(self.places)

        def __getitem__(self, index):
            if self.slide is None:  # each worker its own
                self.slide = openslide.OpenSlide(file)
            return self.transform(self.slide.read_region(self.places[index], 0, (TILE, TILE)).convert("RGB"))

    network = networks()[model]
    tiles = Tiles()
    with torch.no_grad(), h5py.File("loop.h5", "w") as out:
        features = [network(images) for images in torch.utils.data.DataLoader(tiles, 64, num_workers=2)]
        out["features"] = torch.cat(features).numpy()
        out["coords"] = tiles.places


def spent(command, folder):
    """Seconds by the clock and of the CPU, and what it printed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    printed = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, printed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--tiles", type=int, default=16, help="a side of the large slide")
    parser.add_argument("--loop", nargs=2, metavar=("MODEL", "SLIDE"), help="run the plain loop, and nothing else")
    args = parser.parse_args()
    if args.loop:
        return loop(*args.loop)
    program = os.path.join(os.path.abspath(args.build), "bin/flowrun")
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as folder:
        write_models(folder)
        for slide, side in (("many", args.tiles), ("few", FEW)):
            subprocess.run([program, "synth", slide + ".svs", "--width", str(side * TILE), "--height", str(side * TILE)],
                           cwd=folder, check=True, stdout=subprocess.DEVNULL)
        tiles = args.tiles**2 - FEW**2

        def ours(graph, model, slide):
            with open(os.path.join(folder, "graph.yaml"), "w", encoding="utf-8") as file:
                file.write(graph.format(threads=THREADS, slide=slide, model=model, tile=TILE, side=SIDE))
            return spent([program, "run", "graph.yaml", "--force", "--quiet", "--json"], folder)

        def theirs(model, slide):
            return spent([sys.executable, os.path.abspath(__file__), "--loop", model, slide + ".svs"], folder)

        for model in ("resnet50", "vit_small"):
            rates, busy = {}, {}
            for _ in range(args.repeat):
                for name, run in (("graph", lambda slide: ours(GRAPH, model, slide)),
                                  ("stained", lambda slide: ours(STAINED, model, slide)),
                                  ("loop", lambda slide: theirs(model, slide))):
                    many, few = run("many"), run("few")
                    for unit in (0, 1):
                        rates[name, unit] = max(rates.get((name, unit), 0), tiles / max(1e-9, many[unit] - few[unit]))
                    if name == "loop":
                        continue
                    working = [next(n["working_seconds"] for n in json.loads(r[2])["nodes"] if n["name"] == "features")
                               for r in (many, few)]
                    share = (working[0] - working[1]) / (many[0] - few[0])
                    busy[name] = max(busy.get(name, 0), share)
            print(f"embed, {model}, tiles of {TILE} scaled to {SIDE}: {rates['graph', 0]:.1f} tiles/s, "
                  f"{rates['graph', 1]:.1f} a CPU second, model busy {100 * busy['graph']:.1f} %; "
                  f"with detection and stains {rates['stained', 0]:.1f}, busy {100 * busy['stained']:.1f} %; "
                  f"Python loop {rates['loop', 0]:.1f}, {rates['loop', 1]:.1f} a CPU second: "
                  f"{rates['graph', 0] / rates['loop', 0]:.2f} x by the clock, "
                  f"{rates['graph', 1] / rates['loop', 1]:.2f} x by the CPU", flush=True)


if __name__ == "__main__":
    main()

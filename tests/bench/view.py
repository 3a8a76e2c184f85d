#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How quick `flowrun view` is with a large slide, and with many in its folder.

usage: view.py --build BUILD_FOLDER [--slide FILE] [--side PIXELS] [--slides N] [--tiles N] [--folder FOLDER]

The first picture is what a page of 1200 x 900 pixels asks for: names, the slide's facts and the tiles of the whole slide,
from a viewer that was just started, over six connections as a browser has them. Tiles are asked for one after the other, at
random places of all zooms.
"""
import argparse
import concurrent.futures
import http.client
import json
import math
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import tempfile
import threading
import time

SIDE = 256


class Viewer:
    def __init__(self, program, *places):
        before = time.monotonic()
        self.process = subprocess.Popen([program, "view", "--no-browser", *map(str, places)], stdout=subprocess.PIPE)
        link = self.process.stdout.readline().decode()
        self.started = time.monotonic() - before
        self.port = int(re.match(r"http://[^/]*:(\d+)/", link)[1])
        self.of_thread = threading.local()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def get(self, path):
        if not hasattr(self.of_thread, "connection"):
            self.of_thread.connection = http.client.HTTPConnection("127.0.0.1", self.port)
        self.of_thread.connection.request("GET", path)
        response = self.of_thread.connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise SystemExit(f"{path}: {response.status} {body[:200]}")
        return body

    def rss(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1]) / 1024


def first_picture(viewer, number):
    """Seconds, and the slide's facts."""
    before = time.monotonic()
    for path in ("/", "/app.js", "/slides.json"):
        viewer.get(path)
    facts = json.loads(viewer.get(f"/slides/{number}.json"))
    halvings = math.ceil(math.log2(max(facts["width"] / 1200, facts["height"] / 900, 1)))
    columns, rows = (math.ceil(facts[side] / 2 ** halvings / SIDE) for side in ("width", "height"))
    with concurrent.futures.ThreadPoolExecutor(6) as connections:
        list(connections.map(viewer.get, [f"/slides/{number}/{halvings}/{x}/{y}.jpg" for y in range(rows) for x in range(columns)]))
    return time.monotonic() - before, facts


def times_of_tiles(viewer, number, facts, count):
    rng, times = random.Random(1), []
    finest = math.ceil(math.log2(max(facts["width"], facts["height"]) / SIDE))
    for _ in range(count):
        halvings = rng.randrange(finest + 1)
        x, y = (rng.randrange(max(1, math.ceil(facts[side] / 2 ** halvings / SIDE))) for side in ("width", "height"))
        before = time.monotonic()
        viewer.get(f"/slides/{number}/{halvings}/{x}/{y}.jpg")
        times.append(time.monotonic() - before)
    return sorted(times)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--slide", type=pathlib.Path, help="instead of a synthetic one")
    parser.add_argument("--side", type=int, default=100_000, help="of the synthetic slide")
    parser.add_argument("--slides", type=int, default=10_000, help="in a folder")
    parser.add_argument("--tiles", type=int, default=500)
    parser.add_argument("--folder", help="where to make slides")
    args = parser.parse_args()
    program = args.build.resolve() / "bin/flowrun"
    with tempfile.TemporaryDirectory(dir=args.folder) as holder:
        root = pathlib.Path(holder)

        def synth(name, side):
            subprocess.run([program, "synth", root / name, "--width", str(side), "--height", str(side)], check=True,
                           stdout=subprocess.DEVNULL)
            return root / name

        slide = args.slide or synth("large.svs", args.side)
        with Viewer(program, slide) as viewer:
            seconds, facts = first_picture(viewer, 0)
            times = times_of_tiles(viewer, 0, facts, args.tiles)
            print(f"{facts['width']} x {facts['height']} pixels: the first picture after {1000 * seconds:.0f} ms; a tile "
                  f"{1000 * statistics.median(times):.1f} ms (median of {len(times)}), 95th percentile "
                  f"{1000 * times[int(0.95 * len(times))]:.1f} ms; RSS {viewer.rss():.0f} MiB")
        small, many = synth("small.svs", 3000), root / "many"
        many.mkdir()
        for number in range(args.slides):
            os.link(small, many / f"slide{number:06}.svs")
        with Viewer(program, many) as viewer:
            seconds, _ = first_picture(viewer, args.slides // 2)
            print(f"{args.slides} slides: the link after {1000 * viewer.started:.0f} ms, the first picture after "
                  f"{1000 * seconds:.0f} ms more; RSS {viewer.rss():.0f} MiB")


if __name__ == "__main__":
    main()

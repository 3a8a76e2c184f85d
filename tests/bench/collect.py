#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast `flowrun collect` moves files, against a Python loop of os.walk and shutil.move over the same tree.

usage: collect.py --build BUILD_FOLDER [--files N] [--repeat N] [--folder FOLDER]

Both move the same set on one file system, in turn, on fresh trees that are flushed to the disk before.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

FILES_IN_FOLDER = 4  # a slide, two logs, an annotation, as downloads have them


def make_tree(root, files):
    for number in range(files // FILES_IN_FOLDER):
        folder = root / f"batch{number % 50}" / f"{number:032x}"
        folder.mkdir(parents=True)
        for name in (f"slide{number}.svs", f"scan{number}.log", f"load{number}.log", "annotations.txt"):
            (folder / name).write_bytes(b"%d %s" % (number, name.encode()))


def python_loop(source, slides, logs):
    slides.mkdir()
    logs.mkdir()
    for folder, folders, files in os.walk(source, topdown=False):
        for name in files:
            extension = os.path.splitext(name)[1].lower()
            if extension in (".svs", ".ndpi", ".mrxs", ".tif", ".tiff", ".scn", ".bif", ".svslide"):
                shutil.move(os.path.join(folder, name), slides)
            elif extension == ".log":
                shutil.move(os.path.join(folder, name), logs)
        if not os.listdir(folder) and folder != str(source):
            os.rmdir(folder)


def names_in(folder):
    return sorted(name for name in os.listdir(folder) if name != ".flowrun-collect")


def seconds(action, *arguments):
    before = time.monotonic()
    action(*arguments)
    return time.monotonic() - before


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", help="where to make the trees")
    args = parser.parse_args()
    program = args.build.resolve() / "bin/flowrun"

    def ours(source, slides, logs):
        subprocess.run([program, "collect", source, "--slides", slides, "--logs", logs], check=True,
                       stdout=subprocess.DEVNULL)

    actions = [("flowrun collect", ours), ("shutil.move", python_loop)]
    times = {name: [] for name, _ in actions}
    for _ in range(args.repeat):
        with tempfile.TemporaryDirectory(dir=args.folder) as holder:
            found = {}
            for name, _ in actions:
                make_tree(pathlib.Path(holder, name, "source"), args.files)
            os.sync()
            for name, action in actions:
                places = [pathlib.Path(holder, name, place) for place in ("source", "slides", "logs")]
                times[name].append(seconds(action, *places))
                found[name] = [names_in(place) for place in places]
            assert found["flowrun collect"] == found["shutil.move"], "they moved different files"
        actions.reverse()  # neither always has the disk to itself
    for name, all_of_it in times.items():
        print(f"{name:16} {args.files} files: best {min(all_of_it):.2f} s, median {statistics.median(all_of_it):.2f} s")
    ratios = [theirs / own for own, theirs in zip(*times.values())]
    print(f"ratio: median {statistics.median(ratios):.1f} x, least {min(ratios):.1f} x")


if __name__ == "__main__":
    main()

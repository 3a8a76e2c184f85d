#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares one slide's output folder with what an independent Python pipeline does for the same options.

usage: compare.py REFERENCE_PIPELINE SLIDE OUT_FOLDER_OF_THE_SLIDE --size N --stride N

REFERENCE_PIPELINE is a Python file with otsu masks and tile lists made the obvious way, with openslide-python,
OpenCV and NumPy. Mask, list of kept tiles and every pixel of every tile must be equal.
"""
import argparse
import csv
import importlib.util
import os
import sys

import cv2
import numpy as np
import openslide


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("reference"), parser.add_argument("slide"), parser.add_argument("folder")
    parser.add_argument("--size", type=int, default=512), parser.add_argument("--stride", type=int, default=512)
    args = parser.parse_args()
    spec = importlib.util.spec_from_file_location("reference", args.reference)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)

    slide = openslide.OpenSlide(args.slide)
    mask = reference.tissue_mask(slide, "otsu", 2)
    ours = cv2.imread(os.path.join(args.folder, "mask.png"), cv2.IMREAD_UNCHANGED)
    if ours.shape != mask.shape or not np.array_equal(ours, mask):
        sys.exit(f"masks differ: {ours.shape} against {mask.shape}, {(ours != mask).sum()} pixels")
    expected = list(reference.kept_tiles(slide, mask, 0, args.size, args.stride, 0.1))
    with open(os.path.join(args.folder, "tiles.csv"), newline="") as table:
        rows = list(csv.DictReader(table))
    if [(int(r["x"]), int(r["y"])) for r in rows] != expected:
        sys.exit(f"tile lists differ: {len(rows)} against {len(expected)}")
    for row in rows:
        tile = cv2.imread(os.path.join(args.folder, row["path"]), cv2.IMREAD_UNCHANGED)[:, :, ::-1]
        region = slide.read_region((int(row["x"]), int(row["y"])), 0, (args.size, args.size)).convert("RGB")
        if not np.array_equal(tile, np.array(region)):
            sys.exit(f"pixels differ in {row['path']}")
    images = [f for f in os.listdir(args.folder) if f.endswith(".png") and f != "mask.png"]
    if sorted(images) != sorted(r["path"] for r in rows):
        sys.exit("files and table differ")
    print(f"equal: mask {mask.shape[1]} x {mask.shape[0]}, {len(rows)} tiles of {args.size} at stride {args.stride}")


if __name__ == "__main__":
    main()

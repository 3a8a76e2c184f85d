#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Annotations against OpenCV in Python: class masks must be what cv2.fillPoly fills, and tiles that lie within the
annotations the ones that a plain script would keep.

usage: annotations_test.py --build BUILD_FOLDER
"""
import argparse
import csv
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import openslide

PROGRAM = None
VALUES = {"tumor": 1, "stroma": 2}

GRAPH = """
flowrun: 1
nodes:
  slides: {{type: read, path: "{slide}"}}
  classes: {{type: mask, from: slides, annotations: "{xml}", classes: {{tumor: 1, stroma: 2}}}}
  values: {{type: save_mask, from: {{slide: slides, classes: classes}}, dir: "{out}/values", format: png, downsample: 8}}
  full: {{type: save_mask, from: {{slide: slides, classes: classes}}, dir: "{out}"}}
  tiles: {{type: extract, from: {{slide: slides, classes: classes}}, size: {size}, min_class_coverage: 0.1}}
  files: {{type: save, from: tiles, dir: "{out}", format: none}}
"""


def drawn(slide, xml, downsample):
    """Regions in the order of the file, each filled with the value of its class, or with 0 where it is negative."""
    width, height = slide.dimensions
    mask = np.zeros((int(height / downsample), int(width / downsample)), np.uint8)
    for annotation in ET.parse(xml).getroot().iter("Annotation"):
        for region in annotation.iter("Region"):
            points = [(float(v.get("X")), float(v.get("Y"))) for v in region.iter("Vertex")]
            value = 0 if region.get("NegativeROA") == "1" else VALUES[annotation.get("Name")]
            cv2.fillPoly(mask, [(np.array(points) / downsample).astype(np.int32)], value)
    return mask


def kept_tiles(slide, mask, size, least):
    width, height = slide.dimensions
    fx, fy = width / mask.shape[1], height / mask.shape[0]
    for y in range(0, height - size + 1, size):
        for x in range(0, width - size + 1, size):
            window = mask[int(y / fy):min(int((y + size) / fy), mask.shape[0]),
                          int(x / fx):min(int((x + size) / fx), mask.shape[1])]
            if (window > 0).mean() >= least:
                counts = np.bincount(window.ravel(), minlength=3)
                yield x, y, ["", "tumor", "stroma"][int(counts.argmax())]


class Annotations(unittest.TestCase):
    def test_masks_and_tiles(self):
        with tempfile.TemporaryDirectory() as folder:
            path, xml = os.path.join(folder, "s.svs"), os.path.join(folder, "s.xml")
            subprocess.run([PROGRAM, "synth", path, "--width", "6000", "--height", "5000", "--annotations", xml],
                           check=True)
            slide = openslide.OpenSlide(path)
            for size in (512, 200):
                out, graph = os.path.join(folder, f"out{size}"), os.path.join(folder, "graph.yaml")
                with open(graph, "w") as file:
                    file.write(GRAPH.format(slide=path, xml=xml, out=out, size=size))
                subprocess.run([PROGRAM, graph, "--quiet"], check=True)
                mask = drawn(slide, xml, 8)
                np.testing.assert_array_equal(cv2.imread(os.path.join(out, "values", "s.classes.png"), cv2.IMREAD_UNCHANGED),
                                              mask)
                with open(os.path.join(out, "s", "tiles.csv"), newline="") as table:
                    rows = [(int(r["x"]), int(r["y"]), r["label"]) for r in csv.DictReader(table)]
                self.assertEqual(rows, list(kept_tiles(slide, mask, size, 0.1)))
                self.assertGreater(len({label for _, _, label in rows}), 1)
                full = openslide.OpenSlide(os.path.join(out, "s.classes.tif"))
                self.assertEqual(full.dimensions, slide.dimensions)
                pixels = np.array(full.read_region((0, 0), 0, full.dimensions))[:, :, 0]
                np.testing.assert_array_equal(pixels, drawn(slide, xml, 1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.join(os.path.abspath(arguments.build), "bin", "flowrun")
    unittest.main(argv=[sys.argv[0]] + rest, verbosity=2)

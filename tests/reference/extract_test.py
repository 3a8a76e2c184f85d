#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""graphs/extract.yaml against an independent implementation in Python: the tissue mask, the list of kept tiles
and every pixel of every tile must be equal, on a synthetic slide and on real ones where they are there.

usage: extract_test.py --build BUILD_FOLDER
"""
import argparse
import csv
import os
import subprocess
import sys
import tempfile
import unittest

import cv2
import numpy as np
import openslide

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REAL = os.path.join(os.path.dirname(ROOT), "shared", "slides")
PROGRAM = None


def otsu_mask(slide):
    """Otsu on grey at level 2 or the last, opened and closed with a 5 x 5 ellipse; 255 is tissue."""
    level = min(2, slide.level_count - 1)
    rgb = np.array(slide.read_region((0, 0), level, slide.level_dimensions[level]).convert("RGB"))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    mask = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)[1]
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_OPEN, ellipse), cv2.MORPH_CLOSE, ellipse)


def kept_tiles(slide, mask, size, stride, min_coverage):
    width, height = slide.dimensions
    fx, fy = width / mask.shape[1], height / mask.shape[0]
    for y in range(0, height - size + 1, stride):
        for x in range(0, width - size + 1, stride):
            window = mask[int(y / fy):int((y + size) / fy), int(x / fx):int((x + size) / fx)]
            if (window > 0).mean() >= min_coverage:
                yield x, y


class Extract(unittest.TestCase):
    def compare(self, path, size, stride):
        name = os.path.splitext(os.path.basename(path))[0]
        with tempfile.TemporaryDirectory() as out, self.subTest(slide=name, size=size, stride=stride):
            subprocess.run(
                [PROGRAM, os.path.join(ROOT, "graphs", "extract.yaml"), "--quiet", "--set", f"slides={path}",
                 "--set", f"out={out}", "--set", f"size={size}", "--set", f"stride={stride}"], check=True)
            slide = openslide.OpenSlide(path)
            folder = os.path.join(out, name)
            mask = otsu_mask(slide)
            np.testing.assert_array_equal(cv2.imread(os.path.join(folder, "mask.png"), cv2.IMREAD_UNCHANGED), mask)
            with open(os.path.join(folder, "tiles.csv"), newline="") as table:
                rows = list(csv.DictReader(table))
            self.assertEqual([(int(r["x"]), int(r["y"])) for r in rows],
                             list(kept_tiles(slide, mask, size, stride, 0.1)))
            self.assertGreater(len(rows), 3)
            for row in rows:
                tile = cv2.imread(os.path.join(folder, row["path"]), cv2.IMREAD_UNCHANGED)[:, :, ::-1]
                region = slide.read_region((int(row["x"]), int(row["y"])), 0, (size, size)).convert("RGB")
                np.testing.assert_array_equal(tile, np.array(region), err_msg=row["path"])
            images = {f for f in os.listdir(folder) if f.endswith(".png")} - {"mask.png"}
            self.assertEqual(images, {row["path"] for row in rows})

    def test_synthetic_slide(self):
        with tempfile.TemporaryDirectory() as folder:
            slide = os.path.join(folder, "synthetic.svs")
            subprocess.run([PROGRAM, "synth", slide, "--width", "5000", "--height", "4100"], check=True)
            for size, stride in [(512, 512), (256, 200)]:
                self.compare(slide, size, stride)

    def test_levels_of_fractional_downsample(self):
        """The pixels are those that OpenSlide gives at the places that the table says."""
        with tempfile.TemporaryDirectory() as folder:
            for width, height, stride in ((1503, 1207, 47), (1501, 1210, 50), (1999, 1607, 33)):
                path = os.path.join(folder, "fraction.svs")
                subprocess.run([PROGRAM, "synth", path, "--width", str(width), "--height", str(height)], check=True)
                slide = openslide.OpenSlide(path)
                downsample = slide.level_downsamples[1]
                self.assertNotEqual(downsample, round(downsample))
                graph = os.path.join(folder, "graph.yaml")
                with open(graph, "w") as file:
                    file.write(f"""flowrun: 1
nodes:
  slides: {{type: read, path: "{path}", backend: openslide}}
  tiles: {{type: extract, from: slides, size: 40, stride: {stride}, level: 1}}
  files: {{type: save, from: tiles, dir: "{folder}/{width}"}}
""")
                subprocess.run([PROGRAM, graph, "--quiet"], check=True)
                with open(f"{folder}/{width}/fraction/tiles.csv", newline="") as table:
                    rows = list(csv.DictReader(table))
                columns = range(0, slide.level_dimensions[1][0] - 39, stride)
                self.assertEqual([int(row["x"]) for row in rows][:len(columns)],
                                 [round(column * downsample) for column in columns])
                for row in rows:
                    tile = cv2.imread(f"{folder}/{width}/fraction/{row['path']}")[:, :, ::-1]
                    region = slide.read_region((int(row["x"]), int(row["y"])), 1, (40, 40)).convert("RGB")
                    np.testing.assert_array_equal(tile, np.array(region), err_msg=row["path"])

    def test_real_slides(self):
        for name in ["CMU-1-Small-Region.svs", "TCGA-CR-7395-01A-01-TS1.svs"]:
            path = os.path.join(REAL, name)
            if not os.path.exists(path):
                print(f"skipped: {path} is not there")
                continue
            for size, stride in [(512, 512), (256, 200)]:
                self.compare(path, size, stride)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.join(os.path.abspath(arguments.build), "bin", "flowrun")
    unittest.main(argv=[sys.argv[0]] + rest, verbosity=2)

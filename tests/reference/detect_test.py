#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tissue masks of every method, and two of them combined, against OpenCV in Python: every pixel must be equal, on a
synthetic slide and on real ones where they are there.

usage: detect_test.py --build BUILD_FOLDER
"""
import argparse
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


def detect(options, name="tissue"):
    return f"  {name}: {{type: detect, from: slides, level: 2, {options}}}\n"


def combined(method):
    return (detect("method: otsu", "tissue_a") + detect("method: hsv", "tissue_b") +
            f"  tissue: {{type: combine, from: {{a: tissue_a, b: tissue_b}}, {method}}}\n")


def clean(mask, kernel=5):
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (kernel, kernel))
    return cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_OPEN, ellipse), cv2.MORPH_CLOSE, ellipse)


def otsu(rgb, kernel=5):
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return clean(cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)[1], kernel)


def below_glass(rgb, contrast=12):
    """Darker than glass, the brightest narrow peak of the darkest channel, by more than its noise."""
    darkest = np.where(rgb.max(axis=2) <= 25, 0, np.maximum(rgb.min(axis=2), 1))
    counts = np.bincount(darkest.ravel(), minlength=256).astype(float)
    white, counts[0], counts[250:] = counts[250:].sum(), 0, 0
    core, around = (np.convolve(counts, np.ones(n), "same") for n in (5, 17))
    padded = white > 0.005 * counts.sum()
    peaks = [v for v in range(249, 227 if padded else 127, -1)
             if core[v] > 0 and core[v] >= 0.005 * counts.sum() and core[v] >= 0.4 * around[v]]
    if peaks:
        glass = peaks[0]
        while glass > 1 and core[glass - 1] > core[glass]:
            glass -= 1
    else:
        glass = 255 if padded else int(np.nonzero(counts[::-1].cumsum()[::-1] >= 0.05 * counts.sum())[0][-1])
    brighter = np.arange(glass + 1, min(glass + 24, 249) + 1)
    many = counts[brighter].sum()
    noise = np.sqrt((counts[brighter] * (brighter - glass) ** 2).sum() / many) if many else 0
    limit = np.floor(glass - max(contrast, 4 * noise))
    return clean(((darkest > 0) & (darkest <= limit)).astype(np.uint8) * 255)


def hsv(rgb, low=(130, 20, 20), high=(180, 255, 255)):
    return clean(cv2.inRange(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV), np.array(low), np.array(high)))


def clam(rgb, threshold=8, median=7, close=4, use_otsu=False):
    """As CLAM's segmentTissue does it up to the contours."""
    blurred = cv2.medianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)[:, :, 1], median)
    if use_otsu:
        mask = cv2.threshold(blurred, 0, 255, cv2.THRESH_OTSU + cv2.THRESH_BINARY)[1]
    else:
        mask = cv2.threshold(blurred, threshold, 255, cv2.THRESH_BINARY)[1]
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((close, close), np.uint8)) if close else mask


def without_glass(rgb, white, grey):
    low, high = rgb.min(axis=2).astype(int), rgb.max(axis=2).astype(int)
    painted = rgb.copy()
    painted[(low >= white) | (high - low <= grey)] = 255
    return painted


def cleaned_areas(mask, min_object, max_hole):
    """Objects and holes by connected components, in pixels."""
    mask = mask.copy()
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] < min_object
    small[0] = False
    mask[small[labels]] = 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(255 - mask, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < max_hole
    small[np.concatenate([[0], labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = False
    mask[small[labels]] = 255
    return mask


CASES = {
    "otsu, kernel 9": (detect("method: otsu, kernel: 9"), lambda rgb: otsu(rgb, 9)),
    "otsu, no kernel": (detect("method: otsu, kernel: 0"), lambda rgb: otsu(rgb, 1)),
    "below glass": (detect("method: glass"), below_glass),
    "below glass, contrast": (detect("method: glass, contrast: 40"), lambda rgb: below_glass(rgb, 40)),
    "hsv": (detect("method: hsv"), hsv),
    "hsv, ranges": (detect("method: hsv, hue: [120, 170], saturation: [40, 250], value: [10, 220]"),
                    lambda rgb: hsv(rgb, (120, 40, 10), (170, 250, 220))),
    "saturation": (detect("method: saturation"), clam),
    "saturation, options": (detect("method: saturation, threshold: 20, median: 3, close: 0"),
                            lambda rgb: clam(rgb, 20, 3, 0)),
    "saturation, otsu": (detect("method: saturation, use_otsu: true"), lambda rgb: clam(rgb, use_otsu=True)),
    "glass": (detect("method: otsu, white_glass: 215, grey_glass: 9"),
              lambda rgb: otsu(without_glass(rgb, 215, 9))),
    "intersection": (combined("method: intersection"), lambda rgb: cv2.bitwise_and(otsu(rgb), hsv(rgb))),
    "union": (combined("method: union"), lambda rgb: cv2.bitwise_or(otsu(rgb), hsv(rgb))),
    "weighted": (combined("method: weighted"),
                 lambda rgb: (((otsu(rgb).astype(np.float32) + hsv(rgb)) / 2) > 127).astype(np.uint8) * 255),
    "weighted, 3 to 1": (combined("method: weighted, weights: [3, 1], min_weight: 0.6"), otsu),
}


class Detect(unittest.TestCase):
    def masks(self, slide, cases):
        """Of several cases, made in one run; each case is nodes, the last of which is `tissue`."""
        with tempfile.TemporaryDirectory() as folder:
            nodes = [f"  slides: {{type: read, path: {slide}}}\n"]
            for i, case in enumerate(cases):
                nodes += [case.replace("tissue", f"tissue{i}"),
                          f"  file{i}: {{type: save_mask, from: {{slide: slides, mask: tissue{i}}}, dir: {folder}/{i}, format: png}}\n"]
            graph = os.path.join(folder, "graph.yaml")
            with open(graph, "w") as file:
                file.write("flowrun: 1\nmemory: 2 GiB\nnodes:\n" + "".join(nodes))
            subprocess.run([PROGRAM, graph, "--quiet"], check=True)
            name = os.path.splitext(os.path.basename(slide))[0]
            return [cv2.imread(os.path.join(folder, str(i), f"{name}.mask.png"), cv2.IMREAD_UNCHANGED) for i in range(len(cases))]

    def compare(self, path):
        slide = openslide.OpenSlide(path)
        level = min(2, slide.level_count - 1)
        rgb = np.array(slide.read_region((0, 0), level, slide.level_dimensions[level]).convert("RGB"))
        cases = dict(CASES)
        if openslide.PROPERTY_NAME_MPP_X in slide.properties:
            pixel = (float(slide.properties[openslide.PROPERTY_NAME_MPP_X]) * slide.level_downsamples[level]) ** 2
            cleaned = cleaned_areas(otsu(rgb, 1), 2000 / pixel, 500 / pixel)
            self.assertTrue((cleaned != otsu(rgb, 1)).any())
            cases["areas"] = (detect("method: otsu, kernel: 0, min_object_area: 2000, max_hole_area: 500"),
                              lambda rgb: cleaned)
        found = self.masks(path, [nodes for nodes, _ in cases.values()])
        for mask, (name, (_, expected)) in zip(found, cases.items(), strict=True):
            with self.subTest(slide=os.path.basename(path), case=name):
                np.testing.assert_array_equal(mask, expected(rgb))

    def test_synthetic_slide(self):
        with tempfile.TemporaryDirectory() as folder:
            slide = os.path.join(folder, "synthetic.svs")
            subprocess.run([PROGRAM, "synth", slide, "--width", "6000", "--height", "5000"], check=True)
            self.compare(slide)

    def test_real_slides(self):
        for name in ["CMU-1-Small-Region.svs", "TCGA-CR-7395-01A-01-TS1.svs"]:
            path = os.path.join(REAL, name)
            if os.path.exists(path):
                self.compare(path)
            else:
                print(f"skipped: {path} is not there")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.join(os.path.abspath(arguments.build), "bin", "flowrun")
    unittest.main(argv=[sys.argv[0]] + rest, verbosity=2)

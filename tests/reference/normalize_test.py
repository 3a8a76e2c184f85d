#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""normalize against implementations in NumPy and SciPy, tile by tile, on a synthetic slide and on real ones.

usage: normalize_test.py --build BUILD_FOLDER
"""
import argparse
import csv
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import cv2
import numpy as np

import stains
import tiffs

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REAL = os.path.join(os.path.dirname(ROOT), "shared", "slides")
PROGRAM = None
PEERS = {"torchstain": ("macenko", "reinhard"), "tiatoolbox": ("macenko", "reinhard", "ruifrok"),
         "histomicstk": ("reinhard",), "histolab": ("macenko", "reinhard")}

GRAPH = """
flowrun: 1
nodes:
  slides: {{type: read, path: "{slide}"}}
  tissue: {{type: detect, from: slides, level: 2}}
  tiles: {{type: extract, from: {{slide: slides{mask}, size: {size}, overlap: {overlap}, max_tiles: {most}}}
  raw: {{type: save, from: tiles, dir: {out}/raw}}
  even: {{type: normalize, from: {{tile: tiles, slide: slides, mask: tissue}}, {options}}}
  files: {{type: save, from: even, dir: {out}/even}}
"""


def read(path):
    return cv2.imread(path, cv2.IMREAD_UNCHANGED)[:, :, ::-1]


def tiles(slide, options, size=256, most=100, whole=False):
    """Pairs of a tile and what became of it. whole: of all that the slide shows, side by side."""
    with tempfile.TemporaryDirectory() as folder:
        graph = os.path.join(folder, "graph.yaml")
        with open(graph, "w") as file:
            file.write(GRAPH.format(slide=slide, size=size, overlap=0 if whole else size // 2, most=most, out=folder,
                                    options=options, mask="}" if whole else ", mask: tissue}, min_coverage: 0.5"))
        subprocess.run([PROGRAM, graph, "--quiet"], check=True)
        name = os.path.splitext(os.path.basename(slide))[0]
        with open(os.path.join(folder, "raw", name, "tiles.csv"), newline="") as table:
            for row in csv.DictReader(table):
                yield tuple(read(os.path.join(folder, kind, name, row["path"])) for kind in ("raw", "even"))


class Normalize(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        synthetic = os.path.join(cls.folder.name, "synthetic.svs")
        subprocess.run([PROGRAM, "synth", synthetic, "--width", "4000", "--height", "3000"], check=True)
        real = [os.path.join(REAL, name) for name in ("CMU-1-Small-Region.svs", "TCGA-CR-7395-01A-01-TS1.svs")]
        for path in real:
            if not os.path.exists(path):
                print(f"skipped: {path} is not there")
        cls.slides = [synthetic] + [path for path in real if os.path.exists(path)]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def compare(self, options, expected, size=256, most=16, beyond_one=0.001, largest=2, slides=None):
        """All but a share `beyond_one` of the pixels are within one grey level, and none is further off than `largest`."""
        for slide in slides or self.slides:
            with self.subTest(slide=os.path.basename(slide), options=options):
                count, exact, off = 0, 0.0, []
                for raw, even in tiles(slide, options, size, most):
                    difference = np.abs(even.astype(int) - expected(raw)).max(axis=2)
                    self.assertLessEqual((difference > 1).mean(), beyond_one)
                    self.assertLessEqual(difference.max(), largest)
                    count, exact = count + 1, exact + (difference == 0).mean()
                self.assertGreater(count, 15)
                print(f"{os.path.basename(slide)}, {options}: {count} tiles, {100 * exact / count:.2f} % of pixels equal")

    def test_macenko(self):
        for precision in ("exact: false", "exact: true"):
            self.compare(f"scope: tile, {precision}", stains.macenko_normalised, size=230, most=40)

    def test_reinhard(self):
        """Within one grey level everywhere: single precision and rounding."""
        self.compare("scope: tile, method: reinhard, background: change", stains.reinhard, beyond_one=0, largest=1)

    def test_ruifrok(self):
        self.compare("scope: tile, method: ruifrok, exact: true", stains.ruifrok_normalised, size=230)

    def test_background(self):
        """Reinhard leaves glass as it is, the other methods where they are told to."""
        self.compare("scope: tile, method: reinhard", lambda rgb: stains.keeping_background(rgb, stains.reinhard(rgb)),
                     beyond_one=0, largest=1)
        self.compare("scope: tile, background: keep",
                     lambda rgb: stains.keeping_background(rgb, stains.macenko_normalised(rgb)), size=230)

    def picture(self):
        """A target: hematoxylin and eosin in other colours and amounts than the slides', and glass."""
        random = np.random.default_rng(4)
        amounts = random.gamma(2, 0.35, (300, 200, 2)) * (random.random((300, 200, 1)) > 0.2)
        od = amounts @ np.array([[0.58, 0.74, 0.34], [0.12, 0.93, 0.35]])
        rgb = np.clip(np.rint(238 * np.exp(-od) + random.normal(0, 1.5, od.shape)), 0, 255).astype(np.uint8)
        path = os.path.join(self.folder.name, "target.png")
        cv2.imwrite(path, rgb[:, :, ::-1])
        return path, rgb

    def test_like(self):
        """As other programs have it; where they round down, within one grey level for it."""
        path, target = self.picture()
        for like, methods in PEERS.items():
            for method in methods:
                expected = getattr(stains, f"{like}_{method}")
                self.compare(f"scope: tile, exact: true, like: {like}, method: {method}, target: {path}",
                             lambda rgb: expected(rgb, target), slides=self.slides[:2])

    def corners(self, random):
        """Tiles side by side that show what histolab's rules say of rare cases."""
        def stained(colours, amounts, glass=0):
            colours = np.array(colours) / np.linalg.norm(colours, axis=1, keepdims=True)
            od = amounts @ colours
            od[random.random(od.shape[:2]) < glass] = 0
            return np.clip(np.rint(238 * np.exp(-od) + random.normal(0, 1.5, od.shape)), 0, 255).astype(np.uint8)
        size = (256, 256, 2)
        usual = [[0.6, 0.72, 0.34], [0.25, 0.9, 0.35]]
        everywhere = stained(usual, random.gamma(4, 0.15, size))
        islands = cv2.GaussianBlur(random.normal(0, 1, size[:2]), (0, 0), 6)
        holes = stained(usual, random.gamma(4, 0.2, size) * (islands > -0.02)[..., None])
        spotted = stained(usual, random.gamma(40, 0.01, size))
        spotted[5:250:20, 7:250:40] = (170, 130, 15)
        # The second takes more of the red light, but the first is nearer to hematoxylin.
        swapped = stained([[0.55, 0.75, 0.3], [0.8, 0.45, 0.3]], random.gamma(1, 0.5, size))
        flat = np.full((256, 256, 3), (150, 60, 150), np.uint8)
        return np.hstack([everywhere, holes, spotted, swapped, flat])

    def test_histolab_corners(self):
        """Tissue to all edges, holes, spots out of sRGB, stains in the other order; a tile of one colour stays as it is."""
        path, target = self.picture()
        with_alpha = os.path.join(self.folder.name, "with_alpha.png")
        cv2.imwrite(with_alpha, np.dstack([target[:, :, ::-1], np.full(target.shape[:2], 255, np.uint8)]))
        slide = pathlib.Path(self.folder.name) / "corners.tif"
        tiffs.write(slide, tiffs.page(self.corners(np.random.default_rng(5)), tiffs.NONE))
        for method in PEERS["histolab"]:
            expected = getattr(stains, f"histolab_{method}")
            for file in (path, with_alpha):
                found = list(tiles(slide, f"scope: tile, like: histolab, method: {method}, target: {file}", whole=True))
                self.assertEqual(len(found), 5)
                for i, (raw, even) in enumerate(found):
                    with self.subTest(method=method, tile=i, target=os.path.basename(file)):
                        flat = (raw == raw[0, 0]).all()
                        difference = np.abs(even.astype(int) - (raw if flat else expected(raw, target)))
                        self.assertLessEqual(difference.max(), 2)

    def test_like_fitted(self):
        """What fit_stains finds in one picture is the same target as the picture."""
        path, target = self.picture()
        for like, method in (("torchstain", "reinhard"), ("tiatoolbox", "reinhard"), ("tiatoolbox", "macenko"),
                             ("histolab", "reinhard"), ("histolab", "macenko")):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copy(path, folder)
                self.assertEqual(len(list(self.fit(folder, f"exact: true, like: {like}"))), 1)
            expected = getattr(stains, f"{like}_{method}")
            fitted = os.path.join(self.folder.name, "fit", "stains.yaml")
            self.compare(f"scope: tile, exact: true, like: {like}, method: {method}, target: {fitted}",
                         lambda rgb: expected(rgb, target), slides=self.slides[:2])

    def fit(self, folder, options):
        """Rows of stains.csv for a folder of tiles."""
        out = os.path.join(self.folder.name, "fit")
        graph = os.path.join(self.folder.name, "fit.yaml")
        with open(graph, "w") as file:
            file.write(f"flowrun: 1\nnodes:\n  fit: {{type: fit_stains, tiles: {folder}, dir: {out}, {options}}}\n")
        subprocess.run([PROGRAM, graph, "--quiet", "--force"], check=True)
        with open(os.path.join(out, "stains.csv"), newline="") as table:
            for row in csv.DictReader(table):
                matrix = [[float(row[f"{stain}_{c}"]) for stain in ("hematoxylin", "eosin")] for c in "rgb"]
                yield (row, np.array(matrix),
                       np.array([float(row["hematoxylin_maximum"]), float(row["eosin_maximum"])]))

    def compare_fit(self, options, most, size, check):
        for slide in self.slides:
            with self.subTest(slide=os.path.basename(slide), options=options), tempfile.TemporaryDirectory() as folder:
                raw = {}
                for i, (tile, _) in enumerate(tiles(slide, "scope: tile", size=size, most=most)):
                    raw[f"{i}.png"] = tile
                    cv2.imwrite(os.path.join(folder, f"{i}.png"), tile[:, :, ::-1])
                found = list(self.fit(folder, options))
                self.assertEqual(len(found), len(raw))
                for row, matrix, maxima in found:
                    check(raw[row["tile"]], row, matrix, maxima)

    def test_exact_stain_matrix(self):
        """Each entry within a millionth of NumPy's, and the moments of reinhard within single precision."""
        def check(tile, row, matrix, maxima):
            expected, largest = stains.macenko(tile)
            np.testing.assert_allclose(matrix, expected, rtol=0, atol=1e-6)
            np.testing.assert_allclose(maxima, largest, rtol=0, atol=2e-6)
            mean, deviation = stains.lab_moments(tile)
            for i, axis in enumerate(("l", "alpha", "beta")):
                self.assertAlmostEqual(float(row[f"mean_{axis}"]), mean[i], places=5)
                self.assertAlmostEqual(float(row[f"deviation_{axis}"]), deviation[i], places=5)
        self.compare_fit("exact: true", 40, 230, check)

    def test_vahadane(self):
        """Within a tenth of a degree of where SciPy's general minimiser ends."""
        def check(tile, row, matrix, maxima):
            expected = stains.vahadane(tile)
            for i in range(2):
                self.assertLess(stains.angle(matrix[:, i], expected[:, i]), 0.1)
            np.testing.assert_allclose(maxima, stains.maxima(stains.densities(tile), matrix), rtol=0, atol=2e-6)
        self.compare_fit("method: vahadane, exact: true, tolerance: 1e-7", 3, 48, check)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.join(os.path.abspath(arguments.build), "bin", "flowrun")
    unittest.main(argv=[sys.argv[0]] + rest, verbosity=2)

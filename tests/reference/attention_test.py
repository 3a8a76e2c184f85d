#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Attention as predict_mil draws it, against OpenCV, OpenSlide, and sums made here of the numbers in its tables."""
import argparse
import csv
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import cv2
import h5py
import numpy as np
import openslide
import torch

BUILD = None
WIDTH, HEIGHT, EXTENT, STRIDE = 3000, 2400, 256, 192
TURBO = cv2.applyColorMap(np.arange(256, dtype=np.uint8), cv2.COLORMAP_TURBO)[:, 0, ::-1].astype(int)
SLIDES = ("a", "b", "c", "d")

TRAIN = """flowrun: 1
nodes:
  bags: {type: bags, features: features, labels: labels.csv, folds: 1, count: 2}
  model: {type: train_mil, from: bags, hidden: 16, attention: 8, learning_rate: 0.05, dir: models}
"""
PREDICT = """flowrun: 1
nodes:
  slides: {type: read_features, features: features}
  said: {type: predict_mil, from: {slide: slides}, models: models, dir: said%s}
"""
EMBED = """flowrun: 1
nodes:
  slides: {type: read, path: a.svs}
  tiles: {type: extract, from: slides, size: 128, level: 0, overlap: 32}
  features: {type: embed, from: tiles, model: encoder.pt}
  said: {type: predict_mil, from: {features: features, image: slides}, models: models, dir: said}
"""


class Means(torch.nn.Module):
    def forward(self, x):
        return x.mean([2, 3]).repeat(1, 3)[:, :8]


def rows_of(table):
    with open(table, newline="") as file:
        return list(csv.DictReader(file))


class Attention(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="flowrun-attention-")
        cls.at = Path(cls.folder.name)
        (cls.at / "features").mkdir()
        cls.said("synth", "a.svs", "--width", WIDTH, "--height", HEIGHT, "--seed", 3)
        cls.level0 = np.array(openslide.OpenSlide(str(cls.at / "a.svs")).read_region((0, 0), 0, (WIDTH, HEIGHT)).convert("RGB"))
        random = np.random.default_rng(4)
        cls.places = np.array([(x, y) for y in range(0, HEIGHT - EXTENT, STRIDE) for x in range(64, WIDTH - EXTENT, STRIDE)])
        cls.places = cls.places[random.permutation(len(cls.places))[:120]]
        for name in SLIDES:
            cls.features(name, random.normal(size=(len(cls.places), 8)))
        (cls.at / "labels.csv").write_text("slide,label\na,x\nb,y\nc,x\nd,y\n")
        (cls.at / "graph.yaml").write_text(TRAIN)
        cls.said("run", "graph.yaml")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def said(cls, *arguments, code=0):
        done = subprocess.run([BUILD / "bin/flowrun", *map(str, arguments)], cwd=cls.at, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @classmethod
    def features(cls, name, x, attributes=(), of_file=(), coords=None):
        with h5py.File(cls.at / f"features/{name}.h5", "w") as file:
            file["feats" if of_file else "features"] = x.astype(np.float32)
            file["coords"] = cls.places.astype(np.int64) if coords is None else coords
            file["coords"].attrs.update(dict(attributes))
            file.attrs.update(dict(of_file))

    def run_graph(self, text, *arguments, code=0):
        (self.at / "graph.yaml").write_text(text)
        return self.said("run", "graph.yaml", *arguments, code=code)

    def ranks(self):
        """By place and as the table has them: x, y, and the share of tiles of less attention."""
        rows = rows_of(self.at / "said/attention/a.csv")
        attention = np.array([float(row["attention"]) for row in rows])
        self.assertAlmostEqual(attention.sum(), 1, 4)
        ranks = np.array([(attention < one).mean() for one in attention])
        np.testing.assert_allclose([float(row["rank"]) for row in rows], ranks, atol=1e-12)
        return [(int(row["x"]), int(row["y"])) for row in rows], attention, ranks

    @staticmethod
    def shown(ranks):
        """The share of the other tiles, by which is coloured."""
        return ranks * len(ranks) / (len(ranks) - 1)

    @staticmethod
    def covered(places, ranks, extent, middles_x, middles_y):
        sums, tiles = np.zeros((len(middles_y), len(middles_x))), np.zeros((len(middles_y), len(middles_x)))
        for (x, y), rank in zip(places, ranks):
            there = np.outer((middles_y >= y) & (middles_y < y + extent), (middles_x >= x) & (middles_x < x + extent))
            sums += rank * there
            tiles += there
        return np.divide(sums, tiles, out=np.full_like(sums, np.nan), where=tiles > 0), tiles

    def check_pictures(self, extent):
        places, attention, ranks = self.ranks()
        self.check_tiff(places, self.shown(ranks), extent)
        self.check_heat_map(places, self.shown(ranks), extent)
        self.check_objects(places, attention, ranks, extent)
        self.check_sheet(places, attention, extent)

    def check_tiff(self, places, ranks, extent):
        """A pixel stands for 2 x 2 of level 0 and has the colour of the mean of the tiles that cover its middle."""
        tiff = openslide.OpenSlide(str(self.at / "said/attention/a.heatmap.tif"))
        self.assertEqual(tiff.dimensions, (WIDTH // 2, HEIGHT // 2))
        found = np.array(tiff.read_region((0, 0), 0, tiff.dimensions).convert("RGB")).astype(int)
        means, tiles = self.covered(places, ranks, extent, 2 * np.arange(WIDTH // 2) + 1, 2 * np.arange(HEIGHT // 2) + 1)
        expected = np.where(np.isnan(means)[..., None], 255, TURBO[np.rint(255 * np.nan_to_num(means)).astype(int)])
        self.assertEqual((tiles > 1).any(), extent != STRIDE)
        self.assertGreater((tiles == 0).sum(), 0)
        self.assertLess(np.abs(found - expected).max(), 16)  # the neighbouring one of 256 colours, at a half
        self.assertGreater((found == expected).all(axis=2).mean(), 0.99)

    def check_heat_map(self, places, ranks, extent):
        """Half of the slide and half of the colour; level-0 pixels 3 by 3 are a pixel of it."""
        picture = cv2.imread(str(self.at / "said/attention/a.heatmap.jpg"))[:, :, ::-1].astype(int)
        self.assertEqual(picture.shape[1], WIDTH // 3)
        self.assertGreater(picture.shape[0], HEIGHT // 3)  # with the colour bar
        picture = picture[:HEIGHT // 3]
        slide = cv2.resize(self.level0, (WIDTH // 3, HEIGHT // 3), interpolation=cv2.INTER_AREA).astype(int)
        means, _ = self.covered(places, ranks, extent, 3 * np.arange(WIDTH // 3) + 1.5, 3 * np.arange(HEIGHT // 3) + 1.5)
        colours = TURBO[np.rint(255 * np.nan_to_num(means)).astype(int)]
        expected = np.where(np.isnan(means)[..., None], slide, (slide + colours) / 2)
        self.assertLess(np.median(np.abs(picture - expected)), 3)
        self.assertLess(np.abs(picture - expected).mean(), 4)

    def check_objects(self, places, attention, ranks, extent):
        found = json.loads((self.at / "said/attention/a.geojson").read_text())["features"]
        self.assertEqual(len(found), len(places))
        self.assertEqual(len({one["id"] for one in found}), len(places))
        for one, (x, y), value, rank in zip(found, places, attention, ranks):
            self.assertEqual(one["properties"]["objectType"], "detection")
            self.assertAlmostEqual(one["properties"]["measurements"]["attention"], value, 9)
            self.assertAlmostEqual(one["properties"]["measurements"]["rank"], rank, 9)
            self.assertLess(np.abs(np.array(one["properties"]["color"]) - TURBO[int(np.rint(255 * rank * len(places) / (len(places) - 1)))]).max(), 16)
            corners = np.array(one["geometry"]["coordinates"][0])
            np.testing.assert_allclose([corners.min(0), corners.max(0)], [(x, y), (x + extent, y + extent)])

    def check_sheet(self, places, attention, extent, side=192, margin=8, caption=20):
        """Rows of eight: the tiles as the slide has them, most and least attention first."""
        sheet = cv2.imread(str(self.at / "said/attention/a.tiles.jpg"))[:, :, ::-1].astype(int)
        order = np.argsort(-attention, kind="stable")
        for row, tiles in enumerate((order[:8], order[::-1][:8])):
            for i, tile in enumerate(tiles):
                x, y = places[tile]
                pixels = self.level0[y:y + extent, x:x + extent]
                expected = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA).astype(int)
                left, top = margin + i * (side + margin), row * (side + 2 * caption) + caption
                found = sheet[top:top + side, left:left + side]
                self.assertLess(np.abs(found - expected).mean(), 6, (row, i))

    def test_files_that_say_how_wide_tiles_are(self):
        """TRIDENT's and CLAM's attributes, STAMP's microns, and what the option says."""
        x = np.random.default_rng(5).normal(size=(len(self.places), 8))
        mpp = float(openslide.OpenSlide(str(self.at / "a.svs")).properties["openslide.mpp-x"])
        trident = {"patch_size": 128, "patch_size_level0": EXTENT, "overlap": 0, "level0_width": WIDTH, "level0_height": HEIGHT}
        stamp = {"tile_size_um": EXTENT * mpp, "tile_size_px": 128, "unit": "um"}
        for name, more, kind in (("trident", "", {"attributes": trident}),
                                 ("clam", "", {"attributes": {"patch_size": EXTENT, "patch_level": 0}}),
                                 ("stamp", "", {"of_file": stamp, "coords": (self.places * mpp).astype(np.float32)}),
                                 ("option", f", tile_extent: {EXTENT}", {})):
            with self.subTest(name):
                self.features("a", x, **kind)
                said = self.run_graph(PREDICT % f", slides: a.svs{more}", "--force")
                self.assertNotIn("'a'", said)
                self.assertIn("attention of slide 'b' is not drawn: `slides` has none of its name", said)
                self.assertFalse((self.at / "said/attention/b.geojson").exists())
                if name != "stamp":
                    self.check_pictures(EXTENT)
                else:  # the table has its microns
                    found = json.loads((self.at / "said/attention/a.geojson").read_text())["features"]
                    corners = np.array([np.array(one["geometry"]["coordinates"][0]).min(0) for one in found])
                    np.testing.assert_allclose(corners, self.places)

    def test_files_that_do_not(self):
        self.features("a", np.random.default_rng(6).normal(size=(len(self.places), 8)))
        said = self.run_graph(PREDICT % ", slides: a.svs", "--force")
        self.assertIn(f"attention of slide 'a' is drawn in tiles of {STRIDE} level-0 pixels, the distance that most have, "
                      "as its file says no more: set tile_extent", said)
        self.check_pictures(STRIDE)
        self.features("a", np.ones((3, 8)), coords=np.array([(0, 0), (300, 256), (600, 512)]))
        said = self.run_graph(PREDICT % ", slides: a.svs", "--force", code=1)
        self.assertIn("a.h5 does not say how wide tiles are, and no two are beside each other: set tile_extent", said)
        torch.save(torch.ones(5, 8), self.at / "features/a.pt")
        (self.at / "features/a.h5").unlink()
        try:
            said = self.run_graph(PREDICT % ", slides: a.svs", "--force")
            self.assertIn("attention of slide 'a' is not drawn: its file of features has no coords", said)
        finally:
            (self.at / "features/a.pt").unlink()

    def test_features_that_embed_makes(self):
        torch.jit.script(Means()).save(str(self.at / "encoder.pt"))
        self.run_graph(EMBED, "--force")
        places, attention, ranks = self.ranks()
        self.check_tiff(places, self.shown(ranks), 128)
        self.check_heat_map(places, self.shown(ranks), 128)
        self.check_objects(places, attention, ranks, 128)

    def test_models_without_attention(self):
        self.run_graph(TRAIN.replace("hidden: 16, attention: 8", "model: mean, hidden: 16").replace("dir: models", "dir: means"))
        said = self.run_graph((PREDICT % ", slides: a.svs").replace("models: models", "models: means").replace("dir: said", "dir: said_means"))
        self.assertIn("the models pool without attention, so there is none to be drawn", said)
        self.assertFalse((self.at / "said_means/attention").exists())

    def colours_of(self, x):
        self.features("a", x, attributes={"patch_size_level0": 256}, coords=np.array([(300 * i, 0) for i in range(len(x))]))
        said = self.run_graph(PREDICT % ", slides: a.svs", "--force")
        found = json.loads((self.at / "said/attention/a.geojson").read_text())["features"]
        return said, [one["properties"]["color"] for one in found], [one["properties"]["measurements"]["attention"] for one in found]

    def test_few_tiles(self):
        """Of three the most is the last colour and the least the first; of one, or of equal ones, it is told."""
        _, colours, attention = self.colours_of(np.random.default_rng(9).normal(size=(3, 8)))
        self.assertEqual([colours[i] for i in np.argsort(attention)], [TURBO[i].tolist() for i in (0, 128, 255)])
        for x, why in ((np.ones((1, 8)), "there is one tile"), (np.ones((4, 8)), "it is the same for all tiles")):
            said, colours, _ = self.colours_of(x)
            self.assertIn(f"attention of slide 'a' is drawn in one colour, that of least attention: {why}", said)
            self.assertEqual(colours, [TURBO[0].tolist()] * len(x))

    def test_an_mpp_that_the_list_corrects(self):
        """STAMP's places are microns: with half the MPP they are at twice the pixels, also in a run that goes on."""
        mpp = 2.0
        stamp = {"tile_size_um": 256 * mpp, "tile_size_px": 128, "unit": "um"}
        places = np.array([(0, 0), (256, 256), (512, 0)])
        self.features("a", np.random.default_rng(8).normal(size=(3, 8)), of_file=stamp, coords=(places * mpp).astype(np.float32))
        for listed, factor in ((2, 1), (1, 2), (1, 2)):
            (self.at / "list.csv").write_text(f"path,mpp\na.svs,{listed}\n")
            self.run_graph((PREDICT % ", slides: list.csv").replace("dir: said", "dir: said_listed"))
            found = json.loads((self.at / "said_listed/attention/a.geojson").read_text())["features"]
            corners = np.array([np.array(one["geometry"]["coordinates"][0]).min(0) for one in found])
            np.testing.assert_allclose(corners, places * factor)

    def test_tiles_wider_than_the_slide(self):
        x = np.ones((2, 8))
        places = np.array([(0, 0), (256, 0)])
        wide = f"but slide 'a' is {WIDTH} x {HEIGHT}: set tile_extent to how wide they are"
        for extent, attributes, more in ((300000, {"patch_size_level0": 300000}, ""), (WIDTH + 1, {}, f", tile_extent: {WIDTH + 1}"),
                                         (1000000, {"patch_size_level0": 256}, ", tile_extent: 1000000")):
            with self.subTest(extent):
                self.features("a", x, attributes=attributes, coords=places)
                said = self.run_graph(PREDICT % f", slides: a.svs{more}", "--force", code=1)
                self.assertIn(f"a.h5: tiles would be {extent:g} level-0 pixels wide, {wide}", said)
        self.features("a", x, coords=places)
        self.run_graph(PREDICT % f", slides: a.svs, tile_extent: {WIDTH}", "--force")

    def test_of_other_tiles_than_the_slide_has(self):
        x = np.ones((2, 8))
        self.features("a", x, coords=np.array([(0, 0), (WIDTH, 0)]))
        self.assertIn("a.h5: row 1: ", self.run_graph(PREDICT % ", slides: a.svs", "--force", code=1))
        self.features("a", x, attributes={"name": "b"}, coords=np.array([(0, 0), (256, 0)]))
        self.assertIn("these are tiles of slide 'b', not of 'a'",
                      self.run_graph(PREDICT % ", slides: a.svs", "--force", code=1))

    def test_options_that_make_no_sense(self):
        for more, text in ((", slides: none.svs/*", "slides"), (", tile_extent: 256", "no attention of files of features is drawn"),
                           (", origin: slide", "no attention is drawn")):
            said = self.run_graph(PREDICT % more, code=2)
            self.assertIn(text, said)
        both = EMBED.replace("models: models", "models: models, slides: a.svs")
        self.assertIn("they are of files of features", self.run_graph(both, code=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    options, rest = parser.parse_known_args()
    BUILD = options.build.resolve()
    torch.set_num_threads(1)
    unittest.main(argv=[sys.argv[0], *rest])

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What save_h5, save_geojson and save_outlines write, opened with h5py and shapely, as CLAM, TRIDENT and QuPath
would, and compared with the tools' layouts and with the slide as OpenSlide reads it.

usage: tables_test.py --build BUILD_FOLDER
"""
import json
import os
import pathlib
import uuid

import cv2
import h5py
import numpy as np
import openslide
from shapely.geometry import shape
from shapely.ops import unary_union

from layouts import CLAM, GEOJSON, INT, REAL, TEXT, TRIDENT, LayoutTest, attribute_types, main


class Tables(LayoutTest):
    def test_clam(self):
        out = self.run_graph(CLAM.format(""), tiles="size: 128, level: 1")
        self.assertEqual(os.listdir(os.path.join(out, "clam", "patches")), ["slide 1.h5"])
        with h5py.File(os.path.join(out, "clam", "patches", "slide 1.h5"), "r") as file:
            self.assertEqual(list(file), ["coords"])
            coords = file["coords"]
            expected = self.rows(out)
            self.assertGreater(len(expected), 10)
            np.testing.assert_array_equal(coords[:], expected)
            self.assertEqual((coords.dtype.str, coords.chunks, coords.maxshape), ("<i8", (32, 2), (None, 2)))
            pair = ((2,), "<i8")
            self.assertEqual(attribute_types(coords),
                             {"patch_size": INT, "patch_level": INT, "downsample": ((2,), "<f8"),
                              "downsampled_level_dim": pair, "level_dim": pair, "name": TEXT, "save_path": TEXT})
            self.assertEqual(coords.attrs["patch_size"], 128)
            self.assertEqual(coords.attrs["patch_level"], 1)
            self.assertEqual(coords.attrs["name"], "slide 1")
            slide = openslide.OpenSlide(self.slide)
            np.testing.assert_array_equal(coords.attrs["level_dim"], slide.level_dimensions[1])
            np.testing.assert_array_equal(coords.attrs["downsampled_level_dim"], slide.level_dimensions[1])
            np.testing.assert_array_equal(coords.attrs["downsample"], [4.0, 4.0])
            # What CLAM reads of it is what save wrote.
            for x, y in coords[:5]:
                region = slide.read_region((x, y), coords.attrs["patch_level"], (128, 128)).convert("RGB")
                tile = cv2.imread(os.path.join(out, "files", "slide 1", f"slide 1_x{x}_y{y}.png"))[:, :, ::-1]
                np.testing.assert_array_equal(np.array(region), tile)

    def test_trident(self):
        out = self.run_graph(TRIDENT.format(""), tiles="size: 200, mpp: 1")
        self.assertEqual(os.listdir(os.path.join(out, "trident", "patches")), ["slide 1_patches.h5"])
        with h5py.File(os.path.join(out, "trident", "patches", "slide 1_patches.h5"), "r") as file:
            coords = file["coords"]
            np.testing.assert_array_equal(coords[:], self.rows(out))
            self.assertEqual((coords.dtype.str, coords.chunks, coords.maxshape), ("<i8", (1, 2), (None, 2)))
            self.assertEqual(attribute_types(coords), {name: INT for name in (
                "patch_size", "patch_size_level0", "level0_magnification", "target_magnification", "overlap",
                "level0_width", "level0_height")} | {"name": TEXT, "savetodir": TEXT})
            attributes = dict(coords.attrs)
            attributes.pop("savetodir")
            self.assertEqual(attributes, {
                "patch_size": 200, "patch_size_level0": 400, "level0_magnification": 20, "target_magnification": 10,
                "overlap": 0, "level0_width": 4000, "level0_height": 3000, "name": "slide 1"})

    def test_trident_between_magnifications(self):
        out = self.run_graph(TRIDENT.format(", magnification: 40"), tiles="size: 256, mpp: 0.7")
        with h5py.File(os.path.join(out, "trident", "patches", "slide 1_patches.h5"), "r") as file:
            attributes = file["coords"].attrs
            self.assertEqual(attributes["level0_magnification"], 40)
            self.assertAlmostEqual(attributes["target_magnification"], 40 * 0.5 / 0.7, 6)
            # trident/wsi_objects/WSIPatcher.py
            read = round(attributes["patch_size"] * (10 / attributes["target_magnification"]) /
                         (10 / attributes["level0_magnification"]))
            self.assertEqual(read, round(256 * 0.7 / 0.5))
            self.assertEqual(read, attributes["patch_size_level0"])

    def test_pixels(self):
        out = self.run_graph(CLAM.format(", pixels: true") + TRIDENT.format(", pixels: true, gzip: 4"),
                             tiles="size: 160")
        slide = openslide.OpenSlide(self.slide)
        for place, gzip in (("clam/patches/slide 1.h5", None), ("trident/patches/slide 1_patches.h5", 4)):
            with h5py.File(os.path.join(out, place), "r") as file:
                images, coords = file["imgs"], file["coords"]
                self.assertEqual((images.dtype.str, images.chunks, images.maxshape, images.compression_opts),
                                 ("|u1", (1, 160, 160, 3), (None, 160, 160, 3), gzip))
                self.assertEqual(images.shape[0], coords.shape[0])
                self.assertGreater(images.shape[0], 50)
                for image, (x, y) in zip(images, coords):
                    np.testing.assert_array_equal(
                        image, np.array(slide.read_region((x, y), 0, (160, 160)).convert("RGB")))

    def test_no_tiles(self):
        more = CLAM.format("") + TRIDENT.format(", size: 256, mpp: 1") + GEOJSON
        out = self.run_graph(more, tiles="size: 4096")
        self.assertFalse(os.path.exists(os.path.join(out, "clam", "patches", "slide 1.h5")))
        with h5py.File(os.path.join(out, "trident", "patches", "slide 1_patches.h5"), "r") as file:
            self.assertEqual(file["coords"].shape, (0, 2))
            self.assertEqual(file["coords"].attrs["patch_size"], 256)
            self.assertEqual(file["coords"].attrs["patch_size_level0"], 512)
            self.assertEqual(file["coords"].attrs["target_magnification"], 10)
        with open(os.path.join(out, "geojson", "slide 1_tiles.geojson")) as file:
            self.assertEqual(json.load(file), {"type": "FeatureCollection", "features": []})
        out = self.run_graph(TRIDENT.format(""), tiles="size: 4096")
        self.assertFalse(os.path.exists(os.path.join(out, "trident", "patches", "slide 1_patches.h5")))

    def test_what_cannot_be_written(self):
        out, done = self.graph(CLAM.format(""), tiles="size: 256, mpp: 0.7")
        self.assertEqual(done.returncode, 1)
        self.assertIn("layout clam needs tiles of a level as it is, but these were scaled", done.stderr)
        self.assertFalse(os.path.exists(os.path.join(out, "clam", "patches")))
        for option, words in (("pixels: true, size: 5", "layout: trident"), ("gzip: 3", "pixels: true")):
            _, done = self.graph(CLAM.format(", " + option))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)
        tcga = os.path.join(REAL, "TCGA-CR-7395-01A-01-TS1.svs")
        if os.path.exists(tcga):
            _, done = self.graph(TRIDENT.format(""), slide=tcga, tissue="level: 1", tiles="size: 2048")
            self.assertEqual(done.returncode, 1)
            self.assertIn("the file says neither MPP nor objective power; set save_h5's magnification, or read's mpp",
                          done.stderr)

    def check_geojson(self, out, name, slide):
        width, height = openslide.OpenSlide(slide).dimensions
        with open(os.path.join(out, "geojson_outlines", name + ".geojson")) as file:
            tissue = json.load(file)
        mask = cv2.imread(os.path.join(out, "files", name, "mask.png"), cv2.IMREAD_UNCHANGED)
        fx, fy = width / mask.shape[1], height / mask.shape[0]
        shapes = [shape(feature["geometry"]) for feature in tissue["features"]]
        self.assertTrue(all(one.is_valid for one in shapes))
        self.assertEqual(len(shapes), cv2.connectedComponents(mask, connectivity=4)[0] - 1)
        self.assertAlmostEqual(sum(one.area for one in shapes) / (fx * fy), np.count_nonzero(mask),
                               delta=np.count_nonzero(mask) * 1e-4)
        # Drawn pixel by pixel it is the mask again.
        drawn = np.zeros_like(mask)
        for one in shapes:
            rings = [one.exterior, *one.interiors]
            inside = np.zeros(mask.shape, bool)
            for ring in rings:
                corners = np.rint(np.array(ring.coords) / (fx, fy)).astype(int)
                for (x0, y0), (x1, y1) in zip(corners, corners[1:]):
                    if x0 == x1:
                        inside[min(y0, y1):max(y0, y1), x0:] ^= True
            drawn[inside] = 255
        np.testing.assert_array_equal(drawn, mask)
        self.assertEqual([feature["properties"]["tissue_id"] for feature in tissue["features"]],
                         list(range(len(shapes))))
        for feature in tissue["features"]:
            self.assertEqual(feature["properties"]["objectType"], "annotation")
            self.assertEqual(feature["properties"]["classification"], {"name": "Tissue", "color": [20, 160, 60]})

        with open(os.path.join(out, "geojson", name + "_tiles.geojson")) as file:
            tiles = json.load(file)
        self.assertEqual(tiles["type"], "FeatureCollection")
        squares = [shape(feature["geometry"]) for feature in tiles["features"]]
        self.assertEqual([one.bounds for one in squares],
                         [(x, y, x + 256, y + 256) for x, y in self.rows(out, name)])
        union = unary_union(shapes)
        for feature, square in zip(tiles["features"], squares):
            self.assertTrue(square.is_valid)
            self.assertEqual(feature["properties"]["objectType"], "detection")
            coverage = feature["properties"]["measurements"]["coverage"]
            self.assertAlmostEqual(square.intersection(union).area / square.area, coverage, delta=0.15)
        ids = [feature["id"] for feature in tissue["features"] + tiles["features"]]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertTrue(all(uuid.UUID(one).version == 5 for one in ids))

    def test_geojson(self):
        slides = [self.slide] + [os.path.join(REAL, "CMU-1-Small-Region.svs")]
        for slide in slides:
            if not os.path.exists(slide):
                print(f"skipped: {slide} is not there")
                continue
            name = os.path.splitext(os.path.basename(slide))[0]
            self.check_geojson(self.run_graph(GEOJSON, slide=slide), name, slide)

    def test_same_bytes(self):
        found = []
        for threads in (1, 4):
            out = self.run_graph(CLAM.format(", pixels: true, gzip: 1") + TRIDENT.format("") + GEOJSON,
                                 threads=threads)
            files = [os.path.join(out, place) for place in (
                "clam/patches/slide 1.h5", "trident/patches/slide 1_patches.h5", "geojson/slide 1_tiles.geojson",
                "geojson_outlines/slide 1.geojson")]
            found.append([pathlib.Path(file).read_bytes() for file in files])
        self.assertTrue(found[0] == found[1])


if __name__ == "__main__":
    main()

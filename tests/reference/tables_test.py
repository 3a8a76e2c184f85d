#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What save_h5, save_geojson and save_outlines write, opened with h5py and shapely, as CLAM, TRIDENT, STAMP and QuPath
would, and compared with the tools' layouts and with the slide as OpenSlide reads it.

usage: tables_test.py --build BUILD_FOLDER
"""
import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import uuid

import cv2
import h5py
import numpy as np
import openslide
from shapely.geometry import shape
from shapely.ops import unary_union

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REAL = os.path.join(os.path.dirname(ROOT), "shared", "slides")
PROGRAM = None

GRAPH = """
flowrun: 1
nodes:
  slides: {{type: read, path: "{slide}"}}
  tissue: {{type: detect, from: slides, {tissue}}}
  tiles: {{type: extract, from: {{slide: slides, mask: tissue}}, {tiles}}}
  files: {{type: save, from: {{tile: tiles, mask: tissue}}, dir: files}}
{more}
"""
CLAM = "  clam: {{type: save_h5, from: tiles, dir: clam{}}}\n"
TRIDENT = "  trident: {{type: save_h5, from: {{tile: tiles, slide: slides}}, dir: trident, layout: trident{}}}\n"
STAMP = "  stamp: {{type: save_h5, from: tiles, dir: stamp, layout: stamp{}}}\n"
GEOJSON = """\
  squares: {type: save_geojson, from: tiles, dir: geojson}
  outlines: {type: save_outlines, from: {slide: slides, mask: tissue}, dir: geojson_outlines}
"""


def attribute_types(dataset):
    """The attributes' shape and type as they are in the file."""
    found = {}
    for name in dataset.attrs:
        attribute = h5py.h5a.open(dataset.id, name.encode())
        kind = attribute.get_type()
        text = isinstance(kind, h5py.h5t.TypeStringID)
        found[name] = (attribute.shape, ("text", kind.is_variable_str(), kind.get_cset()) if text else
                       attribute.dtype.str)
    return found


INT, TEXT = ((), "<i8"), ((), ("text", True, h5py.h5t.CSET_UTF8))


class Tables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="flowrun-tables-")
        cls.folder = cls.holder.name
        cls.slide = os.path.join(cls.folder, "slide 1.svs")
        subprocess.run([PROGRAM, "synth", cls.slide, "--width", "4000", "--height", "3000"], check=True)
        cls.number = 0

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def graph(self, more, slide=None, tissue="mpp: 8", tiles="size: 256", threads=2):
        type(self).number += 1
        out = os.path.join(self.folder, str(self.number))
        os.mkdir(out)
        with open(os.path.join(out, "graph.yaml"), "w") as graph:
            graph.write(GRAPH.format(slide=slide or self.slide, tissue=tissue, tiles=tiles, more=more))
        done = subprocess.run([PROGRAM, "graph.yaml", "--threads", str(threads)], cwd=out, capture_output=True, text=True)
        return out, done

    def run_graph(self, *arguments, **more):
        out, done = self.graph(*arguments, **more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return out

    def rows(self, out, name="slide 1"):
        with open(os.path.join(out, "files", name, "tiles.csv"), newline="") as table:
            return [(int(row["x"]), int(row["y"])) for row in csv.DictReader(table)]

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

    def test_attributes_of_pixels(self):
        """What CLAM's initialize_hdf5_bag writes and StitchPatches reads; the picture is put together as there."""
        out = self.run_graph(CLAM.format(", pixels: true"), tiles="size: 160")
        slide = openslide.OpenSlide(self.slide)
        with h5py.File(os.path.join(out, "clam/patches/slide 1.h5"), "r") as file:
            images, coords = file["imgs"], file["coords"][:]
            pair = ((2,), "<i8")
            self.assertEqual(attribute_types(images), {
                "patch_level": INT, "downsample": ((2,), "<f8"), "level_dim": pair, "downsampled_level_dim": pair,
                "wsi_name": TEXT})
            self.assertEqual((images.attrs["wsi_name"], images.attrs["patch_level"]), ("slide 1", 0))
            width, height = images.attrs["downsampled_level_dim"]
            self.assertEqual((width, height), slide.dimensions)
            canvas = np.zeros((height // 16, width // 16, 3), np.uint8)
            for image, (x, y) in zip(images, (coords / 16).astype(np.int32)):
                canvas[y:y + 10, x:x + 10] = cv2.resize(image, (10, 10))[:canvas.shape[0] - y, :canvas.shape[1] - x]
            whole = np.array(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))
            expected = cv2.resize(whole[:height // 16 * 16, :width // 16 * 16], canvas.shape[1::-1])
            shown = canvas.any(axis=2)
            self.assertGreater(shown.sum(), 1000)
            self.assertLess(np.abs(canvas[shown].astype(int) - expected[shown]).mean(), 2)
        out = self.run_graph(TRIDENT.format(", pixels: true"), tiles="size: 160")
        with h5py.File(os.path.join(out, "trident/patches/slide 1_patches.h5"), "r") as file:
            self.assertEqual(dict(file["imgs"].attrs), {})

    def synth(self, *paths, width=1500):
        for path in paths:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            subprocess.run([PROGRAM, "synth", path, "--width", str(width), "--height", "1500"], check=True,
                           capture_output=True)

    def run_again(self, out, expected=0):
        done = subprocess.run([PROGRAM, "graph.yaml"], cwd=out, capture_output=True, text=True)
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        return done

    def test_process_list(self):
        """As CLAM's feature script reads it (extract_features_fp.py), after runs over parts of a cohort."""
        columns = ("slide_id,process,status,seg_level,sthresh,mthresh,close,use_otsu,keep_ids,exclude_ids,a_t,a_h,"
                   "max_n_holes,vis_level,line_thickness,use_padding,contour_fn").split(",")
        cohort = os.path.join(self.folder, "cohort")
        self.synth(*(os.path.join(cohort, place) for place in (
            "1/a.svs", "1/b, c.svs", "2/d.svs", "2/e_patches.svs", "3/x.svs", "3/x.tif")))
        self.synth(os.path.join(cohort, "2/small.svs"), width=100)  # without tiles
        both = CLAM.format(", process_list: true") + TRIDENT.replace("dir: trident", "dir: clam").format("")
        out, done = self.graph(both, slide=os.path.join(cohort, "1"))
        self.assertEqual(done.returncode, 0, done.stderr)

        def listed():
            with open(os.path.join(out, "clam/process_list_autogen.csv"), newline="") as file:
                rows = list(csv.DictReader(file))
            self.assertEqual(list(rows[0]), columns)
            self.assertTrue(all((row["process"], row["status"]) == ("0", "processed") for row in rows))
            self.assertTrue(all(row[name] == "" for row in rows for name in columns[3:]))
            for row in rows:
                file = os.path.join(out, "clam/patches", row["slide_id"].split(".svs")[0] + ".h5")
                self.assertEqual(os.path.exists(file), row["slide_id"] != "x.svs")
            return [row["slide_id"] for row in rows]

        def with_slides(folder):
            graph = pathlib.Path(out, "graph.yaml")
            graph.write_text(graph.read_text().replace(os.path.join(cohort, with_slides.last),
                                                       os.path.join(cohort, folder)))
            with_slides.last = folder
            return self.run_again(out, expected=1 if folder == "4" else 0)
        with_slides.last = "1"

        self.assertEqual(listed(), ["a", "b, c"])
        with_slides("2")
        self.assertEqual(listed(), ["a", "b, c", "d", "e_patches"])
        os.remove(os.path.join(out, "clam/process_list_autogen.csv"))
        with_slides("2")  # all are done
        self.assertEqual(listed(), ["a", "b, c", "d", "e_patches"])
        self.assertIn("x.svs: CLAM takes the extension off and finds no patches/x.h5", str(with_slides("3")))
        self.assertEqual(listed(), ["a", "b, c", "d", "e_patches", "x.svs", "x.tif"])
        os.mkdir(os.path.join(cohort, "4"))
        pathlib.Path(cohort, "4", "broken.svs").write_text("none")
        self.synth(os.path.join(cohort, "4/good.svs"))
        with_slides("4")  # one of them fails
        self.assertEqual(listed(), ["a", "b, c", "d", "e_patches", "good", "x.svs", "x.tif"])
        _, done = self.graph(TRIDENT.format(", process_list: true"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("it is an option of layout clam", done.stderr)

    def test_long_names(self):
        """Up to 239 bytes all that is made of a slide's name fits; beyond, one message before any work."""
        folder = os.path.join(self.folder, "long")
        self.synth(os.path.join(folder, "n" * 239 + ".svs"))
        more = CLAM.format("") + TRIDENT.format("") + STAMP.format("") + GEOJSON + """\
  masks: {type: save_mask, from: {slide: slides, mask: tissue}, dir: masks}
  over: {type: overlay, from: {slide: slides, mask: tissue}, dir: over}
  zoom: {type: save_dzi, from: slides, dir: zoom}
  again: {type: extract, from: slides, size: 256, edge: pad}
  tiff: {type: save_tiff, from: {tile: again}, dir: tiff}
"""
        out = self.run_graph(more, slide=folder)
        self.assertGreater(len(self.rows(out, "n" * 239)), 3)
        self.assertTrue(os.path.exists(os.path.join(out, "tiff", "n" * 239 + ".tif")))
        for name, width, words in (
                ("w" * 239, 12000, "the name is too long: with the places of tiles it has up to 256 bytes"),
                ("v" * 246, 1500, "is too long: it has 253 bytes")):
            one = os.path.join(self.folder, name[0])
            self.synth(os.path.join(one, name + ".svs"), width=width)
            out, done = self.graph("", slide=one)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
            self.assertIn("give", done.stderr)
            self.assertEqual(done.stderr.count("error: "), 1)
            self.assertEqual(os.listdir(os.path.join(out, "files")), [".flowrun"])

    def test_trident_names(self):
        """TRIDENT takes both extensions off, and what it writes is read back under its name."""
        cohort = os.path.join(self.folder, "ome")
        self.synth(*(os.path.join(cohort, name) for name in ("case.ome.tif", "a.b.OME.tiff", "not.ome.svs")))
        out = self.run_graph(TRIDENT.format(""), slide=cohort, tiles="size: 256, mpp: 1")
        patches = os.path.join(out, "trident", "patches")
        self.assertEqual(sorted(os.listdir(patches)),
                         ["a.b_patches.h5", "case_patches.h5", "not.ome_patches.h5"])
        for name in ("a.b", "case", "not.ome"):
            with h5py.File(os.path.join(patches, name + "_patches.h5"), "r") as file:
                self.assertEqual(file["coords"].attrs["name"], name)
        again = self.run_graph("", slide=cohort,
                               tiles=f'size: 256, min_coverage: 0, coordinates: ["{patches}/{{slide}}_patches.h5"]')
        for name in ("a.b.OME", "case.ome", "not.ome"):
            self.assertGreater(len(self.rows(out, name)), 0)
            self.assertEqual(self.rows(again, name), self.rows(out, name))
        # Tiles of a slide that is called so are not taken for those of the .ome.tif.
        self.synth(os.path.join(cohort, "case.svs"), width=1400)
        out, done = self.graph(TRIDENT.format(""), slide=cohort)
        self.assertEqual(done.returncode, 1)
        self.assertIn("case_patches.h5", done.stderr)
        with h5py.File(os.path.join(patches, "case_patches.h5"), "a") as file:
            file["coords"].attrs["level0_width"] = 1400
        _, done = self.graph("", slide=os.path.join(cohort, "case.ome.tif"),
                             tiles=f'size: 256, coordinates: ["{patches}/{{slide}}_patches.h5"]')
        self.assertEqual(done.returncode, 1)
        self.assertIn("these are tiles of a slide of 1400 x 1500 pixels", done.stderr)

    def test_stamp(self):
        """Written and read back as STAMP's preprocessing and get_coords have it."""
        out = self.run_graph(STAMP.format(", pixels: true"), tiles="size: 224, mpp: 1.3")
        file_name = os.path.join(out, "stamp", "slide 1.h5")
        with h5py.File(file_name, "r") as file:
            coords = file["coords"]
            self.assertEqual(coords.dtype, np.float32)
            np.testing.assert_array_equal(coords[:], np.array(self.rows(out), np.float32) * np.float32(0.5))
            self.assertEqual(dict(coords.attrs), {})
            self.assertEqual(attribute_types(file), {"unit": TEXT, "feat_type": TEXT, "tile_size_px": INT,
                                                     "tile_size_um": ((), "<f8")})
            self.assertEqual((file.attrs["unit"], file.attrs["feat_type"]), ("um", "tile"))
            self.assertEqual(file.attrs["tile_size_px"], 224)
            self.assertAlmostEqual(file.attrs["tile_size_um"], 224 * 1.3, delta=1)
            self.assertEqual(file["imgs"].shape, (len(coords), 224, 224, 3))
        self.assertEqual(self.rows(self.run_graph("", tiles=f'size: 224, min_coverage: 0, coordinates: "{file_name}"')),
                         self.rows(out))
        # As STAMP writes them: places that are no whole pixels are rounded.
        def written(coords, more=(), **attributes):
            name = tempfile.mktemp(dir=self.folder, suffix=".h5")
            with h5py.File(name, "w") as file:
                file["coords"] = coords
                for dataset in more:
                    file[dataset] = np.zeros((len(coords), 8), np.float16)
                file.attrs.update(attributes)
            return name
        microns = np.array([[0, 256], [256.2, 256], [512, 255.8], [1023.9, 768]], np.float32)
        places = [(0, 512), (512, 512), (1024, 512), (2048, 1536)]
        for attributes in ({"unit": "um", "tile_size": 256.0, "tile_size_px": 224, "feat_type": "tile"},
                           {"unit": "um", "tile_size_um": 256.0, "tile_size_px": 224, "stamp_version": "2.4.0"},
                           {"tile_size_um": 256.0}):
            for kind in (np.float32, np.float64):
                name = written(microns.astype(kind), ["feats"], **attributes)
                back = self.run_graph("", tiles=f'size: 224, min_coverage: 0, coordinates: "{name}"')
                self.assertEqual(self.rows(back), places)
                with open(os.path.join(back, "files", "slide 1", "tiles.csv"), newline="") as table:
                    for row in csv.DictReader(table):
                        self.assertAlmostEqual(float(row["mpp"]), 256 / 224, 2)
        back = self.run_graph("", tiles=f'size: 224, min_coverage: 0, coordinates: "'
                              f'{written(np.array([[0, 256], [256, 512]]), tile_size_um=256.0)}"')
        self.assertEqual(self.rows(back), [(0, 512), (512, 1024)])
        for words, size, name in (
                ("these are features of STAMP that do not say", 224, written(microns.astype(int), ["feats"])),
                ("row 1: nan microns are no place", 224, written(microns * [[1], [np.nan], [1], [1]], tile_size_um=9.0)),
                ("'tile_size_um': expected", 224, written(microns, tile_size_um=0.0)),
                ("found float32", 224, written(microns, tile_size=256.0)),
                ("tiles of 512 pixels, but `size` is 224", 224, written(microns, tile_size_um=9.0, tile_size_px=512)),
                ("outside of the slide", 224, written(microns + np.float32(2000), tile_size_um=256.0))):
            _, done = self.graph("", tiles=f'size: {size}, min_coverage: 0, coordinates: "{name}"')
            self.assertEqual(done.returncode, 1, words)
            self.assertIn(words, done.stderr)

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
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.join(os.path.abspath(arguments.build), "bin", "flowrun")
    unittest.main(argv=[sys.argv[0]] + rest, verbosity=2)

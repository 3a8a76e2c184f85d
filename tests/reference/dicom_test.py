#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Slides in DICOM, where the program has OpenSlide 4: against the drawing, and a TIFF of the same JPEG tiles. Where it has
not, what it says of them.

usage: dicom_test.py --build BUILD_FOLDER
"""
import csv
import re

import numpy as np
from PIL import Image

import dicoms
from drawn_slides import DrawnSlides, support
from icc_test import profile
from support import DONE, FAILED, flowrun
from tiffs import JPEG, page_of, write

GRAPH = """
flowrun: 1
params: {slide: s, out: out, size: 64, level: 0}
nodes:
  slides: {type: read, path: "${slide}"}
  tiles: {type: extract, from: slides, size: "${size}", level: "${level}", edge: pad}
  files: {type: save, from: {tile: tiles, slide: slides}, dir: "${out}"}
"""
GENERATOR = np.random.default_rng(3)


def drawing(width, height):
    rows, columns = np.mgrid[:height, :width]
    noise = GENERATOR.integers(0, 20, (height, width))
    return np.stack([rows % 200, columns % 220, 100 + noise], axis=2).astype(np.uint8)


class Dicom(DrawnSlides):
    graph = GRAPH

    def setUp(self):
        super().setUp()
        self.reads = int(re.search(r"OpenSlide (\d+)", flowrun("--version").out)[1]) >= 4
        if not self.reads and not self._testMethodName.startswith("test_without"):
            self.skipTest("OpenSlide 4 reads DICOM")

    def folder(self, files, name="case7"):
        folder = self.fresh("dicom") / name
        folder.mkdir(parents=True)
        for file, data in files.items():
            (folder / file).write_bytes(data)
        return folder

    def ran(self, slide, code=DONE, **values):
        """The tiles that are written, by slide and place, and what was said."""
        out, found = self.fresh("out"), {}
        ended = flowrun("run", self.write(GRAPH), *support.settings(slide=slide, out=out, **values))
        self.assert_ended(ended, code)
        for folder in (f for f in out.iterdir() if (f / "tiles.csv").exists()):
            with open(folder / "tiles.csv", newline="") as table:
                for row in csv.DictReader(table):
                    tile = np.array(Image.open(folder / row["path"]))
                    found.setdefault(folder.name, {})[int(row["x"]), int(row["y"])] = tile
        return found, ended.out + ended.err

    def same(self, tiles, pixels, scale=1, size=64):
        self.assertEqual(len(tiles), len(dicoms.tiles(pixels, size)))
        for (x, y), tile in tiles.items():
            part = pixels[y // scale:y // scale + size, x // scale:x // scale + size]
            np.testing.assert_array_equal(tile[:part.shape[0], :part.shape[1]], part, f"{x}, {y}")

    def test_levels_in_files_of_a_folder_are_one_slide(self):
        large, small = drawing(300, 200), drawing(150, 100)
        folder = self.folder({
            "2.dcm": dicoms.file(large, b"1.2.7", b"1.2.7.1", 0.5), "1.dcm": dicoms.file(small, b"1.2.7", b"1.2.7.2", 1),
            "0.dcm": dicoms.file(drawing(40, 50), b"1.2.7", b"1.2.7.3", 10, flavour=b"LABEL"),
            "report.dcm": dicoms.file(drawing(64, 64), b"1.2.9", b"1.2.9.1", 1, kind=dicoms.REPORT)})
        for place in (folder, folder / "*.dcm", folder / "1.dcm"):
            found, _ = self.ran(place)
            self.assertEqual(list(found), ["case7"], place)
            self.same(found["case7"], large)
        self.same(self.ran(folder, level=1)[0]["case7"], small, scale=2)
        said = self.said(folder)
        self.assertEqual(said["size"], "300 x 200 pixels")
        self.assertAlmostEqual(float(said["MPP"]), 0.5)
        self.assertEqual(float(said["objective power"]), 20)

    def test_pixels_are_those_of_a_tiff_of_the_same_jpeg_tiles(self):
        pixels = drawing(256, 192)
        data = [dicoms.jpeg(tile) for tile in dicoms.tiles(pixels, 64)]
        tiff = write(self.folder({}, "tiffs") / "tiff.tif", page_of(256, 192, JPEG, (64, 64), data))
        dicom = self.folder({"a.dcm": dicoms.file(pixels, b"1.2.7", b"1.2.7.1", 0.5, syntax=dicoms.JPEG)}) / "a.dcm"
        of_tiff, of_dicom = self.ran(tiff)[0]["tiff"], self.ran(dicom)[0]["a"]
        self.assertEqual(of_tiff.keys(), of_dicom.keys())
        for place, tile in of_tiff.items():
            np.testing.assert_array_equal(tile, of_dicom[place])

    def test_series_of_one_folder_are_told_apart(self):
        first, second, third = drawing(128, 64), drawing(64, 128), drawing(192, 64)
        folder = self.folder({
            "a.dcm": dicoms.file(first, b"1.2.7", b"1.2.7.1", 1), "b.dcm": dicoms.file(second, b"1.2.8", b"1.2.8.1", 1),
            "c.dcm": dicoms.file(third, b"1.2.9", b"1.2.9.1", 1),
            "d.dcm": dicoms.file(third[::2, ::2], b"1.2.9", b"1.2.9.2", 2)})
        found, _ = self.ran(folder)
        self.assertEqual(sorted(found), ["a", "b", "case7"])
        for name, pixels in {"a": first, "b": second, "case7": third}.items():
            self.same(found[name], pixels)

    def test_what_cannot_be_read_is_told_and_others_go_on(self):
        good = dicoms.file(drawing(128, 64), b"1.2.7", b"1.2.7.1", 1)
        cut = dicoms.file(drawing(128, 64), b"1.2.8", b"1.2.8.1", 1)
        large = dicoms.file(drawing(64, 64), b"1.2.9", b"1.2.9.1", 1, tile_size=60000)
        folder = self.folder({"good.dcm": good, "cut.dcm": cut[:700], "none.dcm": b"no DICOM", "huge.dcm": large,
                              "less.dcm": dicoms.file(drawing(128, 64), b"1.2.6", b"1.2.6.1", 1)[:-9000]})
        found, said = self.ran(folder, FAILED)
        self.assertEqual([name for name, tiles in found.items() if len(tiles) == 2], ["good"])
        for name in ("cut", "none", "huge", "less"):
            self.assertRegex(said, rf"error: {name}: ")
        self.assertRegex(said, "huge.dcm: level 0 has tiles of 60000 pixels a side")

    def test_a_changed_level_makes_the_slide_anew(self):
        large = drawing(128, 64)
        folder = self.folder({"a.dcm": dicoms.file(large, b"1.2.7", b"1.2.7.1", 1),
                              "b.dcm": dicoms.file(large[::2, ::2], b"1.2.7", b"1.2.7.2", 2)})
        run = ["run", self.write(GRAPH), *support.settings(slide=folder, out=self.fresh("out"))]
        self.assertIn("1 done before", flowrun(*run).out + flowrun(*run).out)
        (folder / "b.dcm").write_bytes(dicoms.file(255 - large[::2, ::2], b"1.2.7", b"1.2.7.2", 2))
        self.assertNotIn("1 done before", flowrun(*run).out)

    def test_the_profile_is_found(self):
        folder = self.folder({"a.dcm": dicoms.file(drawing(64, 64), b"1.2.7", b"1.2.7.1", 1, icc=profile())})
        self.assertEqual(self.said(folder / "a.dcm")["ICC profile"], "Scanner X")

    def test_without_openslide_4_it_is_said(self):
        if self.reads:
            self.skipTest("OpenSlide 4 reads DICOM")
        folder = self.folder({"a.dcm": dicoms.file(drawing(64, 64), b"1.2.7", b"1.2.7.1", 1),
                              "b.dcm": dicoms.file(drawing(32, 32), b"1.2.7", b"1.2.7.2", 2)})
        found, said = self.ran(folder, FAILED)
        self.assertEqual(found, {})
        self.assertRegex(said, r"error: case7: .*a\.dcm: not a slide .*DICOM need version 4")


if __name__ == "__main__":
    support.main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""save_mask, overlay, save_tiff and save_dzi in whole graphs, against OpenSlide, Pillow, libtiff's tools and rules
computed here.

usage: whole_slide_test.py --build BUILD_FOLDER
"""
import csv
import math
import pathlib
import re
import subprocess
import sys
import unittest

import cv2
import numpy as np
import openslide
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import support  # noqa: E402
from support import DONE, FAILED, SKIPS, flowrun  # noqa: E402

Image.MAX_IMAGE_PIXELS = None
READ = """\
flowrun: 1
params: {slides: slides, out: out}
nodes:
  slides: {type: read, path: "${slides}"}
"""
ALL = READ + """\
  tissue: {type: detect, from: slides}
  regions: {type: squares, from: slides, count: 3, side: 500}
  tiles: {type: extract, from: {slide: slides}, size: 256, edge: pad}
  some: {type: slow_tiles, from: tiles, drop: true}
  mask: {type: save_mask, from: {slide: slides, mask: tissue}, dir: "${out}/masks"}
  mask8: {type: save_mask, from: {slide: slides, mask: tissue}, dir: "${out}/masks8", downsample: 8, format: png}
  classes: {type: save_mask, from: {slide: slides, classes: regions}, dir: "${out}/masks"}
  classes4: {type: save_mask, from: {slide: slides, classes: regions}, dir: "${out}/masks4", downsample: 4, format: png}
  overlay: {type: overlay, from: {slide: slides, classes: regions}, dir: "${out}/overlays"}
  tumor: {type: overlay, from: {slide: slides, classes: regions}, dir: "${out}/tumor", only: [tumor], mpp: 2,
          outside: white, quality: 95}
  jpeg: {type: save_tiff, from: {slide: slides}, dir: "${out}/jpeg"}
  lossless: {type: save_tiff, from: {slide: slides}, dir: "${out}/lossless", compression: deflate}
  mosaic: {type: save_tiff, from: {tile: some}, dir: "${out}/mosaic", compression: deflate}
  zoom: {type: save_dzi, from: slides, dir: "${out}/zoom"}
  zoom_png: {type: save_dzi, from: slides, dir: "${out}/zoom_png", format: png, tile_size: 300, overlap: 0}
"""


def pixels(slide, level=0):
    return np.array(slide.read_region((0, 0), level, slide.level_dimensions[level]).convert("RGB"))


def otsu_mask(slide):
    level = min(2, slide.level_count - 1)
    mask = cv2.threshold(cv2.cvtColor(pixels(slide, level), cv2.COLOR_RGB2GRAY), 0, 255,
                         cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)[1]
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_OPEN, ellipse), cv2.MORPH_CLOSE, ellipse)


def halved(rgb):
    """Half the size, sides rounded down, by the mean of 2 x 2."""
    height, width = rgb.shape[0] // 2, rgb.shape[1] // 2
    return np.array(Image.fromarray(rgb[:2 * height, :2 * width]).reduce(2))


def squares(width, height, count, side):
    """The left, top, right and bottom of the test node's squares, with their class."""
    for i in range(count * count):
        x = width // count * (i % count) + width // count // 10
        y = height // count * (i // count) + height // count // 10
        yield x, y, x + side, y + side, 1 + i % 2


def class_values(width, height, downsample, rim):
    """The class of each pixel at a downsample, and where it is certain: `rim` pixels off the edges."""
    values = np.zeros((int(height / downsample), int(width / downsample)), np.uint8)
    certain = np.ones(values.shape, bool)
    for left, top, right, bottom, value in squares(width, height, 3, 500):
        left, top, right, bottom = (round(edge / downsample) for edge in (left, top, right, bottom))
        values[top:bottom, left:right] = value
        certain[max(0, top - rim):bottom + rim, max(0, left - rim):right + rim] = False
        certain[top + rim:bottom - rim, left + rim:right - rim] = True
    return values, certain


def difference(a, b):
    np.testing.assert_equal(a.shape, b.shape)
    return np.abs(a.astype(int) - b.astype(int)).mean()


class WholeSlide(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        paths = [support.synth(cls.root / "synthetic.svs", 5003, 4101)]
        paths += [path for path in support.real_slides() if "CMU" in path.name]
        cls.out = cls.root / "out"
        graph = cls.root / "graph.yaml"
        graph.write_text(ALL)
        (cls.root / "slides.txt").write_text("".join(f"{path}\n" for path in paths))
        ended = cls.run_graph(graph, cls.root / "slides.txt", cls.out)
        assert ended.code == DONE, ended.err
        cls.slides = {path.stem: openslide.OpenSlide(str(path)) for path in paths}

    @classmethod
    def run_graph(cls, graph, slides, out, *more):
        return flowrun("run", graph, "--quiet", "--plugin-dir", support.test_plugins(), *more,
                       *support.settings(slides=slides, out=out))

    def each(self):
        yield from self.slides.items()

    def open(self, path, size, mpp, tile=512, lossless=True):
        """A TIFF that every tool takes, as a slide. Lossless levels are no smaller than a tile."""
        for tool in ("tiffinfo", "tiffdump"):
            said = subprocess.run([tool, str(path)], capture_output=True, text=True)
            self.assertEqual((said.returncode, said.stderr), (0, ""), path)
        tiff = openslide.OpenSlide(str(path))
        self.assertEqual(tiff.properties["openslide.vendor"], "generic-tiff")
        sizes = [size]
        tile = min(tile, min(size) // 16 * 16) if lossless else tile
        while max(sizes[-1]) > tile and not (lossless and min(sizes[-1]) // 2 < tile):
            sizes.append(tuple(max(1, side // 2) for side in sizes[-1]))
        self.assertEqual(list(tiff.level_dimensions), sizes)
        self.assertEqual(tiff.properties["tiff.ResolutionUnit"], "centimeter")
        self.assertAlmostEqual(10000 / float(tiff.properties["tiff.XResolution"]), mpp, places=5)
        self.assertAlmostEqual(10000 / float(tiff.properties["tiff.YResolution"]), mpp, places=5)
        return tiff

    def test_tissue_mask(self):
        for name, slide in self.each():
            mask = otsu_mask(slide)
            size = mask.shape[::-1]
            mpp = float(slide.properties["openslide.mpp-x"])
            tiff = self.open(self.out / f"masks/{name}.mask.tif", size, mpp * slide.dimensions[0] / size[0])
            np.testing.assert_array_equal(pixels(tiff)[:, :, 1], mask)
            for level in range(1, tiff.level_count):
                chosen = [np.floor((np.arange(side) + 0.5) * 2**level).astype(int) for side in
                          tiff.level_dimensions[level]]
                np.testing.assert_array_equal(pixels(tiff, level)[:, :, 1], mask[chosen[1]][:, chosen[0]])
            coarse = cv2.imread(str(self.out / f"masks8/{name}.mask.png"), cv2.IMREAD_UNCHANGED)
            at = [np.floor((np.arange(side // 8) + 0.5) * 8 * own / side).astype(int)
                  for side, own in zip(slide.dimensions, size)]
            np.testing.assert_array_equal(coarse, mask[at[1]][:, at[0]])

    def test_class_mask(self):
        for name, slide in self.each():
            mpp = float(slide.properties["openslide.mpp-x"])
            tiff = self.open(self.out / f"masks/{name}.classes.tif", slide.dimensions, mpp)
            for level in range(tiff.level_count):
                expected, certain = class_values(*slide.dimensions, 2**level, 2)
                self.assertGreater(certain.mean(), 0.7)
                np.testing.assert_array_equal(pixels(tiff, level)[:, :, 1][certain], expected[certain])
            expected, certain = class_values(*slide.dimensions, 4, 2)
            png = cv2.imread(str(self.out / f"masks4/{name}.classes.png"), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(png[certain], expected[certain])
            with open(self.out / f"masks/{name}.classes.csv", newline="") as table:
                self.assertEqual(list(csv.reader(table)), [["name", "value", "colour"], ["tumor", "1", "#c80000"],
                                                           ["a, b", "2", "#0064ff"]])

    def test_overlay(self):
        for name, slide in self.each():
            mpp = float(slide.properties["openslide.mpp-x"])
            tiff = self.open(self.out / f"overlays/{name}.overlay.tif", slide.dimensions, mpp, lossless=False)
            values, certain = class_values(*slide.dimensions, 1, 24)  # JPEG blurs an edge within its blocks
            shown = pixels(tiff)
            self.assertEqual(shown[certain & (values == 0)].max(), 0)
            inside = certain & (values > 0)
            self.assertLess(difference(shown[inside], pixels(slide)[inside]), 6)
            values, certain = class_values(*slide.dimensions, 2, 24)
            inside = certain & (values > 0)
            self.assertLess(difference(pixels(tiff, 1)[inside[:, :]], halved(pixels(slide))[inside]), 6)

    def test_overlay_of_one_class(self):
        for name, slide in self.each():
            mpp = float(slide.properties["openslide.mpp-x"])
            size = tuple(int(side / (2 / mpp)) for side in slide.dimensions)
            exact = next((level for level, factor in enumerate(slide.level_downsamples)
                          if abs(factor * mpp / 2 - 1) < 0.005), None)
            if exact is not None:
                size, mpp = slide.level_dimensions[exact], mpp * round(slide.level_downsamples[exact])
            else:
                mpp = 2
            tiff = self.open(self.out / f"tumor/{name}.overlay.tif", size, mpp, lossless=False)
            own = float(slide.properties["openslide.mpp-x"])
            values, certain = class_values(*slide.dimensions, mpp / own, 24)
            shown = pixels(tiff)[:values.shape[0], :values.shape[1]]
            self.assertEqual(shown[certain & (values != 1)].min(), 255)
            covered = (0, 0, size[0] * mpp / own, size[1] * mpp / own)
            whole = np.array(Image.fromarray(pixels(slide)).resize(size, Image.BOX, covered)) if exact is None else \
                pixels(slide, exact)
            expected = whole[:values.shape[0], :values.shape[1]]
            inside = certain & (values == 1)
            self.assertGreater(inside.sum(), 1000)
            self.assertLess(difference(shown[inside], expected[inside]), 6)
            if exact is None:  # between levels up to half a pixel of the finer level off
                aside = np.roll(expected, 1, axis=1)
                self.assertLess(difference(shown[inside], expected[inside]),
                                0.5 * difference(shown[inside], aside[inside]))

    def test_converted(self):
        for name, slide in self.each():
            mpp = float(slide.properties["openslide.mpp-x"])
            expected = pixels(slide)
            lossless = self.open(self.out / f"lossless/{name}.tif", slide.dimensions, mpp)
            jpeg = self.open(self.out / f"jpeg/{name}.tif", slide.dimensions, mpp, lossless=False)
            np.testing.assert_array_equal(pixels(lossless), expected)
            for level in range(jpeg.level_count):
                self.assertLess(difference(pixels(jpeg, level), expected), 5)
                if level < lossless.level_count:
                    self.assertLess(difference(pixels(lossless, level), expected), 0.6)  # ways of rounding
                expected = halved(expected)

    def test_mosaic_of_tiles(self):
        """Of the tiles of a padded grid every second one came."""
        for name, slide in self.each():
            mpp = float(slide.properties["openslide.mpp-x"])
            tiff = self.open(self.out / f"mosaic/{name}.tif", slide.dimensions, mpp, 256)
            expected = pixels(slide)
            columns = math.ceil(slide.dimensions[0] / 256)
            for index in range(columns * math.ceil(slide.dimensions[1] / 256)):
                x, y = index % columns * 256, index // columns * 256
                if index % 2:
                    expected[y:y + 256, x:x + 256] = 255
            for level in range(tiff.level_count):
                self.assertLess(difference(pixels(tiff, level), expected), 0.6 if level else 1e-9)
                expected = halved(expected)

    def check_zoom(self, folder, slide, suffix, tile, overlap, tolerance):
        descriptor = folder.with_name(folder.name[:-len("_files")] + ".dzi").read_text()
        self.assertIn(f'Format="{suffix}" Overlap="{overlap}" TileSize="{tile}"', descriptor)
        self.assertIn(f'<Size Width="{slide.dimensions[0]}" Height="{slide.dimensions[1]}"/>', descriptor)
        last = math.ceil(math.log2(max(slide.dimensions)))
        self.assertEqual(sorted(int(level.name) for level in folder.iterdir()), list(range(last + 1)))
        whole = pixels(slide)
        for level in range(last, -1, -1):
            factor = 2**(last - level)
            width, height = (math.ceil(side / factor) for side in slide.dimensions)
            expected_names = {f"{column}_{row}.{suffix}" for column in range(math.ceil(width / tile))
                              for row in range(math.ceil(height / tile))}
            self.assertEqual({path.name for path in (folder / str(level)).iterdir()}, expected_names)
            # A picture with whole pixels at its edges: they repeat it.
            padded = np.pad(whole, ((0, height * factor - whole.shape[0]), (0, width * factor - whole.shape[1]), (0, 0)),
                            mode="edge")
            expected = np.array(Image.fromarray(padded).reduce(factor)) if factor > 1 else padded
            shown = np.zeros_like(expected)
            for image in expected_names:
                column, row = (int(part) for part in re.findall(r"\d+", image)[:2])
                pixels_of_tile = np.array(Image.open(folder / str(level) / image))
                left, top = max(0, column * tile - overlap), max(0, row * tile - overlap)
                right, bottom = min(width, (column + 1) * tile + overlap), min(height, (row + 1) * tile + overlap)
                self.assertEqual(pixels_of_tile.shape, (bottom - top, right - left, 3), f"{level}/{image}")
                shown[top:bottom, left:right] = pixels_of_tile
            if min(width, height) >= 8:  # else hardly anything but repeated edge
                self.assertLess(difference(shown, expected), tolerance, f"level {level}")

    def test_deep_zoom(self):
        for name, slide in self.each():
            self.check_zoom(self.out / f"zoom/{name}_files", slide, "jpeg", 254, 1, 8)
            self.check_zoom(self.out / f"zoom_png/{name}_files", slide, "png", 300, 0, 3)

    def test_threads_and_memory_make_no_difference(self):
        graph = self.write(ALL)
        slide = self.root / "synthetic.svs"
        results = []
        for more in (["--threads", 1], ["--threads", 5, "--memory", "2 GiB"]):
            out = self.fresh()
            self.assert_ended(self.run_graph(graph, slide, out, *more), DONE)
            results.append(support.outputs(out))
        self.assertGreater(len(results[0]), 500)
        self.assert_same(results[1], results[0])

    def test_mistakes(self):
        """What cannot be written says why, and leaves nothing."""
        slide = self.root / "synthetic.svs"
        overlapping = READ + """\
  tiles: {type: extract, from: {slide: slides}, size: 256, stride: 192}
  files: {type: save_tiff, from: {tile: tiles}, dir: "${out}"}
"""
        odd = overlapping.replace("size: 256, stride: 192", "size: 250")
        large = READ + """\
  regions: {type: squares, from: slides}
  files: {type: save_mask, from: {slide: slides, classes: regions}, dir: "${out}", format: png}
"""
        level = READ + '  files: {type: save_tiff, from: {slide: slides}, dir: "${out}", level: 7}\n'
        huge = support.synth(self.root / "wide.svs", 12000, 6000)
        for graph, path, words in ((overlapping, slide, "a TIFF needs tiles side by side, extracted with stride = size"),
                                   (odd, slide, "tiles of 250 x 250 pixels cannot be those of a TIFF"),
                                   (large, huge, "say downsample: 2 or more, or format: tiff"),
                                   (level, slide, "level 7 was asked for, but the slide has")):
            out = self.fresh()
            ended = self.run_graph(self.write(graph), path, out)
            self.assert_ended(ended, FAILED, words)
            self.assert_one_message(ended)
            self.assertEqual(support.outputs(out), {})
            self.assert_nothing_left(out)

    def test_one_slide_fails_the_others_are_written(self):
        folder = self.fresh("slides")
        folder.mkdir()
        good = support.synth(folder / "good.svs", 1500, 1200)
        damaged = bytearray(good.read_bytes())
        middle = len(damaged) // 2
        damaged[20000:middle] = bytes(middle - 20000)  # tiles of level 0; the directories are at the end
        (folder / "bad.svs").write_bytes(damaged)
        graph = self.write(READ + """\
  tiff: {type: save_tiff, from: {slide: slides}, dir: "${out}/tiffs", on_error: skip}
  zoom: {type: save_dzi, from: slides, dir: "${out}/zoom", on_error: fail}
""")
        out = self.fresh()
        ended = self.run_graph(graph, folder, out)
        self.assertIn(ended.code, (FAILED, SKIPS))
        self.assertIn("bad.svs: cannot read level 0", ended.err)
        self.assertEqual({path.name for path in (out / "tiffs").glob("*.tif")}, {"good.tif"})
        self.assertEqual({path.name for path in (out / "zoom").glob("*.dzi")}, {"good.dzi"})
        self.assertEqual({path.name for path in (out / "zoom").glob("*_files")}, {"good_files"})

    def test_inputs_are_checked_by_the_plan(self):
        for entry, words in (
            ("{type: save_mask, from: {slide: slides}, dir: out}", "neither 'mask' nor 'classes' is connected"),
            ("{type: overlay, from: {slide: slides, mask: tissue, classes: regions}, dir: out}",
             "both 'mask' and 'classes' are connected"),
            ("{type: overlay, from: {slide: slides, mask: tissue}, dir: out, only: [tumor]}",
             "a tissue mask has no classes"),
            ("{type: save_tiff, dir: out}", "neither 'slide' nor 'tile' is connected"),
            ("{type: save_tiff, from: {slide: slides}, dir: out, level: 1, mpp: 2}", "the resolution is given twice")):
            with self.subTest(entry=entry):
                graph = self.write(READ + f"""\
  tissue: {{type: detect, from: slides}}
  regions: {{type: squares, from: slides}}
  files: {entry}
""")
                ended = flowrun("check", graph, "--plugin-dir", support.test_plugins())
                self.assert_no_crash(ended)
                self.assertEqual(ended.code, support.USAGE, ended.out + ended.err)
                self.assertIn(words, ended.out + ended.err)


if __name__ == "__main__":
    support.main()

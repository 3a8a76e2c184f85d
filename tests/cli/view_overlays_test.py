#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Over slides whose levels are no whole times smaller, and whose bounds have a corner of their own, layers lie in a real
browser where they do over others."""
import openslide

import browser
from mirax import write_mirax
from support import DONE, flowrun
from view_page import (BLOCK, PREDICTED, ViewerPageTest, add_predictions, add_region, block_image, color_of,
                       write_blocks)
from view_server import Server

LEVELS = ((1001, 734), (749, 550))
TILE = 100  # pixels of level 1
CORNER = (4, 3)  # blocks left of it, and above it, were not scanned

GRAPH = """\
flowrun: 1
nodes:
  slides: {{type: read, path: "{slide}"}}
  tiles: {{type: extract, from: slides, size: {size}, level: {level}, edge: drop}}
  files: {{type: save, from: {{tile: tiles, slide: slides}}, dir: "{out}", format: none}}
"""
BOUNDED, FRACTIONAL = 0, 1  # by name


class Overlays(ViewerPageTest):
    layers = {BOUNDED: 5, FRACTIONAL: 3}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write_blocks(cls.root / "fractional.tif", LEVELS)
        write_mirax(cls.root / "bounded.mrxs", block_image(), BLOCK, CORNER)
        with openslide.OpenSlide(cls.root / "fractional.tif") as slide:
            _, cls.downsample, last = slide.level_downsamples
            assert 2.99 < cls.downsample < 2.999 and 4.001 < last < 4.01, slide.level_downsamples
        with openslide.OpenSlide(cls.root / "bounded.mrxs") as slide:
            corner = [int(slide.properties[f"openslide.bounds-{axis}"]) for axis in "xy"]
            assert corner == [BLOCK * side for side in CORNER], corner
        for slide, size, level in (("fractional.tif", TILE, 1), ("bounded.mrxs", BLOCK, 0)):
            graph = cls.root / f"{slide}.yaml"
            graph.write_text(GRAPH.format(slide=cls.root / slide, size=size, level=level, out=cls.root / "out"))
            ended = flowrun(graph, "--quiet")
            assert ended.code == DONE, ended.err
        cls.extent = TILE * cls.downsample
        add_predictions(cls.root / "out/fractional", cls.extent)
        add_predictions(cls.root / "out/bounded")
        add_region(cls.root / "out/bounded", 200, 400, 1000, 1000)
        cls.server = Server(cls.root / "out")

    def test_levels_that_are_no_whole_times_smaller(self):
        for zoom in range(self.finest - 3, self.finest + 2):
            self.show(FRACTIONAL, zoom=zoom, x=1390, y=1010)
            self.switch()
            most = 12 if zoom > self.finest - 3 else 20  # there a block of JPEG's has several of ours
            for place, color in self.seen().items():
                self.assertLess(abs(color - color_of(*place)).max(), most, (zoom, place))
            for name in PREDICTED:
                self.assert_heat(name, self.extent, LEVELS[0][0] // TILE, LEVELS[0][1] // TILE)

    def test_tiles_of_such_a_level_are_outlined_where_they_lie(self):
        self.show(FRACTIONAL, x=2550, y=1950, zoom=self.finest + 1)
        self.assert_outlined("kept tiles", self.extent, LEVELS[0][0] // TILE, LEVELS[0][1] // TILE)

    def test_bounds_with_a_corner_of_their_own(self):
        for zoom in (self.finest - 2, self.finest):
            self.show(BOUNDED, zoom=zoom)
            self.switch()
            for place, color in self.seen().items():
                scanned = place[0] >= CORNER[0] and place[1] >= CORNER[1]
                self.assertLess(abs(color - (color_of(*place) if scanned else 255)).max(), 12, (zoom, place))
            for name in PREDICTED:
                self.assert_heat(name)

    def test_regions_count_from_the_corner_that_is_said(self):
        self.show(BOUNDED, x=1400, y=1100, zoom=self.finest - 1)
        left, top = (BLOCK * side for side in CORNER)
        self.assert_filled("from the corner of the bounds", left + 200, top + 400, left + 1000, top + 1000)
        self.assert_filled("from the corner of the slide", 200, 400, 1000, 1000)


if __name__ == "__main__":
    browser.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a whole slide are written in memory that does not grow with it. With --long masks,
overlays and labelled tiles are of 100,000 x 100,000 pixels with 10,000 regions."""
import json
import sys
import unittest

import support
from support import DONE, flowrun, synth

MIB = 1 << 20
RUNTIME = 150 * MIB  # the program, its libraries, threads and decoders

READ = """\
flowrun: 1
params: {slides: slides, out: out, count: 10}
nodes:
  slides: {type: read, path: "${slides}"}
"""
REGIONS = READ + '  regions: {type: squares, from: slides, count: "${count}", side: 300}\n'
MASK = REGIONS + '  files: {type: save_mask, from: {slide: slides, classes: regions}, dir: "${out}"}\n'
OVERLAY = REGIONS + '  files: {type: overlay, from: {slide: slides, classes: regions}, dir: "${out}"}\n'
LABELLED = REGIONS + """\
  tiles: {type: extract, from: {slide: slides, classes: regions}, size: 256, min_class_coverage: 0.2}
  files: {type: save, from: tiles, dir: "${out}", format: none}
"""
CONVERT = READ + '  files: {type: save_tiff, from: {slide: slides}, dir: "${out}"}\n'
MOSAIC = READ + """\
  tiles: {type: extract, from: {slide: slides}, edge: pad}
  files: {type: save_tiff, from: {tile: tiles}, dir: "${out}"}
"""
ZOOM = READ + '  files: {type: save_dzi, from: slides, dir: "${out}"}\n'


class WholeSlideMemory(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if support.sanitized():
            raise unittest.SkipTest("a sanitizer takes memory of its own")
        cls.cap = 300 * MIB
        cls.small, cls.medium, cls.large = (5000, 30000, 100000) if support.LONG else (5000, 14000, 14000)
        cls.slides = {side: synth(cls.root / f"slide{side}.svs", side, side)
                      for side in {cls.small, cls.medium, cls.large}}

    def peak(self, graph, side):
        """The peak RSS of a run, after checking it."""
        out = self.fresh()
        ended = flowrun(self.write(graph), "--json", "--quiet", "--plugin-dir", support.test_plugins(), "--memory",
                        self.cap, "--threads", 4, *support.settings(slides=self.slides[side], out=out, count=side // 1000),
                        limit=3000)
        self.assert_ended(ended, DONE)
        summary = json.loads(ended.out)
        self.assertLessEqual(summary["peak_leased_bytes"], self.cap)
        written = sum(path.stat().st_size for path in out.glob("*.tif"))
        print(f"{self.id().rpartition('.')[2]}, {side}: {summary['seconds']:.1f} s, leased "
              f"{summary['peak_leased_bytes'] / MIB:.0f} MiB, RSS {summary['peak_rss_bytes'] / MIB:.0f} MiB, wrote "
              f"{written / MIB:.1f} MiB", file=sys.stderr)
        return summary["peak_rss_bytes"]

    def assert_bounded(self, graph, side):
        smaller, larger = self.peak(graph, self.small), self.peak(graph, side)
        self.assertLess(larger, 512 * MIB)
        self.assertLess(larger, self.cap + RUNTIME)
        self.assertLess(larger - smaller, 64 * MIB)

    def test_mask(self):
        self.assert_bounded(MASK, self.large)

    def test_overlay(self):
        self.assert_bounded(OVERLAY, self.large)

    def test_labelled_tiles(self):
        self.assert_bounded(LABELLED, self.large)

    def test_converted(self):
        self.assert_bounded(CONVERT, self.medium)

    def test_mosaic(self):
        self.assert_bounded(MOSAIC, self.medium)

    def test_deep_zoom(self):
        self.assert_bounded(ZOOM, self.medium)


if __name__ == "__main__":
    support.main()

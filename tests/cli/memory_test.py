#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory stays below its cap however large the slide is, however slow a stage, whatever is dropped or fanned out."""
import json
import shutil
import sys
import unittest

import support
from support import DONE, flowrun, synth

MIB = 1 << 20
RUNTIME = 300 * MIB  # the program, its libraries, threads and decoders

STAGES = """\
flowrun: 1
params: {slides: slides, out: out}
nodes:
  slides: {type: read, path: "${slides}"}
  tissue: {type: detect, from: slides}
  tiles: {type: extract, from: {slide: slides, mask: tissue}, stride: 512}
"""
PLAIN = STAGES + '  files: {type: save, from: {tile: tiles, slide: slides, mask: tissue}, dir: "${out}", format: jpg}\n'
SLOW = STAGES + """\
  slow: {type: slow_tiles, from: tiles, milliseconds: 4}
  files: {type: save, from: {tile: slow, slide: slides, mask: tissue}, dir: "${out}", format: jpg}
"""
DROPPING = SLOW.replace("milliseconds: 4", "milliseconds: 2, drop: true")
FANNED = STAGES + """\
  slow: {type: slow_tiles, from: tiles, milliseconds: 4}
  slow_files: {type: save, from: {tile: slow, slide: slides, mask: tissue}, dir: "${out}/slow", format: jpg}
  files: {type: save, from: {tile: tiles, slide: slides, mask: tissue}, dir: "${out}/fast", format: jpg}
"""


class Memory(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if support.sanitized():
            raise unittest.SkipTest("a sanitizer takes memory of its own")
        cls.sides = (20000, 60000) if support.LONG else (8000, 16000)
        cls.cap = (256 if support.LONG else 104) * MIB
        cls.slides = [synth(cls.root / f"slide{side}.svs", side, side) for side in cls.sides]

    def measure(self, graph, slide, threads):
        """The summary of a run, after checking it."""
        out = self.fresh()
        ended = flowrun(self.write(graph), "--json", "--quiet", "--plugin-dir", support.test_plugins(), "--memory",
                        self.cap, "--threads", threads, *support.settings(slides=slide, out=out), limit=3000)
        self.assert_ended(ended, DONE)
        summary = json.loads(ended.out)
        self.assertEqual(summary["memory_bytes"], self.cap)
        self.assertLessEqual(summary["peak_leased_bytes"], self.cap)
        self.assertGreater(summary["peak_leased_bytes"], 32 * MIB, "the test measures nothing")
        self.assertLess(summary["peak_rss_bytes"], self.cap + RUNTIME)
        print(f"{slide.stem}: {summary['seconds']:.1f} s, leased {summary['peak_leased_bytes'] / MIB:.0f} MiB, "
              f"RSS {summary['peak_rss_bytes'] / MIB:.0f} MiB", file=sys.stderr)
        nodes = {node["name"]: node for node in summary["nodes"]}
        self.assertGreater(nodes["tiles"]["out"], 80)
        return summary, nodes

    def assert_bounded(self, graph, threads=4):
        summaries = []
        for slide in self.slides:
            summary, nodes = self.measure(graph, slide, threads)
            summaries.append(summary)
        smaller, larger = (summary["peak_rss_bytes"] for summary in summaries)
        self.assertLess(larger, 1.1 * smaller, f"RSS {smaller / MIB:.0f} and {larger / MIB:.0f} MiB")
        return nodes

    def test_plain(self):
        self.assert_bounded(PLAIN)

    def test_slow_stage(self):
        self.assert_bounded(SLOW)

    def test_dropping_stage(self):
        nodes = self.assert_bounded(DROPPING)
        self.assertEqual(nodes["slow"]["in"], nodes["slow"]["out"] + nodes["slow"]["dropped"])
        self.assertEqual(nodes["files"]["in"], nodes["slow"]["out"])
        self.assertAlmostEqual(nodes["slow"]["out"], nodes["tiles"]["out"] / 2, delta=1)

    def test_fan_out(self):
        nodes = self.assert_bounded(FANNED)
        self.assertEqual(nodes["files"]["in"], nodes["tiles"]["out"])
        self.assertEqual(nodes["slow_files"]["in"], nodes["tiles"]["out"])

    def test_many_slides(self):
        """Slides one after the other leave nothing behind."""
        one, _ = self.measure(PLAIN, self.slides[0], 4)
        folder = self.fresh("slides")
        folder.mkdir()
        for number in range(20 if support.LONG else 6):
            shutil.copy(self.slides[0], folder / f"slide{number}.svs")
        many, _ = self.measure(PLAIN, folder, 4)
        self.assertLess(many["peak_rss_bytes"], one["peak_rss_bytes"] + self.cap)


if __name__ == "__main__":
    support.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a run, and flowrun top, draw on terminals of several kinds and sizes."""
import re

import support
from held_run import NAMES, HeldRunTest
from support import DONE, flowrun, settings
from terminal import Screen, run_on

GRAPH = """\
flowrun: 1
name: slowly
params: {slides: slides, out: out}
nodes:
  slides: {type: read, path: "${slides}"}
  tiles: {type: extract, from: slides, size: 256, stride: 256}
  slow: {type: slow_tiles, from: tiles, milliseconds: 100}
  files: {type: save, from: {tile: slow, slide: slides}, dir: "${out}", format: none}
"""
WHOLE = re.compile(r"\[[#.]{20}\] (\d) slides? of 3, \d+ tiles?, \d+\.\d/s, "
                   r"\[[#.]{20}\] [\d.]+ \w+ of [\d.]+ \w+ in flight(, \d+ s left)?")


class Progress(HeldRunTest):
    def drawn(self, lines, columns, **more):
        """What a run writes to a terminal, and what its screen shows after each change of it."""
        arguments = [self.write(GRAPH), "--plugin-dir", support.test_plugins(), "--threads", 4,
                     *settings(slides=self.slides, out=self.fresh())]
        text, code = run_on(lines, columns, "stderr", *arguments, **more)
        self.assertEqual(code, DONE, text)
        screen, shown = Screen(lines, columns), []
        for change in re.split(r"(?<=\x1b\[\?7h)", text):
            screen.feed(change)
            shown.append(screen.text())
        return text, shown

    def test_a_line_for_each_slide_in_work_and_one_for_the_whole(self):
        _, shown = self.drawn(24, 120)
        self.assertGreater(len(shown), 3)
        for lines in shown[:-1]:
            self.assertRegex(lines[-1], WHOLE)
            for line in lines[:-1]:
                self.assertRegex(line, rf"^  ({'|'.join(NAMES)}): \d+ tiles?$")
            names = [line.split(":")[0] for line in lines[:-1]]
            self.assertEqual(names, sorted(set(names)))  # the oldest first, each once
        self.assertEqual(max(len(lines) for lines in shown), 3)  # two are in work at a time, of four threads
        self.assertEqual(shown[-1], [])  # at the end nothing of it is left

    def test_a_small_terminal(self):
        for lines, columns in ((2, 60), (3, 20)):
            _, shown = self.drawn(lines, columns)
            for screen in shown[:-1]:
                self.assertLess(len(screen), lines, screen)
                self.assertRegex(screen[-1], r"^\[[#.]{10}")
                if lines == 3 and len(screen) == 2:
                    self.assertRegex(screen[0], rf"^  (({'|'.join(NAMES)}): \d+ tiles?|and 2 more in work)$")
            self.assertEqual(shown[-1], [])

    def test_a_dumb_terminal(self):
        text, _ = self.drawn(24, 120, kind="dumb")
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\r", text.replace("\r\n", "\n"))
        self.assertNotIn("#", text)

    def test_one_is_not_many(self):
        out = self.fresh()
        graph = self.write(GRAPH)
        self.assert_ended(flowrun(graph, "--plugin-dir", support.test_plugins(),
                                  *settings(slides=self.slides / "a.svs", out=out)), DONE)
        self.assertIn("  1 slide of 1, ", flowrun("status", out).out)

    def test_top_is_as_long_as_the_terminal_at_most(self):
        out = self.fresh()
        for number in range(1, 7):
            self.assert_ended(flowrun(*self.arguments(out, "--part", f"{number}/6")), DONE)
        text, code = run_on(6, 70, "stdout", "top", out)
        self.assertEqual(code, DONE)
        screen = Screen(6, 70)
        screen.feed(text)
        shown = screen.text()
        self.assertEqual(len(shown), 5, shown)
        self.assertTrue(shown[0].startswith("6 of 6 parts: 0 running, 0 gone, 6 ended; 3 slides ended, 0 failures"), shown)
        self.assertTrue(shown[1].startswith("part 1/6 of held on "), shown)
        self.assertEqual(shown[4], "and 9 lines more, which flowrun status prints")
        self.assertEqual(len(flowrun("status", out).out.splitlines()), 13)


if __name__ == "__main__":
    support.main()

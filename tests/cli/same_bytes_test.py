#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same slides give the same bytes, however many threads there are, in whatever memory the plan accepts."""
import csv

import support
from support import DONE, FAILED, USAGE, extract, flowrun, outputs, synth

THREADS = (1, 2, 8)
MIB = 1 << 20
LARGEST = 4 << 30


def suffixes(files, slide):
    """The images of one slide by the part of their names after the slide's."""
    start = f"{slide}/{slide}_x"
    return {name[len(start):]: digest for name, digest in files.items() if name.startswith(start)}


class SameBytes(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.slides = cls.root / "slides"
        synth(cls.slides / "ward/one.svs", seed=1)
        synth(cls.slides / "theatre/one.svs", 2500, 3000, seed=2)
        synth(cls.slides / "three.svs", 2200, 1800, seed=3)
        for path in support.real_slides():
            (cls.slides / path.name).symlink_to(path)
        cls.expected = None

    def run_once(self, *more):
        out = self.fresh()
        self.assert_ended(flowrun(*extract(self.slides, out, "--quiet", *more)), DONE)
        self.assert_nothing_left(out)
        return outputs(out)

    def reference(self):
        if type(self).expected is None:
            type(self).expected = self.run_once("--threads", 1)
            self.assertGreater(len(self.expected), 100)
        return self.expected

    def accepted(self, memory, threads):
        ended = flowrun("check", support.EXTRACT, *support.settings(size=256, stride=256), "--memory", memory,
                        "--threads", threads)
        self.assertIn(ended.code, (DONE, USAGE))
        return ended.code == DONE

    def smallest_memory(self, threads):
        low, high = 0, LARGEST
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.accepted(middle, threads) else (middle, high)
        return high

    def test_threads(self):
        expected = self.reference()
        for threads in THREADS:
            for time in range(10 if support.LONG else 2):
                with self.subTest(threads=threads, time=time):
                    self.assert_same(self.run_once("--threads", threads), expected)

    def runs_in(self, slide, memory):
        """A budget that the plan accepts but a slide's mask does not fit in: said, and nothing left."""
        out = self.fresh()
        ended = flowrun(*extract(slide, out, "--quiet", "--threads", 1, "--memory", memory))
        if ended.code != DONE:
            self.assert_ended(ended, FAILED, slide.stem, "Raise memory")
            self.assertEqual(outputs(out), {})
        self.assert_nothing_left(out)
        return ended.code == DONE

    def smallest_that_runs(self, slide, least):
        low, high = least // MIB, 256
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.runs_in(slide, middle * MIB) else (middle, high)
        return high * MIB

    def test_memory(self):
        """Many slides on many threads run in what the neediest slide needs alone, and give the same."""
        expected = self.reference()
        least = self.smallest_memory(2)
        self.assertLess(least, 256 * MIB)
        least = max(self.smallest_that_runs(slide, least) for slide in self.slides.rglob("*.svs"))
        for memory in (least, least + MIB, 2 * least, LARGEST):
            for threads in THREADS if support.LONG else (2, 8):
                for time in range(3 if support.LONG else 1):
                    with self.subTest(memory=memory, threads=threads, time=time):
                        self.assert_same(self.run_once("--threads", threads, "--memory", memory), expected)

    def test_the_plan_knows_the_smallest_memory(self):
        """What `flowrun check` accepts is enough for a run."""
        slide = self.slides / "three.svs"
        out = self.fresh()
        memory = self.smallest_memory(2)
        self.assert_ended(flowrun(*extract(slide, out, "--quiet", "--threads", 2, "--memory", memory)), DONE)

    def test_other_tiles(self):
        """Tiles that overlap, as JPEG."""
        more = [part for name in ("size=300", "stride=170", "format=jpg") for part in ("--set", name)]
        expected = self.run_once("--threads", 1, *more)
        self.assertTrue(any(name.endswith(".jpg") and "_x170_" in name for name in expected))
        for threads in THREADS[1:]:
            with self.subTest(threads=threads):
                self.assert_same(self.run_once("--threads", threads, *more), expected)

    def test_slides_of_one_name_are_not_mixed(self):
        together = self.reference()
        for folder in ("ward", "theatre"):
            out = self.fresh()
            self.assert_ended(flowrun(*extract(self.slides / folder / "one.svs", out, "--quiet")), DONE)
            alone = outputs(out)
            name = f"{folder}_one"
            self.assertGreater(len(suffixes(alone, "one")), 10)
            self.assertEqual(suffixes(together, name), suffixes(alone, "one"))
            for file in ("mask.png", "overview.jpg"):
                self.assertEqual(together[f"{name}/{file}"], alone[f"one/{file}"])
        self.assertNotEqual(together["ward_one/mask.png"], together["theatre_one/mask.png"])

    def test_tables_name_the_files(self):
        out = self.fresh()
        self.assert_ended(flowrun(*extract(self.slides, out, "--quiet")), DONE)
        for folder in (path for path in out.iterdir() if path.name not in (".flowrun", "report.html")):
            with (folder / "tiles.csv").open(newline="") as table:
                rows = list(csv.DictReader(table))
            images = {path.name for path in folder.iterdir()} - {"tiles.csv", "mask.png", "overview.jpg"}
            self.assertEqual({row["path"] for row in rows}, images)
            self.assertEqual({row["slide"] for row in rows}, {folder.name})
            places = [(int(row["y"]), int(row["x"])) for row in rows]
            self.assertEqual(places, sorted(set(places)))


if __name__ == "__main__":
    support.main()

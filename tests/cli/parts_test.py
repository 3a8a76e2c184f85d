#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs of parts share one output folder: together they make what one run makes, byte for byte."""
import json
import signal
import time

import support
from support import DONE, FAILED, USAGE, done_scopes, flowrun, outputs, start, synth

COHORT = support.SOURCE / "graphs/cohort.yaml"
BOXES = """\
flowrun: 1
params: {{microseconds: 0, out: out}}
nodes:
  boxes: {{type: boxes, count: {count}}}
  items: {{type: unpack, from: boxes, count: 3}}
  files: {{type: write, from: items, dir: "${{out}}", microseconds: "${{microseconds}}"}}
{more}"""


def part_folder(out, part):
    return out / ".flowrun/parts" / part.replace("/", "-of-")


class Parts(support.ProgramTest):
    def boxes(self, count=10, more=""):
        return self.write(BOXES.format(count=count, more=more))

    def arguments(self, graph, out, *more, **values):
        return ["run", graph, "--plugin-dir", support.test_plugins(), *support.settings(out=out, **values), *more]

    def run_boxes(self, graph, out, *more, variables=None, **values):
        return flowrun(*self.arguments(graph, out, *more, **values), variables=variables)

    def summary(self, ended):
        self.assertEqual(ended.code, DONE, ended.err)
        return json.loads(ended.out)

    def test_parts_share_out_the_scopes_by_bytes(self):
        """A box weighs its number + 1: 10 9 8 7 6 5 4 3 2 1 go to three parts as 10 5 4, 9 6 3 and 8 7 2 1."""
        graph, out = self.boxes(), self.fresh()
        expected = {"1/3": {9, 4, 3}, "2/3": {8, 5, 2}, "3/3": {7, 6, 1, 0}}
        for part, boxes in expected.items():
            before = done_scopes(out, "boxes")
            summary = self.summary(self.run_boxes(graph, out, "--part", part, "--json"))
            self.assertEqual(summary["part"], part)
            self.assertEqual(summary["scope_counts"], {"done": len(boxes)})
            self.assertEqual(done_scopes(out, "boxes") - before, {f"box{number}" for number in boxes})
            lines = [json.loads(line) for line in (part_folder(out, part) / "scopes.jsonl").read_text().splitlines()]
            self.assertEqual({line["name"] for line in lines}, {f"box{number}" for number in boxes})
            self.assertEqual(json.loads((part_folder(out, part) / "summary.json").read_text())["part"], part)
        whole = self.fresh()
        self.assert_ended(self.run_boxes(graph, whole), DONE)
        self.assert_same(outputs(out), outputs(whole))
        before = (out / "box3.txt").stat().st_mtime_ns
        summary = self.summary(self.run_boxes(graph, out, "--json"))
        self.assertEqual(summary["scope_counts"], {"done before": 10})
        self.assertNotIn("part", summary)
        self.assertEqual((out / "box3.txt").stat().st_mtime_ns, before)
        self.assert_same(outputs(out), outputs(whole))

    def test_more_parts_than_scopes(self):
        graph, out = self.boxes(2), self.fresh()
        for number in range(1, 6):
            self.assert_ended(self.run_boxes(graph, out, "--part", f"{number}/5"), DONE)
        self.assertEqual(done_scopes(out, "boxes"), {"box0", "box1"})

    def test_who_is_refused(self):
        graph, out = self.boxes(), self.fresh()
        process = start(*self.arguments(graph, out, "--part", "1/2", microseconds=2000000))
        try:
            self.wait_for(part_folder(out, "1/2") / "scopes.jsonl")
            for more in (["--part", "1/2"], ["--part", "2/3"], []):
                ended = self.run_boxes(graph, out, *more)
                self.assert_ended(ended, FAILED, "in use by another flowrun", "part 1/2", f"process {process.pid}")
                self.assert_one_message(ended)
            self.assert_ended(self.run_boxes(graph, out, "--part", "2/2"), DONE)
            bigger = self.boxes(12)
            ended = self.run_boxes(bigger, out, "--part", "2/2")
            self.assert_ended(ended, FAILED, "part 1/2", "'boxes.0'", "changed")
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        self.assert_ended(self.run_boxes(graph, out), DONE)

    def wait_for(self, path):
        for _ in range(3000):
            if path.exists():
                return
            time.sleep(0.01)
        self.fail(f"{path} does not come")

    def test_sixteen_start_the_same_part(self):
        graph, out = self.boxes(), self.fresh()
        processes = [start(*self.arguments(graph, out, "--part", "1/1", microseconds=100000)) for _ in range(16)]
        ended = [(process, *process.communicate(timeout=120)) for process in processes]
        for process, _, said in ended:
            self.assertIn(process.returncode, (DONE, FAILED), said)
            if process.returncode == FAILED:
                self.assertIn(b"in use by another flowrun", said)
        ran = [out for process, out, _ in ended if process.returncode == DONE]
        # Who came when the others had ended found all done.
        self.assertEqual(sum(b"in all: 10 done\n" in said for said in ran), 1, ran)

    def test_a_killed_part_goes_on(self):
        graph, out = self.boxes(), self.fresh()
        whole, slow = self.fresh(), {"microseconds": 30000}
        self.assert_ended(self.run_boxes(graph, whole, **slow), DONE)
        other = start(*self.arguments(graph, out, "--part", "2/2", **slow))
        for _ in range(3):
            process = start(*self.arguments(graph, out, "--part", "1/2", **slow))
            self.wait_for(part_folder(out, "1/2") / "scopes.jsonl")
            time.sleep(0.3)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        self.assert_ended(self.run_boxes(graph, out, "--part", "1/2", **slow), DONE)
        other.communicate(timeout=120)
        self.assertEqual(other.returncode, DONE)
        self.assertEqual(self.summary(self.run_boxes(graph, out, "--json", **slow))["scope_counts"], {"done before": 10})
        self.assert_same(outputs(out), outputs(whole))
        for part in ("1/2", "2/2"):
            for kind in ("staging", "publishing"):
                self.assertEqual(list((part_folder(out, part) / kind).iterdir()), [])

    def test_the_part_of_the_environment(self):
        graph = self.boxes()
        slurm = {"SLURM_ARRAY_TASK_ID": "14", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "10",
                 "SLURM_ARRAY_TASK_STEP": "2"}
        for argument, variables, part in (("auto", slurm, "3/3"), ("auto/4", slurm, "3/4"),
                                          ("auto/4", {"JOB_COMPLETION_INDEX": "0"}, "1/4"), ("2/5", slurm, "2/5")):
            ended = self.run_boxes(graph, self.fresh(), "--part", argument, "--json", variables=variables)
            self.assertEqual(self.summary(ended)["part"], part)
        # A job array may be for something else: without --part it changes nothing.
        self.assertEqual(self.summary(self.run_boxes(graph, self.fresh(), "--json", variables=slurm))["scope_counts"],
                         {"done": 10})

    def test_no_part(self):
        graph, out = self.boxes(), self.fresh()
        for argument, variables, said in (
                ("4/3", None, "expected NUMBER/COUNT"), ("x", None, "expected NUMBER/COUNT"),
                ("auto", None, "JOB_COMPLETION_INDEX"), ("auto", {"JOB_COMPLETION_INDEX": "0"}, "auto/COUNT"),
                ("auto/2", {"JOB_COMPLETION_INDEX": "2"}, "3/2"),
                ("auto", {"SLURM_ARRAY_TASK_ID": "x"}, "SLURM_ARRAY_TASK_ID is 'x'")):
            ended = self.run_boxes(graph, out, "--part", argument, variables=variables)
            self.assert_ended(ended, USAGE, said)
            self.assert_one_message(ended)
        self.assertFalse(out.exists())

    def test_a_graph_without_scopes(self):
        graph = self.write("flowrun: 1\nnodes:\n  one: {type: one}\n  last: {type: linger, from: one}\n")
        ended = flowrun("run", graph, "--plugin-dir", support.test_plugins(), "--part", "1/2")
        self.assert_ended(ended, FAILED, "nothing in this graph can be shared out", "without --part")

    def slides(self):
        if not hasattr(Parts, "slide_folder"):
            Parts.slide_folder = self.root / "slides"
            # Two of one name, which get their folders' names put before theirs by the whole list only.
            for number in range(9):
                synth(self.slide_folder / f"{number % 2}/s{number // 2}.svs", 900 + 200 * number, 1300, seed=number)
        return Parts.slide_folder

    def test_a_cohort(self):
        slides, whole = self.slides(), self.fresh()
        values = support.settings(slides=slides, annotations="none/{slide}.xml")
        run = ["run", COHORT, *values, "--quiet"]
        self.assert_ended(flowrun(*run, *support.settings(out=whole)), DONE)
        expected = outputs(whole)
        self.assertGreater(len(expected), 30)
        for count in (3, 7):
            out = self.fresh()
            processes = [start(*run, *support.settings(out=out), "--part", f"{number}/{count}", "--threads", 1)
                         for number in range(1, count + 1)]
            for process in processes:
                _, said = process.communicate(timeout=300)
                self.assertEqual(process.returncode, DONE, said)
            self.assert_same(outputs(out), expected, f"{count} parts")
            ended = flowrun("run", COHORT, *values, *support.settings(out=out), "--json")
            self.assertEqual(self.summary(ended)["scope_counts"], {"done before": 9})
            self.assert_same(outputs(out), expected, f"{count} parts, gathered")

    def test_gathering(self):
        """What belongs to the run is made once, by the run of all, of what the parts left."""
        graph = self.write("""\
flowrun: 1
params: {slides: slides, out: out}
nodes:
  slides: {type: read, path: "${slides}"}
  tissue: {type: detect, from: slides}
  stains: {type: fit_stains, from: {slide: slides, mask: tissue}, dir: "${out}"}
""")
        slides, whole, out = self.slides(), self.fresh(), self.fresh()
        self.assert_ended(flowrun("run", graph, *support.settings(slides=slides, out=whole)), DONE)
        run = ["run", graph, *support.settings(slides=slides, out=out)]
        for number in (2, 3, 1):
            ended = flowrun(*run, "--part", f"{number}/3")
            self.assert_ended(ended, DONE)
            self.assertIn(f"part {number}/3; left to the run without --part, when all parts are done: stains\n", ended.out)
            self.assertFalse((out / "stains.yaml").exists())
        self.assertEqual(self.summary(flowrun(*run, "--json"))["scope_counts"], {"done before": 9})
        self.assert_same(outputs(out), outputs(whole))

    def test_gathering_what_was_kept(self):
        """The items of a box are 0, 1 and 2. Of boxes whose sum was kept nothing is made again for the sum of all."""
        graph, out = self.boxes(10, "  sum: {type: sum_scopes, from: items}\n  all: {type: write, from: sum, dir: \"${out}\"}\n"), self.fresh()
        for part in ("2/2", "1/2"):
            self.assert_ended(self.run_boxes(graph, out, "--part", part), DONE)
            self.assertFalse((out / "run.txt").exists())
        before = (out / "box3.txt").stat().st_mtime_ns
        self.assertEqual(self.summary(self.run_boxes(graph, out, "--json"))["scope_counts"], {"done before": 10})
        self.assertEqual((out / "run.txt").read_text(), "30\n")
        self.assertEqual((out / "box3.txt").stat().st_mtime_ns, before)


if __name__ == "__main__":
    support.main()

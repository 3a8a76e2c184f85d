#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What runs tell of themselves while they run and when they have ended: status.json, flowrun status, flowrun top."""
import json
import signal
import time

import support
from held_run import NAMES, SmallSlidesTest, told, wait_until_told
from support import DONE, FAILED, INTERRUPTED, done_scopes, flowrun, settings, start

GRAPH = """\
flowrun: 1
name: slowly
params: {slides: slides, out: out, milliseconds: 0}
nodes:
  slides: {type: read, path: "${slides}"}
  tiles: {type: extract, from: slides, size: 256, stride: 256}
  slow: {type: slow_tiles, from: tiles, milliseconds: "${milliseconds}"}
  files: {type: save, from: {tile: slow, slide: slides}, dir: "${out}", format: none}
"""


class Status(SmallSlidesTest):
    def arguments(self, out, *more, milliseconds=0, slides=None):
        return [self.write(GRAPH), "--plugin-dir", support.test_plugins(), "--threads", 1, *more,
                *settings(slides=slides or self.slides, out=out, milliseconds=milliseconds)]

    def begun(self, out, *more, room=""):
        """A run that takes long, and has told that it has begun with a slide."""
        process = start(*self.arguments(out, *more, milliseconds=500))
        wait_until_told(process, out, lambda run: run["scopes_in_work"], room)
        return process

    def status(self, out):
        ended = flowrun("status", out)
        self.assert_ended(ended, DONE)
        return ended.out

    def test_how_it_ended(self):
        slides = self.fresh("mixed")
        slides.mkdir()
        for name in NAMES:
            (slides / f"{name}.svs").symlink_to(self.slides / f"{name}.svs")
        (slides / "torn.svs").write_bytes(b"no slide")
        out = self.fresh()
        self.assert_ended(flowrun(*self.arguments(out, slides=slides)), FAILED)
        status, summary = told(out), json.loads((out / ".flowrun/summary.json").read_text())
        self.assertEqual(status["state"], "failed")
        self.assertEqual(status["scopes"], {"done": 3, "failed": 1})
        self.assertEqual(status["scopes_in_work"], [])
        self.assertEqual(status["failure_count"], 1)
        self.assertEqual(status["failures"][0]["message"], summary["failures"][0]["message"])
        self.assertEqual([(node["name"], node["in"]) for node in status["nodes"]],
                         [(node["name"], node["in"]) for node in summary["nodes"]])
        tiles = sum(len((out / name / "tiles.csv").read_text().splitlines()) - 1 for name in NAMES)
        self.assertEqual((status["packets"], status["packet_name"]), (tiles, "tile"))
        text = self.status(out)
        self.assertRegex(text, r"^run of slowly on .*, process \d+.*: failed\n")
        self.assertIn(f"4 slides of 4, {tiles} tiles, ", text)
        self.assertIn(f"error: torn: slides: {summary['failures'][0]['message']}", text)
        # What was done before is no failure and no work of this run.
        (slides / "torn.svs").unlink()
        self.assert_ended(flowrun(*self.arguments(out, slides=slides)), DONE)
        self.assertEqual((told(out)["state"], told(out)["scopes"]), ("done", {"done before": 3}))
        self.assertEqual(list((out / ".flowrun").rglob("*.tmp")), [])

    def test_while_it_runs_and_when_it_is_killed(self):
        out = self.fresh()
        process = self.begun(out)
        try:
            status = told(out)
            self.assertEqual((status["state"], status["process"]), ("running", process.pid))
            self.assertIn(status["scopes_in_work"][0], NAMES)
            text = self.status(out)
            self.assertIn(f"process {process.pid}", text)
            self.assertIn(": running\n", text)
            self.assertIn(f"in work: {status['scopes_in_work'][0]}", text)
            before = told(out)["beats"]
            end = time.monotonic() + 60
            while told(out)["beats"] == before:
                self.assertLess(time.monotonic(), end, "it stands still")
                time.sleep(0.1)
        finally:
            process.kill()
            process.communicate()
        self.assertIn(": it is gone without a word", self.status(out))
        ended = flowrun("status", out, "--json")
        self.assertEqual([run["state"] for run in json.loads(ended.out)], ["gone"])
        self.assert_ended(flowrun(*self.arguments(out)), DONE)
        self.assertEqual(told(out)["state"], "done")
        self.assertEqual(done_scopes(out), set(NAMES))

    def test_interrupted(self):
        out = self.fresh()
        process = self.begun(out)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        self.assertEqual(process.returncode, INTERRUPTED)
        self.assertEqual(told(out)["state"], "interrupted")

    def test_a_run_of_another_machine_is_known_by_its_beats(self):
        out = self.fresh()
        process = self.begun(out)
        process.kill()
        process.communicate()
        status = told(out)
        # Who it is, as the locks say it, but of a machine that cannot be asked.
        first, rest = status["owner"].splitlines()
        status["owner"] = f"{first}\n{json.dumps({**json.loads(rest), 'boot': 'another', 'host': 'elsewhere'})}\n"
        status["host"] = "elsewhere"
        (out / ".flowrun/status.json").write_text(json.dumps(status))
        text = self.status(out)
        self.assertIn("on elsewhere", text)
        self.assertIn(": it is gone without a word", text)

    def test_top_follows_a_run_to_its_end(self):
        out = self.fresh()
        process = self.begun(out)
        top = start("top", out)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        printed, said = top.communicate(timeout=120)
        self.assertEqual((top.returncode, said), (0, b"" if isinstance(said, bytes) else ""))
        printed = printed.decode() if isinstance(printed, bytes) else printed
        self.assertIn(": interrupted\n", printed)
        self.assertNotIn("\x1b", printed)

    def test_parts(self):
        out = self.fresh()
        for number in (1, 2):
            self.assert_ended(flowrun(*self.arguments(out, "--part", f"{number}/2")), DONE)
        text = self.status(out)
        self.assertRegex(text, r"\A2 of 2 parts: ")  # before them, so that a terminal shows it
        for number in (1, 2):
            self.assertIn(f"part {number}/2 of slowly", text)
            self.assertEqual(told(out, f"parts/{number}-of-2")["state"], "done")
        self.assertIn("2 of 2 parts: 0 running, 0 gone, 2 ended; 3 slides ended, 0 failures", text)

    def test_there_is_none(self):
        out = self.fresh()
        out.mkdir()
        self.assert_ended(flowrun("status", out), FAILED, f"error: {out}: no run told its status there")
        (out / ".flowrun").mkdir()
        (out / ".flowrun/status.json").write_text("[1")
        self.assert_ended(flowrun("top", out), FAILED, "it is not as a run writes it")


if __name__ == "__main__":
    support.main()

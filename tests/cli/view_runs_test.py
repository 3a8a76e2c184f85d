#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `flowrun view` tells of runs while they go on is what they tell themselves, and what flowrun status says of it."""
import contextlib
import json
import time

import support
from held_run import NAMES, HeldRunTest, told
from support import DONE, FAILED, flowrun
from view_server import Server

LISTENERS = 16


class ViewRuns(HeldRunTest):
    def run_in(self, event):
        (folder,) = event["folders"]
        (group,) = folder["groups"]
        (run,) = group["runs"]
        return run

    def test_a_run_from_before_its_first_slide_to_its_end(self):
        out, process, go = self.held()
        with Server(out) as server:
            self.assertEqual(server.json("/slides.json"), [])
            with server.listening("/live/0") as (status, events):
                self.assertEqual(status, 200)
                first = next(events)
                self.assertEqual((first["first"], first["slides"], first["over"]), (0, [], False))
                run = self.run_in(first)
                self.assertEqual([node["name"] for node in run["nodes"]], ["slides", "tiles", "wait", "files"])
                self.assertEqual((run["state"], run["process"], run["failure_count"]), ("running", process.pid, 1))
                beats = run["beats"]
                while run != told(out):  # which is written anew every two seconds
                    run = self.run_in(next(events))
                    self.assertGreater(run["beats"], beats)
                    beats = run["beats"]
                go.touch()
                later = list(events)
            process.communicate(timeout=120)
            self.assertEqual(process.returncode, FAILED)
            self.assertEqual([event["over"] for event in later], [False] * (len(later) - 1) + [True])
            self.assertEqual(self.run_in(later[-1]), told(out))
            self.assertEqual(told(out)["state"], "failed")
            names = []
            for event in later:
                self.assertEqual(event["first"], len(names))
                names += event["slides"]
            self.assertEqual(sorted(names), NAMES)
            self.assertEqual(server.json("/slides.json"), names)
            for number, name in enumerate(names):
                facts = server.json(f"/slides/{number}.json")
                self.assertEqual((facts["name"], facts["layers"]), (name, ["tiles.csv"]))
                self.assertEqual(server.get(f"/slides/{number}/0/0/0.jpg")[0], 200)
            for known in (0, 2, 3, 999999999):
                with server.listening(f"/live/{known}") as (_, events):
                    (only,) = events
                self.assertEqual((only["first"], only["slides"], only["over"]), (min(known, 3), names[known:], True))

    def test_a_killed_run_is_gone(self):
        out, process, _ = self.held()
        with Server(out) as server, server.listening("/live/0") as (_, events):
            self.assertFalse(next(events)["over"])
            process.kill()
            process.communicate()
            last = list(events)[-1]
        self.assertEqual((self.run_in(last)["state"], last["over"]), ("gone", True))
        self.assertIn(": it is gone without a word", flowrun("status", out).out)

    def test_parts_are_added_up_as_flowrun_status_does(self):
        out = self.fresh()
        for number in (1, 2):
            self.assert_ended(flowrun(*self.arguments(out, "--part", f"{number}/2")), DONE)
        with Server(out) as server, server.listening("/live/3") as (_, events):
            (event,) = events
        (group,) = event["folders"][0]["groups"]
        self.assertEqual(group["runs"], [told(out, f"parts/{number}-of-2") for number in (1, 2)])
        self.assertEqual((group["count"], group["ended"], group["scopes_ended"], group["failure_count"]), (2, 2, 3, 0))
        self.assertIn(f"{len(group['runs'])} of {group['count']} parts: {group['running']} running, {group['gone']} gone, "
                      f"{group['ended']} ended; {group['scopes_ended']} slides ended", flowrun("status", out).out)

    def test_of_many_parts_those_that_matter_are_told_one_by_one(self):
        out = self.fresh()
        self.assert_ended(flowrun(*self.arguments(out, "--part", "1/1")), DONE)
        one = told(out, "parts/1-of-1")
        for number in range(1, 61):
            room = out / f".flowrun/parts/{number}-of-60"
            room.mkdir()
            state = {60: "failed", 59: "running"}.get(number, "done")  # its process has ended
            (room / "status.json").write_text(json.dumps(one | {"part": f"{number}/60", "state": state}))
        with Server(out) as server, server.listening("/live/0") as (_, events):
            (event,) = events
        _, group = event["folders"][0]["groups"]
        self.assertEqual((len(group["runs"]), group["more"], group["scopes_ended"]), (50, 10, 180))
        self.assertEqual([(run["part"], run["state"]) for run in group["runs"][:3]],
                         [("59/60", "gone"), ("60/60", "failed"), ("1/60", "done")])

    def test_listeners_are_bounded_and_one_that_leaves_makes_room(self):
        out, _, _ = self.held()
        with Server(out) as server, contextlib.ExitStack() as stack:
            for _ in range(LISTENERS):
                status, events = stack.enter_context(server.listening("/live/0"))
                self.assertEqual(status, 200)
                next(events)
            with server.listening("/live/0") as (status, _):
                self.assertEqual(status, 503)
            self.assertEqual(server.get("/slides.json")[0], 200)
            stack.close()
            self.wait_for_room(server)
            for _ in range(2 * LISTENERS):  # nobody's place stays taken
                with server.listening("/live/0") as (status, events):
                    self.assertEqual(status, 200)
                    next(events)
                self.wait_for_room(server)
        self.assertEqual((server.process.returncode, server.err), (0, b""))

    def wait_for_room(self, server):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with server.listening("/live/0") as (status, _):
                if status == 200:
                    return
            time.sleep(0.05)
        self.fail("who has left still has a place")

    def test_a_damaged_status_is_said(self):
        out = self.fresh()
        self.assert_ended(flowrun(*self.arguments(out)), DONE)
        for wrong in ("[1", "{}", json.dumps(told(out) | {"beats": "many"})):
            (out / ".flowrun/status.json").write_text(wrong)
            with Server(out) as server, server.listening("/live/3") as (_, events):
                (event,) = events
            self.assertIn("status.json: it is not as a run writes it", event["folders"][0]["problem"])
            self.assertTrue(event["over"])

    def test_slides_without_a_run(self):
        with Server(self.slides) as server, server.listening("/live/3") as (_, events):
            self.assertEqual(list(events), [{"first": 3, "slides": [], "folders": [], "over": True}])


if __name__ == "__main__":
    support.main()

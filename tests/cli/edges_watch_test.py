#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A run says what it does, and ends when it is asked to: signals, progress, traces."""
import collections
import itertools
import json
import os
import pathlib
import pty
import re
import signal
import time

import edges
import support
from edges import MIB
from support import DONE, FAILED, INTERRUPTED, settings

WAITS = ("waits for memory", "waits for its turn")


def catches(process, number):
    """The process has its handler of a signal."""
    caught = re.search(r"^SigCgt:\s*(\w+)", pathlib.Path(f"/proc/{process.pid}/status").read_text(), re.M)
    return caught and int(caught[1], 16) >> (number - 1) & 1


class EdgesWatch(edges.EdgesTest):
    def wait_until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "it never came so far")
            time.sleep(0.02)

    def events(self, trace):
        """What a trace has, by phase."""
        events = collections.defaultdict(list)
        for event in json.loads(trace.read_text()):
            events[event["ph"]].append(event)
        return events

    def test_an_end_that_is_asked_for(self):
        """Calls in work end, no other begins."""
        graph = self.copied("sigterm")
        trace = graph.parent / "trace.json"
        before = time.monotonic()
        process = self.started(graph, "--json", "--trace", trace)
        self.wait_until(lambda: catches(process, signal.SIGTERM))
        time.sleep(1.2)
        process.send_signal(signal.SIGTERM)
        signalled = time.monotonic() - before
        out, err = process.communicate(timeout=60)
        seconds = time.monotonic() - before - signalled
        self.assertEqual(process.returncode, INTERRUPTED, err)
        self.assertLess(seconds, 3)
        self.assertNotIn(b"error", err)
        summary = json.loads(out)
        self.assertEqual(summary["scope_counts"], {"interrupted": 2})
        calls = [event for event in self.events(trace)["X"] if event["cat"] == "call"]
        self.assertEqual(len(calls), next(node["out"] for node in summary["nodes"] if node["name"] == "s"))
        self.assertLess(len(calls), 10)
        self.assertLess(max(event["ts"] for event in calls), (signalled + 0.1) * 1e6)

    def test_calls_that_do_not_end(self):
        """Each is named when a run is asked, and once more when it is to end; then it can be ended at once."""
        process = self.started(self.copied("hang"))
        said = b""
        os.set_blocking(process.stderr.fileno(), False)

        def read():
            nonlocal said
            said += process.stderr.read() or b""
            return said.decode()

        def call(number):
            return re.search(rf"^  call of 's' on group g{number}, packet 3, for [\d.]+ s$", read(), re.M)

        self.wait_until(lambda: catches(process, signal.SIGUSR1))
        for _ in range(10):
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.6)
            if call(0) and call(1):
                break
        self.assertTrue(call(0) and call(1), said)
        self.assertRegex(read(), r"memory: of 64 MiB leased .*'groups' holds .* in 2 leases")
        before = read().count("under way:")
        process.send_signal(signal.SIGINT)
        self.wait_until(lambda: read().count("under way:") > before)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, INTERRUPTED)

    def test_the_time_that_is_left(self):
        """Of a run that goes on after another counts only what is still to do."""
        graph = self.copied("time_left")
        summary, _ = self.summary(graph, DONE, "--threads", 16, *settings(count=16))
        self.assertEqual(summary["scope_counts"], {"done": 16})
        terminal, end = pty.openpty()
        process = self.started(graph, *settings(count=24), stderr=end, env={"TERM": "xterm"})  # 8 groups of 0.5 s, two at a time
        os.close(end)
        said = b""
        try:
            while more := os.read(terminal, 65536):
                said += more
        except OSError:  # at its end
            os.close(terminal)
        process.communicate()
        self.assertEqual(process.returncode, DONE)
        left = [int(seconds) for seconds in re.findall(rb"(\d+) s left", said)]
        self.assertGreater(len(left), 4)
        self.assertIn(left[0], range(1, 6), said)
        self.assertLess(left[-1], 2)

    def test_a_trace(self):
        graph = self.copied("lease_before_order")
        trace = graph.parent / "trace.json"
        summary, _ = self.summary(graph, DONE, "--trace", trace)
        events = self.events(trace)
        packets = set(itertools.product(("g0", "g1"), range(200)))
        calls = collections.defaultdict(list)
        seconds = collections.Counter()
        for event in events["X"]:
            calls[event["name"], event["cat"]].append((event["args"]["scope"], event["args"]["index"]))
            seconds[event["name"]] += event["dur"] * 1e-6
            self.assertGreaterEqual(event["dur"], 0)
        once = [("g0", 0), ("g1", 0)]
        expected = {("groups", "start"): [("run", 0)], ("groups", "making"): once, ("n", "start"): once,
                    **{call: sorted(packets) for call in (("n", "making"), ("d", "call"), ("l", "call"), ("o", "call"),
                                                          ("o", "action"))}}
        self.assertEqual({call: sorted(of) for call, of in calls.items() if call[1] != "end of scope"}, expected)
        for name, node in summary["nodes"].items():
            self.assertAlmostEqual(seconds[name], node["working_seconds"], delta=0.01)
        self.assert_waits(events, summary, packets)
        leased = [event["args"]["leased"] for event in events["C"]]
        self.assertLessEqual(max(leased), summary["peak_leased_bytes"])
        self.assertGreater(max(leased), 8 * MIB)
        self.assertEqual([event["args"] for event in events["M"]], [{"name": "lease_before_order"}])

    def assert_waits(self, events, summary, packets):
        """Each wait ends; together they are as long as the summary says."""
        begun = {event["id"]: event for event in events["b"]}
        self.assertEqual(len(begun), len(events["b"]))
        self.assertEqual(sorted(begun), sorted(event["id"] for event in events["e"]))
        seconds = collections.Counter()
        for end in events["e"]:
            begin = begun[end["id"]]
            self.assertGreaterEqual(end["ts"], begin["ts"])
            self.assertEqual((begin["name"], begin["cat"], begin["args"]), (end["name"], end["cat"], end["args"]))
            seconds[end["name"], end["cat"]] += (end["ts"] - begin["ts"]) * 1e-6
            self.assertIn(end["name"], WAITS)
        order = [(event["args"]["scope"], event["args"]["index"]) for event in events["b"] if event["name"] == WAITS[1]]
        self.assertEqual(sorted(order), sorted(packets))
        for what, counted in zip(WAITS, ("waiting_for_memory_seconds", "waiting_for_order_seconds")):
            for name, node in summary["nodes"].items():
                self.assertAlmostEqual(seconds[what, name], node[counted], delta=0.05)
        self.assertGreater(seconds[WAITS[0], "l"], 0.1)
        self.assertGreater(seconds[WAITS[1], "o"], 0.1)

    def test_a_trace_that_cannot_be_written(self):
        trace = self.fresh("nowhere") / "trace.json"
        ended = self.run_graph("join3", "--trace", trace)
        self.assert_ended(ended, FAILED, f"error: cannot write the trace {trace}")
        self.assert_one_message(ended)


if __name__ == "__main__":
    support.main()

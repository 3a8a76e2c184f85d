#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plugins may make mistakes, and send their packets in any order and number: mistakes are said by name and cost their
scope alone, and neither results nor time depend on the order."""
import edges
import support
from edges import MIB
from support import DONE, FAILED, SKIPS, USAGE, settings

MANY = 200


def diamonds(count):
    """A graph with forks in a row, each joined again."""
    lines = ["flowrun: 1", "memory: 64 MiB", "nodes:", "  groups: {type: case_groups, count: 2}",
             "  j0: {type: case_numbers, from: groups, count: 5}"]
    for i in range(count):
        lines += [f"  a{i}: {{type: case_pass, from: j{i}}}", f"  b{i}: {{type: case_pass, from: j{i}}}",
                  f"  j{i + 1}: {{type: case_join2, from: {{a: a{i}, b: b{i}}}}}"]
    return "\n".join([*lines, f"  s: {{type: case_sink, from: j{count}}}", ""])


class EdgesPlugins(edges.EdgesTest):
    def test_a_node_that_ends_scopes_in_the_middle(self):
        summary, ended = self.summary("stray_scope", FAILED)
        self.assert_ended(ended, FAILED, "error: g0: n: scopes can be ended in finish() only", "error: g1: n: ")
        self.assertEqual(summary["scope_counts"], {"failed": 2})

    def test_plan_throws_what_is_no_exception(self):
        ended = self.run_graph("plan_throws")
        self.assert_ended(ended, USAGE, "plan_throws.yaml:5:3: error: node 's': plan() threw",
                          "a mistake of its plugin")
        self.assert_one_message(ended)

    def test_depends_on_throws(self):
        """The scope that it was asked for fails alone."""
        summary, ended = self.summary("depends_throws", FAILED)
        self.assert_ended(ended, FAILED, "error: g1: s: file vanished")
        self.assert_one_message(ended)
        self.assertEqual(summary["scope_counts"], {"done": 2, "failed": 1})
        self.assertEqual([(failure["scope"], failure["node"]) for failure in summary["failures"]], [("g1", "s")])

    def test_a_scope_that_cannot_be_opened_is_left_out(self):
        summary, ended = self.summary("skipped_opener", SKIPS)
        self.assert_ended(ended, SKIPS, "error: g1: groups: cannot be opened")
        self.assertEqual(summary["scope_counts"], {"done": 2, "left out": 1})
        self.assertEqual({scope["name"]: scope["status"] for scope in summary["scopes"]}["g1"], "left out")
        self.assertEqual([failure["effect"] for failure in summary["failures"]], ["left out"])

    def test_streams_of_unequal_length(self):
        for threads in (1, 4):
            summary, _ = self.summary("join3", DONE, "--threads", threads)
            self.assert_counts(summary["nodes"]["j"], **{"in": 75, "out": 25, "dropped": 50, "failed": 0})
            self.assert_counts(summary["nodes"]["o"], **{"in": 25, "out": 25, "dropped": 0, "failed": 0})

    def test_leases_that_wait_for_an_earlier_one(self):
        """Those that come first to a node cannot keep the one whose turn it is from its memory."""
        for threads in (1, 2, 4, 8):
            with self.subTest(threads=threads):
                summary, _ = self.summary("lease_before_order", DONE, "--threads", threads, limit=30)
                self.assert_counts(summary["nodes"]["o"], **{"in": 400, "dropped": 0, "failed": 0})
                self.assertLessEqual(summary["peak_leased_bytes"], summary["memory_bytes"])
                if threads >= 4:
                    self.assertGreater(summary["peak_leased_bytes"], 8 * MIB, "it measures nothing")

    def test_planning_takes_time_by_the_number_of_nodes(self):
        checked = self.measured("check", self.write(diamonds(MANY)))
        self.assert_ended(checked, DONE)
        self.assertIn(f"j{MANY}", checked.out)
        self.assertLess(checked.cpu, 20 if support.sanitized() else 2)
        summary, _ = self.summary(self.write(diamonds(20)), DONE)
        self.assert_counts(summary["nodes"]["s"], **{"in": 10})

    def test_what_is_emitted_at_the_end_takes_time_by_its_number(self):
        few, many = (self.run_graph("finish_emit", *settings(count=count, kib=0)) for count in (20_000, 80_000))
        for ended in (few, many):
            self.assert_ended(ended, DONE)
        self.assertLess(many.cpu, 8 * few.cpu)


if __name__ == "__main__":
    support.main()

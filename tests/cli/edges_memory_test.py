#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The cap on memory holds whatever a plugin may do: what is declared is leased, wherever it is used, or refused."""
import json
import shutil
import sys

import edges
import support
from edges import MIB, UNCOUNTED
from support import DONE, USAGE, settings, synth


class EdgesMemory(edges.EdgesTest):
    def assert_within(self, ended, cap):
        if support.sanitized():
            return  # which takes memory of its own
        print(f"{self.id().rpartition('.')[2]}: RSS {ended.rss / MIB:.0f} MiB, cap {cap} MiB", file=sys.stderr)
        self.assertLessEqual(ended.rss, cap * MIB + UNCOUNTED)

    def assert_capped(self, graph, cap, *arguments, **options):
        """A run that is done within its cap; its summary."""
        summary, ended = self.summary(graph, DONE, *arguments, **options)
        self.assertEqual(summary["memory_bytes"], cap * MIB)
        self.assertLessEqual(summary["peak_leased_bytes"], cap * MIB)
        self.assert_within(ended, cap)
        return summary

    def assert_capped_or_refused(self, name, cap, node):
        """A plan that cannot keep the cap names the node, and with which memory it can."""
        ended = self.run_graph(name)
        self.assert_within(ended, cap)
        if ended.code == USAGE:
            self.assert_ended(ended, USAGE, f"'{node}'", f"{name}.yaml:", "raise memory to")
        else:
            self.assert_ended(ended, DONE)

    def test_what_waits_for_its_turn(self):
        graph = self.copied("in_order_backlog")
        graph.write_text(graph.read_text().replace("slow_first: 3000", "slow_first: 1500"))
        summary = self.assert_capped(graph, 32)
        self.assertEqual(summary["nodes"]["o"]["in"], 3000)
        self.assertGreater(summary["peak_leased_bytes"], 16 * MIB, "it measures nothing")
        self.assertGreater(summary["nodes"]["o"]["waiting_for_order_seconds"], 1)

    def test_scratch_behind_a_node_that_leases_for_each_packet(self):
        self.assert_capped_or_refused("scratch_after_lease", 64, "l")
        graph = self.copied("scratch_after_lease")
        summary = self.assert_capped(graph, 500, "--memory", "500 MiB")
        self.assertEqual(summary["nodes"]["s"]["in"], 16)
        self.assertGreater(summary["peak_leased_bytes"], 150 * MIB)

    def test_what_is_emitted_at_the_end(self):
        graph = self.copied("finish_emit")
        graph.write_text(graph.read_text().replace("case_sink,", "case_sink, ms: 25, workers: 1,"))
        # Buffers that the allocator does not keep.
        summary = self.assert_capped(graph, 64, *settings(count=150, kib=5120))
        self.assertEqual(summary["nodes"]["s"]["in"], 150)
        self.assertGreater(summary["peak_leased_bytes"], 32 * MIB, "it measures nothing")

    def test_scratch_at_the_end(self):
        self.assert_capped_or_refused("finish_scratch", 256, "s")
        summary = self.assert_capped(self.copied("finish_scratch"), 900, "--memory", "900 MiB")
        self.assertEqual(summary["scope_counts"], {"done": 8})
        self.assertGreater(summary["peak_leased_bytes"], 400 * MIB)  # also of several groups at once

    def test_a_disk_that_hangs(self):
        """Tiles wait for it; they are not encoded ahead."""
        graph = self.copied("tiff_backlog")
        synth(self.root / "tiff.svs", 8000, 6000)
        shutil.copy(self.root / "tiff.svs", graph.parent / "s.svs")
        _, fast = self.summary(graph, DONE)
        shutil.rmtree(graph.parent / "out")
        _, slow = self.summary(graph, DONE, env={**self.preloaded("slow_write"), "SLOW_SUFFIX": ".tif",
                                                 "SLOW_MS": "3000"})
        self.assertGreater(slow.seconds, 3, "no write was slowed down")
        self.assert_within(slow, 160)
        if not support.sanitized():
            self.assertLess(slow.rss, fast.rss + 12 * MIB)

    def test_many_scopes(self):
        """Neither memory nor the summary grows with the cohort."""
        count = 20_000
        summary, ended = self.summary("many_scopes", DONE, *settings(count=count))
        self.assert_within(ended, 64)
        self.assertLess(len(ended.out), 200 * count)
        self.assertLess(len(ended.out), 500_000)
        self.assertEqual(summary["scope_counts"], {"done": count})
        self.assert_counts(summary["nodes"]["s"], **{"in": count})

    def test_packets_that_are_kept(self):
        """A node that keeps a packet until it is destroyed itself gives its lease back to something that is there."""
        checked = shutil.which("valgrind") and not support.sanitized()
        under = ("valgrind", "--quiet", "--error-exitcode=99") if checked else ()
        summary, _ = self.summary("keep", DONE, under=under, limit=120)
        self.assertEqual(summary["scope_counts"], {"done": 2})
        self.assertIn("kept beyond the group's end", json.dumps(summary["scopes"]))

    def test_groups_that_are_kept(self):
        """Kept packets that opened scopes don't keep further ones from being opened."""
        summary, _ = self.summary("keep_groups", DONE, limit=30)
        self.assertEqual(summary["scope_counts"], {"done": 5})
        self.assertIn("kept beyond the group's end", json.dumps(summary["scopes"]))

    def test_batches_of_pairs(self):
        """Both packets of a pair are one payload, which counts once."""
        summary = self.assert_capped("batch_of_pairs", 64)
        self.assert_counts(summary["nodes"]["g"], **{"in": 80})


if __name__ == "__main__":
    support.main()

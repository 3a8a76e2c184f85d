#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is written is whole, by one node and one scope, whatever the file system does; what cannot be is said."""
import collections
import json
import os
import re
import shutil
import subprocess
import unittest

import edges
import support
from edges import MIB
from support import DONE, FAILED, SKIPS, outputs, settings, synth

TOOLS = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}


class EdgesOutput(edges.EdgesTest):
    def lines(self, out):
        """Status by scope, of the file that has a line for each."""
        rows = [json.loads(line) for line in (out / ".flowrun/scopes.jsonl").read_text().splitlines()]
        self.assertEqual({row["kind"] for row in rows}, {"group"})
        return [(row["name"], row["status"]) for row in rows]

    def test_two_nodes_that_write_one_table(self):
        graph = self.copied("two_saves")
        synth(graph.parent / "s.svs", 2000, 1500)
        ended = self.run_graph(graph)
        self.assert_ended(ended, FAILED, "s: ", "'files'", "'dropped'", graph.parent / "out", "another `dir`")
        self.assert_one_message(ended)
        self.assertEqual(outputs(graph.parent / "out"), {})
        self.assert_nothing_left(graph.parent / "out")

    def test_one_folder_by_two_spellings(self):
        graph = self.copied("one_folder_twice")
        summary, _ = self.summary(graph, DONE)
        self.assertEqual(summary["output_folders"], [str(graph.parent / "out")])
        self.assertEqual(set(outputs(graph.parent / "out")), {"g0.a", "g0.b", "g1.a", "g1.b"})
        self.assertEqual((graph.parent / "out/g1.b").read_text(), "7\n")

    def test_a_lock_that_is_a_link(self):
        graph = self.copied("one_folder_twice")
        precious = graph.parent / "precious"
        lock = graph.parent / "out/.flowrun/locks/whole.0"
        lock.parent.mkdir(parents=True)
        for make in (lambda: lock.symlink_to(precious), lambda: os.mkfifo(lock)):
            precious.write_text("keep")
            make()
            self.assert_ended(self.run_graph(graph), FAILED, lock, "remove it")
            self.assertEqual(precious.read_text(), "keep")
            lock.unlink()
        self.assert_ended(self.run_graph(graph), DONE)

    @unittest.skipIf("LD_PRELOAD" in os.environ, "something is preloaded already")
    def test_a_file_system_without_flock(self):
        if support.sanitized():
            self.skipTest("a sanitizer wants to be the first library")
        graph = self.copied("no_flock")
        self.assert_ended(self.run_graph(graph, env=self.preloaded("no_flock")), DONE)

    def test_doctor(self):
        """It does in the folder what a run does, and leaves nothing; a folder that is to be made is judged, too."""
        out = self.fresh("examined")
        out.mkdir()
        for folder in (out, out / "of/next/run"):
            ended = self.measured("doctor", folder)
            self.assert_ended(ended, DONE)
            self.assertRegex(ended.out, rf"(ok     |warning)  outputs in {folder}: file system \w+, .* free; files can")
            self.assertEqual(list(out.iterdir()), [])
        self.assertIn(f"'threads' is {len(os.sched_getaffinity(0))} by default", ended.out)
        self.assert_ended(self.measured("doctor", "/proc/out"), FAILED)
        self.assert_ended(self.measured("doctor", out, "--plugin-dir", self.refused_plugins()), FAILED)
        if not support.sanitized():
            self.assert_ended(self.measured("doctor", out, env=self.preloaded("no_flock")), DONE)
            self.assertEqual(list(out.iterdir()), [])

    def refused_plugins(self):
        folder = self.fresh("refused")
        folder.mkdir()
        (folder / "broken.so").write_text("no library")
        return folder

    def test_an_output_that_cannot_be_looked_at(self):
        graph = self.copied("unreadable_output")
        out = graph.parent / "out"
        self.assert_ended(self.run_graph(graph), DONE)
        usual = outputs(out)
        (out / "g2.txt").unlink()
        (out / "g2.txt").symlink_to("g2.txt")
        summary, _ = self.summary(graph, DONE)
        self.assertEqual(summary["scope_counts"], {"done": 1, "done before": 4})
        self.assert_same(outputs(out), usual)
        self.assertFalse((out / "g2.txt").is_symlink())
        self.assertEqual(sorted(self.lines(out)), [(f"g{i}", "done" if i == 2 else "done before") for i in range(5)])

    def test_a_name_that_is_given_twice(self):
        graph = self.copied("same_names")
        summary, ended = self.summary(graph, FAILED)
        self.assert_ended(ended, FAILED, "g: groups: another group is called 'g' already")
        self.assertEqual(ended.err.count("error: "), 3)
        self.assertEqual(summary["scope_counts"], {"done": 1, "failed": 3})
        self.assertEqual((graph.parent / "out/g.txt").read_text(), "5\n")
        self.assertEqual(sorted(self.lines(graph.parent / "out")), [("g", "done")] + 3 * [("g", "failed")])

    def test_names_that_are_too_long(self):
        """They are refused before any work, with the length that fits."""
        graph = self.copied("long_names")
        out = graph.parent / "out"
        summary, ended = self.summary(graph, FAILED, *settings(prefix="s" * 250))
        self.assert_ended(ended, FAILED, "groups: the name", "is too long", out)
        self.assertEqual(summary["scope_counts"], {"failed": 4})
        self.assert_counts(summary["nodes"]["n"], **{"in": 0, "out": 0})
        self.assertEqual(outputs(out), {})
        longest = int(re.search(r"at most (\d+) fit", ended.err)[1]) - len("groups.")
        summary, _ = self.summary(graph, DONE, *settings(prefix="s" * (longest - 1)))
        self.assertEqual(len(outputs(out)), 4)
        summary, _ = self.summary(graph, FAILED, *settings(prefix="s" * longest))

    def test_odd_names(self):
        graph = self.copied("long_names")
        prefix = 'ä "b" \\'
        summary, _ = self.summary(graph, DONE, *settings(prefix=prefix))
        self.assertEqual(sorted(self.lines(graph.parent / "out")), [(f"{prefix}{i}", "done") for i in range(4)])

    def test_each_scope_is_a_line(self):
        """Of a summary that lists some of them."""
        graph = self.copied("no_flock")
        graph.write_text(graph.read_text().replace("count: 2", "count: 500"))
        out = graph.parent / "out"
        ended = self.run_graph(graph)
        self.assert_ended(ended, DONE)
        self.assertEqual(len(re.findall("^group g", ended.out, re.M)), 200)
        self.assertIn(f"and 300 more scopes; each is a line of {out}/.flowrun/scopes.jsonl\n", ended.out)
        self.assertEqual(set(self.lines(out)), {(f"g{i}", "done") for i in range(500)})
        (out / "g7.txt").unlink()
        summary, _ = self.summary(graph, DONE)
        self.assertEqual(len(summary["scopes"]), 200)
        self.assertEqual(collections.Counter(status for _, status in self.lines(out)), summary["scope_counts"])
        self.assertEqual(summary["scope_counts"], {"done": 1, "done before": 499})

    def test_many_failures(self):
        """Standard error has each; the summary lists some, and does not say that scopes.jsonl had them."""
        graph = self.copied("no_flock")
        text = graph.read_text().replace("count: 5", "count: 150")
        graph.write_text(text + "  f: {type: case_fail, from: n, on_error: skip}\n")
        ended = self.run_graph(graph)
        self.assert_ended(ended, SKIPS)
        self.assertEqual(ended.err.count("no good, number"), 300)
        self.assertEqual(ended.out.count("no good, number"), 200)
        self.assertIn("\nand 100 more failures\n", ended.out)

    def mounted(self, image, where, call):
        done = subprocess.run(["mount", "-o", "loop", image, where], capture_output=True, text=True, env=TOOLS)
        if done.returncode:
            self.skipTest(f"mount: {done.stderr.strip()}")
        try:
            return call()
        finally:
            subprocess.run(["umount", where], check=True, env=TOOLS)

    def test_loss_of_power(self):
        """What the journal calls done when a run has ended is on the disk."""
        if os.geteuid() or not shutil.which("mkfs.ext4", path=TOOLS["PATH"]):
            self.skipTest("needs root and mkfs.ext4")
        graph = self.copied("power_loss")
        synth(graph.parent / "s.svs", 2000, 1500)
        disk, later, mount = (graph.parent / name for name in ("disk", "later", "mnt"))
        with open(disk, "wb") as file:
            file.truncate(64 * MIB)
        mount.mkdir()
        subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True, env=TOOLS)

        def first():
            self.assert_ended(self.run_graph(graph), DONE)
            shutil.copy(disk, later)  # as it is when the power goes now
            return outputs(mount / "out")

        def second():
            found = outputs(mount / "out")
            summary, _ = self.summary(graph, DONE)
            return found, summary["scope_counts"]

        made = self.mounted(disk, mount, first)
        self.assertGreater(len(made), 5)
        found, counts = self.mounted(later, mount, second)
        self.assert_same(found, made)
        self.assertEqual(counts, {"done before": 1})


if __name__ == "__main__":
    support.main()

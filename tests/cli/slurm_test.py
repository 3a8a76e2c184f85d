#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""flowrun submit: its scripts, and on a Slurm of three nodes what becomes of a run whose jobs are killed."""
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import unittest

import slurm
import support
from support import DONE, FAILED, USAGE, done_scopes, flowrun, outputs, synth

COHORT = support.SOURCE / "graphs/cohort.yaml"
BOXES = """\
flowrun: 1
memory: 64 MiB
params: {microseconds: 0, out: out}
nodes:
  boxes: {type: boxes, count: 12}
  items: {type: unpack, from: boxes, count: 3}
  files: {type: write, from: items, dir: "${out}", microseconds: "${microseconds}"}
"""
# Blanks, and what shells and Slurm read otherwise than as it stands.
AWKWARD = """it's "100%" $out #1"""


class Submitting(support.ProgramTest):
    def submit(self, graph, out, *more, variables=None, folder=None, **values):
        return flowrun("submit", graph, "--plugin-dir", support.test_plugins(), *support.settings(out=out, **values),
                       *more, variables=variables, folder=folder)


class Scripts(Submitting):
    def scripts(self, *more, **values):
        ended = self.submit(self.write(BOXES), self.fresh(AWKWARD), "--dry-run", *more, **values)
        self.assert_ended(ended, DONE)
        self.assertEqual(subprocess.run(["bash", "-n"], input=ended.out.encode(), capture_output=True).stderr, b"")
        parts, gather = re.split(r"\n(?=#!/bin/bash)", ended.out)
        return parts, gather

    def options(self, script):
        """By name, as Slurm reads the lines."""
        lines = [line for line in script.splitlines() if line.startswith("#SBATCH ")]
        words = [word for line in lines for word in shlex.split(line[len("#SBATCH "):])]
        return dict((word + "=").split("=", 1) for word in words)

    def test_what_jobs_ask_for(self):
        parts, gather = self.scripts("--jobs", 16, "--cpus-per-task", 8, "--time", "1:00:00", "--partition", "long",
                                     "--gres", "gpu:1", "--", "--account=a b", "--exclusive")
        for script in (parts, gather):
            options = self.options(script)
            for name, value in (("cpus-per-task", "8"), ("time", "1:00:00"), ("partition", "long"), ("gres", "gpu:1"),
                                ("account", "a b"), ("exclusive", ""), ("requeue", ""), ("signal", "B:USR2@120")):
                self.assertEqual(options[f"--{name}"], value + "=" if value else "", name)
            # Three quarters of it are the graph's 64 MiB.
            self.assertEqual(options["--mem"], "86M=")
            self.assertIn(f"--threads 8 --memory {64 << 20} ", script)
        self.assertEqual(self.options(parts)["--array"], "1-16=")
        self.assertIn('--part "$SLURM_ARRAY_TASK_ID/16"', parts)
        self.assertNotIn("--array", self.options(gather))
        self.assertNotIn("--part ", gather)

    def test_memory_of_a_job(self):
        parts, _ = self.scripts("--jobs", 2, "--mem", "1 GiB", "--memory", "100 MiB")
        self.assertEqual(self.options(parts)["--mem"], "1024M=")
        self.assertIn(f"--memory {100 << 20} ", parts)
        ended = self.submit(self.write(BOXES), self.fresh(), "--dry-run", "--jobs", 2, "--mem", "50 MiB")
        self.assert_ended(ended, USAGE, "50 MiB")

    def test_a_dry_run_touches_nothing(self):
        out = self.fresh()
        self.assert_ended(self.submit(self.write(BOXES), out, "--jobs", 2, "--dry-run", variables={"PATH": ""}), DONE)
        self.assertFalse(out.exists())

    def test_no_sbatch(self):
        ended = self.submit(self.write(BOXES), self.fresh(), "--jobs", 2, variables={"PATH": str(self.root)})
        self.assert_ended(ended, FAILED, "sbatch is not in PATH", "--dry-run")
        self.assert_one_message(ended)

    def test_sbatch_that_refuses(self):
        """The second time: then the parts are submitted already, and that is said."""
        folder = self.fresh("bin")
        folder.mkdir()
        program = folder / "sbatch"
        program.write_text('#!/bin/sh\ncase "$*" in *dependency*) echo no more >&2; exit 1;; esac\necho "12;east"\n')
        program.chmod(0o755)
        ended = self.submit(self.write(BOXES), self.fresh(), "--jobs", 2,
                            variables={"PATH": f"{folder}:{os.environ['PATH']}"})
        self.assert_ended(ended, FAILED, "no more", "did not take", "gather.sh", "scancel 12", "afterany:12")
        self.assertIn("12: 2 parts", ended.out)
        self.assert_one_message(ended)

    def test_wrong_calls(self):
        graph, out = self.write(BOXES), self.fresh()
        for more, said in ((["--jobs", 0], "--jobs"), ([], "--jobs"), (["--jobs", 2, "--engine", "pbs"], "--engine"),
                           (["--jobs", 2, "--mem", "much"], "expected a size"),
                           (["--jobs", 2, "--set", "nothing=1"], "nothing"),
                           (["--jobs", 2, "--time", "1\n2"], "control characters"),
                           (["--jobs", 2, "no-option"], "no-option")):
            ended = self.submit(graph, out, *more)
            self.assert_ended(ended, USAGE, said)
        self.assertFalse(out.exists())


class OnSlurm(Submitting):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        reason = slurm.reason_to_skip()
        if reason:
            super().tearDownClass()
            cls.skip(reason)
        cls.slurm = slurm.Slurm(cls.root / "slurm")
        try:
            cls.slurm.begin_all()
        except AssertionError as problem:  # containers without a host's name, machines without memory
            cls.tearDownClass()
            cls.skip(f"Slurm does not start here: {problem}")
        except BaseException:
            cls.tearDownClass()
            raise

    @staticmethod
    def skip(reason):
        print(f"jobs on a Slurm skipped: {reason}", file=sys.stderr)
        raise unittest.SkipTest(reason)

    @classmethod
    def tearDownClass(cls):
        cls.slurm.stop(cls.root)
        super().tearDownClass()

    def jobs(self, graph, out, count, *more, **values):
        """Submits; the numbers of the array and of the job that gathers."""
        ended = self.submit(graph, out, "--jobs", count, *more, variables=self.slurm.variables, **values)
        self.assert_ended(ended, DONE)
        parts, gather = re.findall(r"^(\d+): ", ended.out, re.M)
        return parts, gather

    def logs(self, out):
        return "\n".join(f"{path.name}: {path.read_text()}" for path in out.rglob(".flowrun/slurm/*.log"))

    def assert_gathered(self, gather, out, seconds=120):
        self.slurm.wait_until(lambda: self.slurm.job(gather)["JobState"] not in
                              ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING"), f"the end of job {gather}", seconds)
        job = self.slurm.job(gather)
        self.assertEqual((job["JobState"], job["ExitCode"]), ("COMPLETED", "0:0"), self.logs(out))

    def process_of_part(self, out, part):
        """Of flowrun itself, not of the script that began it."""
        found = []
        self.slurm.wait_until(lambda: found.extend(self.slurm.processes(support.program(), out, f"--part\0{part}\0"))
                              or found, f"the process of part {part}")
        return found[0]

    def wait_for_a_box(self, out):
        self.slurm.wait_until(lambda: done_scopes(out, "boxes"), "a box that is done")

    def whole(self, graph, **values):
        out = self.fresh()
        self.assert_ended(flowrun("run", graph, "--plugin-dir", support.test_plugins(), "--quiet",
                                  *support.settings(out=out, **values)), DONE)
        return outputs(out)

    def test_a_cohort(self):
        slides = self.fresh(AWKWARD)
        for number in range(6):
            synth(slides / f"s{number}.svs", 900 + 200 * number, 1300, seed=number)
        values = {"slides": slides, "annotations": "none/{slide}.xml"}
        out = self.fresh(AWKWARD)
        _, gather = self.jobs(COHORT, out, 3, **values)
        self.assert_gathered(gather, out / "tiles")
        self.assert_same(outputs(out), self.whole(COHORT, **values))
        summary = json.loads((out / "tiles/.flowrun/summary.json").read_text())
        self.assertEqual(summary["scope_counts"], {"done before": 6})

    def test_a_killed_part(self):
        graph, out = self.write(BOXES), self.fresh()
        _, gather = self.jobs(graph, out, 3, microseconds=100000)
        self.wait_for_a_box(out)
        os.kill(self.process_of_part(out, "2/3"), signal.SIGKILL)
        self.assert_gathered(gather, out)
        self.assert_same(outputs(out), self.whole(graph))

    def test_the_time_limit(self):
        """Shortly before it Slurm sends the script SIGUSR2, as here. Who goes on, the part or the job
        that gathers, depends on when Slurm looks at the dependency."""
        graph, out = self.write(BOXES), self.fresh()
        parts, gather = self.jobs(graph, out, 1, microseconds=300000)
        self.wait_for_a_box(out)
        self.slurm.asked("scancel", "--batch", "--signal=USR2", f"{parts}_1", check=True)
        self.slurm.begin_now(f"{parts}_1")
        before = done_scopes(out, "boxes")
        self.assertLess(len(before), 12)
        self.assert_gathered(gather, out)
        self.assert_same(outputs(out), self.whole(graph))
        self.assertIn("asked to start the job again", self.logs(out))

    def test_a_time_limit_that_is_too_short(self):
        """A part that gets nowhere within it is not begun again and again."""
        graph, out = self.write(BOXES), self.fresh()
        parts, gather = self.jobs(graph, out, 1, microseconds=3000000)
        self.process_of_part(out, "1/1")
        self.slurm.wait_until(lambda: (out / ".flowrun/parts/1-of-1").exists(), "the part's room")
        self.slurm.asked("scancel", "--batch", "--signal=USR2", f"{parts}_1", check=True)
        self.slurm.wait_until(lambda: self.slurm.job(f"{parts}_1")["JobState"] == "FAILED", "the end of the part")
        self.assertIn("nothing became whole", self.logs(out))
        self.slurm.asked("scancel", gather, check=True)

    def test_a_dead_node(self):
        graph, out = self.write(BOXES), self.fresh()
        parts, gather = self.jobs(graph, out, 3, microseconds=300000)
        self.wait_for_a_box(out)
        node = self.slurm.job(f"{parts}_3")["NodeList"]
        here = [part for part in (1, 2, 3) if self.slurm.job(f"{parts}_{part}").get("NodeList") == node]
        self.slurm.kill_node(node, *(self.process_of_part(out, f"{part}/3") for part in here))
        self.slurm.bring_back(node)
        for part in here:
            self.slurm.begin_now(f"{parts}_{part}")
        self.assert_gathered(gather, out)
        self.assert_same(outputs(out), self.whole(graph))


if __name__ == "__main__":
    support.main()

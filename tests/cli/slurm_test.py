#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""flowrun submit: its scripts, and on a Slurm of three nodes what becomes of a run whose jobs are killed."""
import json
import os
import pty
import random
import re
import shlex
import shutil
import signal
import subprocess
import time
import unittest

import slurm
import support
from support import DONE, FAILED, INTERRUPTED, USAGE, done_scopes, flowrun, outputs, start, synth

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


SEED = int(os.environ.get("FLOWRUN_SEED", "1"))


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
        self.assertIn("parts=16 retries=0\n", gather)
        self.assertIn("parts=16 retries=2\n", self.scripts("--jobs", 16, "--retries", 2)[1])

    def test_a_gpu(self):
        """The node's own word decides, as the machine on which it is submitted may have none, or one."""
        for device, more, gres in (("cuda:1", [], "gpu:1="), ("fake:0", [], None),
                                   ("cuda", ["--gres", "gpu:a100:2"], "gpu:a100:2="), ("cuda", ["--", "--gpus=1"], None),
                                   ("cuda", ["--", "-G1"], None)):
            graph = self.write(BOXES + f"  model: {{type: on_device, from: items, device: '{device}'}}\n")
            ended = self.submit(graph, self.fresh(), "--dry-run", "--jobs", 2, *more)
            self.assert_ended(ended, DONE)
            for script in re.split(r"\n(?=#!/bin/bash)", ended.out):
                self.assertEqual(self.options(script).get("--gres"), gres, device)

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

    def gathered(self, code, queues, begins=False):
        """The exit code of gather.sh where a part ended with this code, and the queue is asked again and again; what was
        asked of Slurm; whether anything was gathered. `begins`: while the queue is asked, the part begins anew."""
        out, programs = self.fresh(AWKWARD), self.fresh("bin")
        programs.mkdir()
        takes_away = f"rm -f {shlex.quote(str(out / '.flowrun/slurm/part-1-of-2.code'))}; " if begins else ""
        for name, does in (("squeue", takes_away + f'cd "{programs}"; echo >> asked; sed -n "$(wc -l < asked)p" queues'),
                           ("scontrol", f'echo "$@" >> "{programs}/control"'), ("sleep", "")):
            (programs / name).write_text(f"#!/bin/sh\n{does}\n")
            (programs / name).chmod(0o755)
        (programs / "queues").write_text("".join(f"{queue}\n" for queue in queues))
        ended = self.submit(self.write(BOXES), out, "--jobs", 2, "--dry-run")
        script = re.split(r"\n(?=#!/bin/bash)", ended.out)[1]
        folder = out / ".flowrun/slurm"
        folder.mkdir(parents=True)
        (folder / "part-1-of-2.code").write_text(f"{code}\n")
        (folder / "part-2-of-2.code").write_text("0\n")
        done = subprocess.run(["bash", "-c", script, "gather.sh", "7"], capture_output=True, text=True, env={
            **support.environment(), "PATH": f"{programs}:{os.environ['PATH']}", "SLURM_JOB_ID": "9", "SLURM_JOB_USER": "x"})
        control = programs / "control"
        return done.returncode, control.read_text().splitlines() if control.exists() else [], bool(outputs(out))

    def test_a_part_that_goes_on_may_be_in_no_queue_for_a_moment(self):
        for code in ("again", 130):
            with self.subTest(code):
                self.assertEqual(self.gathered(code, ["", "8", "7"]), (1, ["requeue 9", "update jobid=9 dependency=afterany:7"], False))

    def test_a_part_may_begin_while_the_queue_is_asked(self):
        """Which does not have it yet, and then it has left no word any more."""
        self.assertEqual(self.gathered("again", ["8", "7"], begins=True), (1, ["requeue 9", "update jobid=9 dependency=afterany:7"], False))

    def test_a_part_that_never_comes_again_is_not_waited_for(self):
        self.assertEqual(self.gathered("again", ["8"]), (0, [], True))
        self.assertEqual(self.gathered(0, ["8", "7"]), (0, [], True))

    def test_wrong_calls(self):
        graph, out = self.write(BOXES), self.fresh()
        for more, said in ((["--jobs", 0], "--jobs"), ([], "--jobs"), (["--jobs", 2, "--engine", "pbs"], "--engine"),
                           (["--jobs", 2, "--mem", "much"], "expected a size"),
                           (["--jobs", 2, "--set", "nothing=1"], "nothing"),
                           (["--jobs", 2, "--time", "1\n2"], "control characters"),
                           (["--jobs", 2, "no-option"], "no-option"), (["--jobs", 2, "--retries", -1], "--retries"),
                           (["--jobs", 2, "--wait", "--dry-run"], "--dry-run")):
            ended = self.submit(graph, out, *more)
            self.assert_ended(ended, USAGE, said)
        self.assertFalse(out.exists())


class WithSlurm(slurm.SlurmTest, Submitting):
    def jobs(self, graph, out, count, *more, **values):
        """Submits; the numbers of the array and of the job that gathers."""
        ended = self.submit(graph, out, "--jobs", count, *more, variables=self.slurm.variables, **values)
        self.assert_ended(ended, DONE)
        parts, gather = re.findall(r"^(\d+): ", ended.out, re.M)
        return parts, gather

    def logs(self, out):
        folders = [out, *(path for path in out.iterdir() if path.is_dir())]
        return "\n".join(f"{path.name}: {path.read_text()}" for folder in folders for path in folder.glob(".flowrun/slurm/*.log"))

    def assert_gathered(self, gather, out, before=None, seconds=300):
        """`before`: so many scopes were done by parts, and it did none of them."""
        self.slurm.wait_until(lambda: self.has_ended(gather), f"the end of job {gather}", seconds)
        job = self.slurm.job(gather)
        self.assertEqual((job["JobState"], job["ExitCode"]), ("COMPLETED", "0:0"), self.logs(out))
        if before:
            summary = json.loads((out / ".flowrun/summary.json").read_text())
            self.assertEqual(summary["scope_counts"], {"done before": before}, self.logs(out))

    def has_ended(self, job):
        """Lets what waits because it was started again start soon."""
        if self.slurm.is_held_back(job):
            self.slurm.begin_soon(job)
        return self.slurm.job(job)["JobState"] not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING")

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


class OnSlurm(WithSlurm):
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
        self.assertNotIn("once more", self.logs(out))
        self.assert_same(outputs(out), self.whole(graph))

    def test_the_time_limit(self):
        """Shortly before it Slurm sends the script SIGUSR2, as here."""
        graph, out = self.write(BOXES), self.fresh()
        parts, gather = self.jobs(graph, out, 1, microseconds=300000)
        self.wait_for_a_box(out)
        self.slurm.asked("scancel", "--batch", "--signal=USR2", f"{parts}_1", check=True)
        self.slurm.begin_now(f"{parts}_1")
        self.assertLess(len(done_scopes(out, "boxes")), 12)
        self.assert_gathered(gather, out, before=12)
        self.assert_same(outputs(out), self.whole(graph))
        self.assertIn("asked to start the job again", self.logs(out))

    def test_who_gathers_too_early_comes_again(self):
        """Slurm may take parts that it starts again for ended. Who waits for what is gathered still does."""
        graph, out = self.write(BOXES), self.fresh()
        _, gather = self.jobs(graph, out, 2, microseconds=300000)
        after = self.slurm.asked("sbatch", "--parsable", f"--dependency=afterok:{gather}", "--output=/dev/null", "--mem=10M",
                                 "--wrap", f"test -e {out}/box11.txt", check=True).strip()
        self.wait_for_a_box(out)
        self.slurm.asked("scontrol", "update", f"jobid={gather}", "dependency=", check=True)
        self.slurm.wait_until(lambda: self.slurm.job(gather)["Dependency"] != "(null)", "the dependency")
        self.assertLess(len(done_scopes(out, "boxes")), 12)
        self.assert_gathered(gather, out, before=12)
        self.assert_same(outputs(out), self.whole(graph))
        self.assertIn("parts wait or run", self.logs(out))
        self.slurm.wait_until(lambda: self.has_ended(after), f"the end of job {after}")
        self.assertEqual(self.slurm.job(after)["JobState"], "COMPLETED")

    def test_retries(self):
        """A part that is killed, once more when it is tried again, is done by the second retry."""
        graph, out = self.write(BOXES), self.fresh()
        _, gather = self.jobs(graph, out, 3, "--retries", 2, microseconds=100000)
        self.wait_for_a_box(out)
        os.kill(self.process_of_part(out, "2/3"), signal.SIGKILL)
        self.slurm.wait_until(lambda: "retry 1 of 2" in self.logs(out), "the first retry")
        os.kill(self.process_of_part(out, "2/3"), signal.SIGKILL)
        self.assert_gathered(gather, out, before=12)
        self.assert_same(outputs(out), self.whole(graph))
        for number in (1, 2):
            self.assertRegex(self.logs(out), rf"(?m)\b\d+ retry {number} of 2: part 2$")

    def test_too_little_memory(self):
        """The parts take more than they may, and no more than half as much again."""
        graph = self.write(BOXES.replace("64 MiB", "110 MiB").replace("count: 3", "count: 2, bytes: 104857600"))
        out = self.fresh()
        _, gather = self.jobs(graph, out, 2, "--", "--mem=120M", microseconds=700000)
        self.assert_gathered(gather, out, before=12)
        self.assert_same(outputs(out), self.whole(graph))
        self.assertRegex(self.logs(out), r"(?m)\b\d+ once more with 180M of memory: part 1,2$")

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
        self.assert_gathered(gather, out, before=12)
        self.assert_same(outputs(out), self.whole(graph))

    def waiting(self, graph, out, count, *more, **values):
        """A submission that waits, and its jobs."""
        process = start("submit", graph, "--plugin-dir", support.test_plugins(), *support.settings(out=out, **values),
                        "--jobs", count, "--wait", *more, variables=self.slurm.variables)
        parts, gather = (re.match(rb"(\d+): ", process.stdout.readline())[1].decode() for _ in range(2))
        return process, parts, gather

    def test_waiting(self):
        """Its exit code is that of the run that gathers, which here must leave a box undone."""
        out = self.fresh()
        process, _, gather = self.waiting(self.write(BOXES.replace("count: 12", "count: 12, fail_at: 5")), out, 3,
                                          "--retries", 1, microseconds=300000)
        self.slurm.wait_until(lambda: self.has_ended(gather), f"the end of job {gather}", 300)
        _, said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, FAILED, said)
        self.assertRegex(said, rb"(?m)^3 of 3 parts: \d running, 0 gone, \d ended; \d+ box(?:es)? ended, ")
        self.assertRegex(said, rb"(?m)^\d+ retry 1 of 1: part [123]$")

    def test_waiting_that_is_interrupted(self):
        """Without a terminal nobody can be asked, and the jobs go on."""
        graph, out = self.write(BOXES), self.fresh()
        process, parts, gather = self.waiting(graph, out, 2, microseconds=100000)
        self.wait_for_a_box(out)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED, said)
        self.assertIn(f"the jobs go on; to end them: scancel {parts} {gather}\n".encode(), said)
        self.assert_gathered(gather, out, before=12)

    def test_waiting_at_a_terminal(self):
        for answer, ended in ((b"n", "COMPLETED"), (b"y", "CANCELLED")):
            graph, out = self.write(BOXES), self.fresh()
            pid, terminal = pty.fork()
            if pid == 0:
                os.execvpe(support.program(), support.command(
                    "submit", graph, "--plugin-dir", support.test_plugins(),
                    *support.settings(out=out, microseconds=200000), "--jobs", 2, "--wait"),
                    support.environment(self.slurm.variables))
            said = b""

            def read_until(text):
                nonlocal said
                while text not in said:
                    said += os.read(terminal, 4096)

            read_until(b" running, ")
            os.write(terminal, b"\x03")
            read_until(b"? [y/N] ")
            os.write(terminal, answer + b"\n")
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), INTERRUPTED, said)
            os.close(terminal)
            parts, gather = re.findall(rb"(?m)^(\d+): ", said)
            self.slurm.wait_until(lambda: self.has_ended(gather.decode()), f"the end of job {gather}", 300)
            self.assertEqual(self.slurm.job(gather.decode())["JobState"], ended, said)


class Faults(WithSlurm):
    """Whatever happens to jobs, in the end each slide is done, once, and all is as one machine makes it."""
    RUNS = 30
    FAULTS = ("a dead node", "a killed process", "too little memory", "the time limit")

    @classmethod
    def setUpClass(cls):
        if not support.LONG:
            raise unittest.SkipTest("it takes many minutes")
        super().setUpClass()

    def setUp(self):
        self.values = {"slides": self.root / "slides", "annotations": "none/{slide}.xml", "mpp": 0.5}
        self.random = random.Random(SEED)

    def watch(self, out, seen):
        """No slide that is done is done again."""
        for path in (out / "tiles/.flowrun/done").glob("*.json"):
            entry = support.journal_file(path)
            self.assertEqual(seen.setdefault(path.name, entry["publication"]), entry["publication"], path.name)

    def peak(self, out):
        """KiB that a run takes at most."""
        with open(os.devnull, "w") as nowhere:
            process = subprocess.Popen(support.command("run", COHORT, "--threads", 1, *support.settings(out=out, **self.values)),
                                       stdout=nowhere, env=support.environment())
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, DONE)
        return usage.ru_maxrss

    def strike(self, fault, out, parts):
        """Whether there was something to hit."""
        if fault == "a dead node":
            node = self.random.choice(slurm.NODES)
            self.slurm.kill_node(node, *self.slurm.processes_on(node))
            self.slurm.bring_back(node)
            return True
        if fault == "the time limit":
            running = re.findall(r" ArrayTaskId=(\d+) .*JobState=RUNNING ",
                                 self.slurm.asked("scontrol", "show", "job", "-o", parts))
            if running:
                self.slurm.asked("scancel", "--batch", "--signal=USR2", f"{parts}_{self.random.choice(running)}")
            return bool(running)
        running = self.slurm.processes(support.program(), out)
        if running:
            try:
                os.kill(self.random.choice(running), signal.SIGKILL)
            except ProcessLookupError:
                return False
        return bool(running)

    def run_with(self, fault, moment):
        """The output folder, what became of the gathering job, and whether the fault hit."""
        out, seen = self.fresh(), {}
        more = ["--", f"--mem={self.little}K"] if fault == "too little memory" else []
        struck = fault in ("none", "too little memory")
        for _ in range(3):
            began = time.monotonic()
            parts, gather = self.jobs(COHORT, out, 7, "--retries", 1, *more, **self.values)
            while not self.has_ended(gather):
                self.slurm.begin_all_now()
                self.watch(out, seen)
                if not struck and time.monotonic() - began > moment:
                    struck = self.strike(fault, out, parts)
                self.assertLess(time.monotonic() - began, 900, self.logs(out))
                time.sleep(0.2)
            self.watch(out, seen)
            if self.slurm.job(gather)["JobState"] == "COMPLETED":
                if fault == "too little memory":
                    struck = "memory" in self.logs(out)
                return out, struck, time.monotonic() - began
            # What its user would do, too.
            print(f"{fault}: job {gather} ended as {self.slurm.job(gather)['JobState']}; submitted again", flush=True)
        raise AssertionError(self.logs(out))

    def test_faults(self):
        print(f"seed {SEED}", flush=True)
        for number in range(40):
            synth(self.root / f"slides/s{number:02}.svs", 900 + 40 * (number % 9), 1300, seed=number)
        whole = self.whole(COHORT, **self.values)
        # More than a run takes that finds all done, less than one that does slides.
        out = self.fresh()
        self.little = sum(self.peak(out) for _ in range(2)) // 2
        _, _, seconds = self.run_with("none", 0)
        right = hits = 0
        for number in range(self.RUNS):
            fault = self.FAULTS[number % len(self.FAULTS)]
            moment = self.random.uniform(0, seconds)
            with self.subTest(number=number, fault=fault, moment=moment):
                out, struck, _ = self.run_with(fault, moment)
                self.assert_same(outputs(out), whole)
                for folder in ("tiles", "dropped", "trident", "qupath", "masks"):
                    self.assertEqual(len(done_scopes(out / folder)), 40)
                    self.assert_nothing_left(out / folder)
                right += 1
                hits += struck
                shutil.rmtree(out)
                print(f"{number}: {fault} at {moment:.1f} s of {seconds:.1f}: right", flush=True)
        print(f"{right} of {self.RUNS} right, {hits} faults hit", flush=True)
        self.assertEqual(right, self.RUNS)
        self.assertGreater(hits, self.RUNS * 3 // 4)


if __name__ == "__main__":
    support.main()

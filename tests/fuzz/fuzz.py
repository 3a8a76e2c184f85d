#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs all fuzz targets that were built with libFuzzer, one after the other, each for its share of a number of runs:

  cmake --preset fuzz && cmake --build --preset fuzz
  tests/fuzz/fuzz.py --build build/fuzz --runs 1000000

What they find lies in BUILD/fuzz/NAME/: inputs that got to new places in corpus/, those that crashed, took 10 seconds
or more memory than is theirs as crash-*, timeout-*, oom-*, leak-*. The exit code is 1 when there are any."""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--build", type=pathlib.Path, required=True, help="folder of a build by the preset fuzz")
parser.add_argument("--runs", type=int, default=1_000_000, help="of all targets together")
parser.add_argument("--seconds", type=int, default=0, help="for each target at most; 0: no end")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("targets", nargs="*", help="names; all, if none are given")
arguments = parser.parse_args()

programs = sorted((arguments.build / "tests").glob("fuzz_*"))
programs = [p for p in programs if not arguments.targets or p.name.removeprefix("fuzz_") in arguments.targets]
if not programs:
    sys.exit(f"fuzz.py: no fuzz targets in {arguments.build / 'tests'}; build with cmake --build --preset fuzz")
# An allocation beyond what the machine has gives nothing, as it does without a sanitizer.
options = {"ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=512",
           "LSAN_OPTIONS": f"suppressions={HERE.parent / 'lsan.supp'} print_suppressions=0"}
left, total, failed = arguments.runs, 0, False
for number, program in enumerate(programs):
    name = program.name.removeprefix("fuzz_")
    work = (arguments.build / "fuzz" / name).resolve()
    (work / "corpus").mkdir(parents=True, exist_ok=True)
    wanted = left // (len(programs) - number)  # what slow ones leave goes to those after them
    begin = time.monotonic()
    with open(work / "log", "w") as log:
        result = subprocess.run(
            [program.resolve(), work / "corpus", HERE / "corpus" / name, f"-runs={wanted}", "-timeout=10",
             f"-max_total_time={arguments.seconds}", f"-seed={arguments.seed}", "-rss_limit_mb=2048", "-malloc_limit_mb=1000000", "-max_len=65536",
             f"-artifact_prefix={work}/", "-print_final_stats=1"], stdout=log, stderr=log, cwd=work,
            env=os.environ | options)
    text = (work / "log").read_text(errors="replace")
    runs = re.findall(r"^(?:stat::number_of_executed_units: |#)(\d+)", text, re.M)
    done = int(runs[-1]) if runs else 0
    covered = re.findall(r"cov: (\d+)", text)
    found = sorted(p.name for kind in ("crash", "timeout", "oom", "leak") for p in work.glob(kind + "-*"))
    failed |= bool(found) or result.returncode != 0
    left, total = left - done, total + done
    print(f"{name:20} {done:8} runs in {time.monotonic() - begin:5.0f} s, {covered[-1] if covered else 0:>6} places"
          + (f"; exit code {result.returncode}" if result.returncode else "") + "".join("; " + f for f in found),
          flush=True)
print(f"{'all':20} {total:8} runs")
sys.exit(failed)

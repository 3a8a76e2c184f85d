#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cohort in two parts of one thread each, at the same time, and what gathers from them, against one run of two threads.

usage: parts.py --build BUILD_FOLDER [--slides N] [--side PIXELS] [--repeat N] [--graph FILE]

graphs/cohort.yaml on synthetic slides, in turn. The best of N of each by the clock, and by CPU time, which others on the
machine disturb less.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def spent(processes):
    """Seconds by the clock, and of CPU time, until all have ended well."""
    clock, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for process in [subprocess.Popen(command) for command in processes]:
        if process.wait():
            raise SystemExit(f"{process.args}: {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("--build", required=True)
    options.add_argument("--slides", type=int, default=40)
    options.add_argument("--side", type=int, default=6000)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--graph", default=SOURCE / "graphs/cohort.yaml")
    options = options.parse_args()
    program = os.path.abspath(options.build) + "/bin/flowrun"
    ways = {"one run": [], "parts": [], "gathering": []}
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as folder:
        at = pathlib.Path(folder)
        for number in range(options.slides):
            subprocess.run([program, "synth", at / f"slides/s{number}.svs", "--width", str(options.side), "--height", str(options.side),
                            "--seed", str(number), "--annotations", at / f"xml/s{number}.xml"], check=True, stdout=subprocess.DEVNULL)
        run = [program, "run", options.graph, "--quiet", "--no-report", "--set", f"slides={at}/slides", "--set", f"annotations={at}/xml/{{slide}}.xml", "--set"]
        for turn in range(options.repeat):
            whole, parts = f"out={at}/whole{turn}", f"out={at}/parts{turn}"
            ways["one run"].append(spent([[*run, whole, "--threads", "2"]]))
            ways["parts"].append(spent([[*run, parts, "--threads", "1", "--part", f"{number}/2"] for number in (1, 2)]))
            ways["gathering"].append(spent([[*run, parts, "--threads", "2"]]))
            counts = json.loads((at / f"parts{turn}/tiles/.flowrun/summary.json").read_text())["scope_counts"]
            if counts != {"done before": options.slides}:
                raise SystemExit(f"the run that gathers did slides itself: {counts}")
            subprocess.run(["diff", "-rq", "-x", ".flowrun", at / f"whole{turn}", at / f"parts{turn}"], check=True)
    best = {way: [min(column) for column in zip(*times)] for way, times in ways.items()}
    for what, column in (("by the clock", 0), ("CPU time", 1)):
        one, parts, gathering = (best[way][column] for way in ways)
        print(f"{what}: one run {one:.1f} s, parts {parts:.1f} s: {one / parts:.2f} of its throughput; "
              f"gathering {gathering:.2f} s, {gathering / (parts + gathering):.1%} of the whole")


if __name__ == "__main__":
    main()

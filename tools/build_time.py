#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What building from scratch costs, from the log that ninja keeps: tools/build_time.py build/release [--slowest 20]

The log has how long each step took when it last ran, so the sum is that of a whole build, also when it was built in
parts. A step's time is that of one core where no more steps ran than there are idle cores, as with `make`, and where
ccache did not have its result."""
import argparse
import collections
import pathlib
import re

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("build", type=pathlib.Path, help="build folder")
parser.add_argument("--slowest", type=int, default=0, metavar="N", help="list the N slowest steps")
arguments = parser.parse_args()

seconds = {}
for line in (arguments.build / ".ninja_log").read_text().splitlines():
    if not line.startswith("#"):
        start, end, _, output, command = line.split("\t")
        seconds[command] = (int(end) - int(start)) / 1000, output  # a step with several outputs has a line for each

folders = collections.Counter()
for duration, output in seconds.values():
    part = re.match(r"(.*)/CMakeFiles/([^/]*)\.dir/", output)
    folders[part[2] if part else "linking and the rest"] += duration
parts = ", ".join(f"{name} {spent / 60:.1f}" for name, spent in folders.most_common(6))
print(f"A build from scratch, in minutes: {sum(folders.values()) / 60:.1f} for {len(seconds)} steps ({parts})")
for duration, output in sorted(seconds.values(), reverse=True)[:arguments.slowest]:
    print(f"{duration:7.1f} s  {output}")

# SPDX-License-Identifier: Apache-2.0
"""What the tests of the runtime's edges share: runs of tests/edges/graphs, measured, each in a folder of its own."""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

import support

EDGES = support.SOURCE / "tests/edges"
MIB = 1 << 20
UNCOUNTED = 100 * MIB  # the program, its libraries, threads and the allocator

Measured = collections.namedtuple("Measured", "code out err rss cpu seconds")  # bytes, and seconds of CPU and clock


class EdgesTest(support.ProgramTest):
    def copied(self, name):
        """A graph in a new folder, where its outputs go."""
        folder = self.fresh(name)
        folder.mkdir()
        return pathlib.Path(shutil.copy(EDGES / f"graphs/{name}.yaml", folder))

    def started(self, *arguments, env=None, under=(), **streams):
        """The program in the background, until the test's end at most; its streams are pipes, if not given."""
        command = support.command(*arguments, "--plugin-dir", support.test_plugins())
        process = subprocess.Popen([*under, *command], stdin=subprocess.DEVNULL,
                                   env={**support.environment(), **(env or {})},
                                   **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def run_graph(self, graph, *arguments, **options):
        """Runs a graph, or a copy of the one of that name, to its end."""
        return self.measured(self.copied(graph) if isinstance(graph, str) else graph, *arguments, **options)

    def measured(self, *arguments, limit=60, **options):
        """Runs the program to its end; it is killed after `limit` seconds."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            before = time.monotonic()
            process = self.started(*arguments, stdout=out, stderr=err, **options)
            killer = threading.Timer(limit, process.kill)
            killer.start()
            _, status, usage = os.wait4(process.pid, 0)
            killer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode(errors="replace"))
        return Measured(process.returncode, *texts, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime,
                        time.monotonic() - before)

    def summary(self, graph, code, *arguments, **options):
        """What a run says with --json, with `rss` of the process and counts of `nodes` by name; and the run."""
        ended = self.run_graph(graph, "--json", *arguments, **options)
        self.assert_ended(ended, code)
        summary = json.loads(ended.out)
        summary["nodes"] = {node["name"]: node for node in summary["nodes"]}
        return summary, ended

    def assert_counts(self, node, **counts):
        self.assertEqual({name: node[name] for name in counts}, counts)

    def preloaded(self, name):
        """What sets a library of tests/edges/preload before the program's own."""
        library = self.root / f"{name}.so"
        if not library.exists():
            subprocess.run(["cc", "-shared", "-fPIC", "-O2", EDGES / f"preload/{name}.c", "-o", library, "-ldl"],
                           check=True)
        return {"LD_PRELOAD": str(library)}

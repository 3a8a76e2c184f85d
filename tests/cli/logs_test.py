#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A log that is full, closed or hung up changes no run: neither its exit code nor what it writes."""
import os
import pathlib
import pty
import re
import signal
import time

import support
from support import DONE, FAILED, SKIPS, USAGE, flowrun

GRAPH = """\
flowrun: 1
nodes:
  boxes: {{type: boxes, count: 4}}
  items: {{type: unpack, from: boxes, count: 20}}
  good: {{type: fail_at, from: items, value: {fails}, on_error: {on_error}}}
  files: {{type: write, from: good, dir: {dir}, microseconds: {microseconds}}}
"""

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2
UNWRITABLE = "error: standard output cannot be written: "


def full(stream):
    os.dup2(os.open("/dev/full", os.O_WRONLY), stream)


def closed(stream):
    os.close(stream)


def without_reader(stream):
    reader, writer = os.pipe()
    os.dup2(writer, stream)
    os.close(reader)


def lose(how, *streams):
    """For a process about to begin: its standard streams cannot be written."""
    return lambda: [how(stream) for stream in streams]


LOSSES = {f"{how.__name__} {streams}": lose(how, *streams) for how in (full, closed, without_reader)
          for streams in ((STANDARD_OUTPUT,), (STANDARD_ERROR,), (STANDARD_OUTPUT, STANDARD_ERROR))}


class Logs(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.leave_out_torch(cls.root / "build")

    def graph(self, fails=-1, on_error="fail", microseconds=0):
        """A graph and the folder that it writes to."""
        out = self.fresh()
        return self.write(GRAPH.format(fails=fails, on_error=on_error, dir=out, microseconds=microseconds)), out

    def flowrun(self, *arguments, before=None):
        return flowrun(*arguments, "--plugin-dir", support.test_plugins(), before=before)

    def test_runs(self):
        fails = {"fails": 7}
        skips = {"fails": 7, "on_error": "skip"}
        for code, values, more in ((DONE, {}, ()), (DONE, {}, ("--json",)), (DONE, {}, ("--quiet",)),
                                   (FAILED, fails, ()), (FAILED, fails, ("--json",)), (SKIPS, skips, ())):
            graph, usual_out = self.graph(**values)
            usual = self.flowrun("run", graph, *more)
            self.assert_ended(usual, code)
            for name, loss in LOSSES.items():
                with self.subTest(code=code, lost=name, more=more):
                    graph, out = self.graph(**values)
                    self.assert_ended(self.flowrun("run", graph, *more, before=loss), code)
                    self.assert_same(support.outputs(out), support.outputs(usual_out))

    def test_a_lost_summary_is_said(self):
        for how, why in ((full, "No space left on device"), (closed, "Bad file descriptor"),
                         (without_reader, "Broken pipe")):
            with self.subTest(how=how):
                ended = self.flowrun("run", self.graph()[0], "--json", before=lose(how, STANDARD_OUTPUT))
                self.assert_ended(ended, DONE, f"{UNWRITABLE}{why}; what was printed is lost\n")

    def test_mistakes(self):
        graph = self.write("flowrun: 1\nnodes: {a: {type: nothing}}\n")
        for arguments in (("run", graph), ("check", graph), ("no_such_command",), ("run",),
                          ("run", graph, "--set", "a"), ("nodes", "nothing"), ("--plugin-dir", "/nowhere")):
            self.assertEqual(self.flowrun(*arguments).code, USAGE)
            for name, loss in LOSSES.items():
                with self.subTest(arguments=arguments, lost=name):
                    self.assert_ended(self.flowrun(*arguments, before=loss), USAGE)

    def test_commands_whose_product_is_what_they_print(self):
        graph, _ = self.graph()
        library = support.test_plugins() / "test.so"
        for arguments in (("check", graph), ("draw", graph), ("draw", graph, "--dot"), ("schema",), ("nodes",),
                          ("nodes", "--json"), ("nodes", "unpack"), ("plugins", "--describe", library)):
            for name, loss in LOSSES.items():
                with self.subTest(arguments=arguments, lost=name):
                    ended = self.flowrun(*arguments, before=loss)
                    self.assert_ended(ended, FAILED if str(STANDARD_OUTPUT) in name else DONE)
                    self.assertEqual(ended.err.count(UNWRITABLE), str(STANDARD_ERROR) not in name)

    def test_a_terminal_that_is_closed(self):
        """Its process gets SIGHUP, and then no write to the terminal succeeds."""
        graph, out = self.graph(fails=19, on_error="skip", microseconds=50_000)
        command = support.command("run", graph, "--threads", 1, "--plugin-dir", support.test_plugins())
        child, terminal = pty.fork()
        if child == 0:
            os.execve(command[0], command, support.environment())
        said = b""
        while b"in flight" not in said:
            said += os.read(terminal, 4096)
        os.close(terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.assertEqual(code, SKIPS)
        self.assertEqual(len(support.outputs(out)), 4)

    def test_hangups_of_a_run_in_the_background(self):
        graph, _ = self.graph(microseconds=20_000)
        run = support.start("run", graph, "--threads", 1, "--plugin-dir", support.test_plugins())
        hangups = 0
        while run.poll() is None:
            if self.ignores_hangups(run.pid):  # not while it begins
                run.send_signal(signal.SIGHUP)
                hangups += 1
            time.sleep(0.1)
        run.communicate()
        self.assertEqual(run.returncode, DONE)
        self.assertGreater(hangups, 1)

    def ignores_hangups(self, process):
        ignored = re.search(r"^SigIgn:\s*(\w+)", pathlib.Path(f"/proc/{process}/status").read_text(), re.M)[1]
        return int(ignored, 16) >> (signal.SIGHUP - 1) & 1


if __name__ == "__main__":
    support.main()

# SPDX-License-Identifier: Apache-2.0
"""A terminal that a program draws on, as far as flowrun's control sequences go (ECMA-48, and DEC's ?7)."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import support

SEQUENCE = re.compile(r"\x1b\[(\??\d*)([A-Za-z])")


class Screen:
    def __init__(self, lines, columns):
        self.lines, self.columns = lines, columns
        self.row = self.column = 0
        self.cells = [[" "] * columns for _ in range(lines)]
        self.wraps = True

    def text(self):
        """The lines that have something, without the blanks at their ends."""
        rows = ["".join(row).rstrip() for row in self.cells]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def feed(self, text):
        at = 0
        while at < len(text):
            if sequence := SEQUENCE.match(text, at):
                self.control(*sequence.groups())
                at = sequence.end()
                continue
            self.put(text[at])
            at += 1

    def control(self, argument, final):
        if final == "A":
            self.row = max(0, self.row - int(argument or 1))
        elif final == "H":
            self.row = self.column = 0
        elif final == "J":
            self.cells[self.row][self.column:] = [" "] * (self.columns - self.column)
            self.cells[self.row + 1:] = [[" "] * self.columns for _ in range(self.lines - self.row - 1)]
        elif argument == "?7" and final in "hl":
            self.wraps = final == "h"
        else:
            raise AssertionError(f"an unknown control sequence: {argument}{final}")

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.down()
        elif character >= " ":
            if self.column == self.columns:
                if not self.wraps:
                    self.column -= 1
                else:
                    self.column = 0
                    self.down()
            self.cells[self.row][self.column] = character
            self.column += 1
        else:
            raise AssertionError(f"an unknown control character: {character!r}")

    def down(self):
        if self.row + 1 < self.lines:
            self.row += 1
        else:
            self.cells = self.cells[1:] + [[" "] * self.columns]


def run_on(lines, columns, stream, *arguments, kind="xterm"):
    """What the program writes to `stream` ("stdout" or "stderr"), a terminal, and its exit code."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: end}
    process = subprocess.Popen(support.command(*arguments), stdin=subprocess.DEVNULL,
                               env=support.environment({"TERM": kind}), **streams)
    os.close(end)
    parts = []
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:  # at its end
        pass
    os.close(terminal)
    return b"".join(parts).decode(), process.wait(timeout=60)

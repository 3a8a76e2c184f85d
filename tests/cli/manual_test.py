#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manual page and the completion by bash say what --help says."""
import re
import shutil
import subprocess
import unittest

import support

COMMANDS = ("run", "check", "doctor", "draw", "schema", "man", "new", "nodes", "plugins")


class Manual(support.ProgramTest):
    def completed(self, *words):
        """What bash would offer for the last word."""
        script = """source "$1"; program=$2; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
                    _flowrun "$program"; printf '%s\\n' "${COMPREPLY[@]}" """
        return set(subprocess.run(["bash", "-c", script, "bash", support.SOURCE / "cli/completion.bash", support.program(),
                                   *words], capture_output=True, text=True, check=True).stdout.split())

    def test_every_option_is_in_the_page(self):
        page = support.flowrun("man")
        self.assert_ended(page, support.DONE)
        sections = re.split(r"^\.SS ", page.out.replace("\\-", "-"), flags=re.M)
        by_name = {section.splitlines()[0]: section for section in sections[1:]}
        seen = 0
        for command in COMMANDS:
            help_ = support.flowrun(command, "--help").out
            for option, text in re.findall(r"^ {2,}(--[\w-]+|[A-Z]+)\b(?: \S+)*? {2,}(.*)$", help_, re.M):
                self.assertIn(option, by_name[command], command)
                self.assertIn(text.strip(), by_name[command], command)  # its first line
                seen += 1
        self.assertGreater(seen, 15)
        for command in ("collect", "slide", "synth"):
            self.assertIn(f"Its options: flowrun {command} --help", by_name[command])

    def test_the_page_is_well_formed(self):
        page = support.flowrun("man").out
        self.assertEqual(set(re.findall(r"^[.'](\w+)", page, re.M)), {"TH", "SH", "SS", "TP", "B", "br"})
        if shutil.which("groff"):
            said = subprocess.run(["groff", "-man", "-ww", "-z"], input=page, capture_output=True, text=True, check=True)
            self.assertEqual(said.stderr, "")

    def test_completion(self):
        self.assertEqual(self.completed("flowrun", "s"), {"schema", "slide", "status", "submit", "synth"})
        self.assertEqual(self.completed("flowrun", "d"), {"doctor", "draw"})
        self.assertEqual(self.completed("flowrun", "--p"), {"--plugin-dir"})
        self.assertEqual(self.completed("flowrun", "run", "--t"), {"--threads", "--trace"})
        self.assertEqual(self.completed("flowrun", "synth", "--w"), {"--width"})
        self.assertEqual(self.completed("flowrun", "nodes", "sep"), {"separate"})
        self.assertEqual(self.completed("flowrun", "run", "gra"), set())  # bash goes on with files


if __name__ == "__main__":
    support.main()

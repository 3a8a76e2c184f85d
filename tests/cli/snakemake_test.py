#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/clusters/Snakefile: its parts and what gathers make what one run makes; failing slides fail the workflow."""
import os
import shutil
import subprocess
import sys
import unittest

import support
from support import DONE, EXTRACT, done_scopes, flowrun, outputs, synth

SNAKEFILE = support.SOURCE / "docs/clusters/Snakefile"


class Snakemake(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not shutil.which("snakemake"):
            super().tearDownClass()
            print("the Snakefile skipped: there is no snakemake (Debian: snakemake)", file=sys.stderr)
            raise unittest.SkipTest("there is no snakemake")
        cls.slides = [synth(cls.root / f"s{number}.svs", 900 + 200 * number, 1300, seed=number) for number in range(5)]

    def snakemake(self, folder, slides, out):
        folder.mkdir(exist_ok=True)
        (folder / "all it takes.txt").write_text("".join(f"{slide}\n" for slide in slides))
        variables = {"PATH": f"{support.program().parent}:{os.environ['PATH']}", "HOME": str(self.root)}
        done = subprocess.run(["snakemake", "--snakefile", SNAKEFILE, "--cores", "2", "--config", f"graph={EXTRACT}",
                               "slides=all it takes.txt", f"out={out}", "parts=3"],
                              cwd=folder, env=support.environment(variables), capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr

    def whole(self, slides):
        out = self.fresh()
        self.assert_ended(flowrun("run", EXTRACT, *support.settings(slides=self.list_of(slides), out=out), "--quiet"), DONE)
        return outputs(out)

    def list_of(self, slides):
        return self.write("".join(f"{slide}\n" for slide in slides), "list.txt")

    def test_parts_and_what_gathers(self):
        out = self.fresh("it's out")
        code, said = self.snakemake(self.fresh("work"), self.slides, out)
        self.assertEqual(code, 0, said)
        self.assertEqual(len(list((out / ".flowrun/parts").iterdir())), 3)
        self.assert_same(outputs(out), self.whole(self.slides))

    def test_a_slide_that_fails(self):
        """The last run says so, when all others are done; mended, the same command does the rest."""
        torn, folder, out = self.fresh("torn").with_suffix(".svs"), self.fresh("work"), self.fresh()
        torn.write_bytes(b"no slide")
        code, said = self.snakemake(folder, [*self.slides, torn], out)
        self.assertNotEqual(code, 0, said)
        self.assertIn(torn.stem, said)
        self.assertEqual(done_scopes(out), {slide.stem for slide in self.slides})
        synth(torn, 900, 900, seed=9)
        code, said = self.snakemake(folder, [*self.slides, torn], out)
        self.assertEqual(code, 0, said)
        self.assert_same(outputs(out), self.whole([*self.slides, torn]))


if __name__ == "__main__":
    support.main()

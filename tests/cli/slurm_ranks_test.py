#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""graphs/fit-stains.yaml and graphs/train.yaml on a Slurm of three nodes: slides in parts by srun, gathered, then a
training by ranks on two nodes; the weights are those of one process. Skipped where there is no Slurm, or no plugin has a
node that trains."""
import csv
import subprocess
import sys

import slurm
import support
from support import DONE, FAILED, flowrun, settings, synth

GRAPHS = support.SOURCE / "graphs"
NORMALIZE = "{type: normalize, from: samples, scope: tile}"
# Without batch normalisation, whose statistics are each rank's own.
MODULE = """
import sys, torch
torch.manual_seed(1)
layers = [torch.nn.Conv2d(3, 8, 5, stride=3), torch.nn.Tanh(), torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(128, 2)]
torch.jit.script(torch.nn.Sequential(*layers)).save(sys.argv[1])
"""
DIFFERENCE = """
import sys, torch
one, other = (torch.load(path)["model"] for path in sys.argv[1:])
print(max((one[name].double() - other[name].double()).abs().max().item() for name in one))
"""


def python(script, *arguments):
    return subprocess.run(["/usr/bin/python3", "-c", script, *arguments], capture_output=True, text=True, check=True).stdout


class RanksOnSlurm(slurm.SlurmTest):
    @classmethod
    def reason_to_skip(cls):
        return super().reason_to_skip() or ("" if flowrun("nodes", "train").code == DONE else "no plugin has a node of type train")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for seed in range(1, 5):
            synth(cls.root / f"slides/s{seed}.svs", 4000, 4000, seed, cls.root / f"xml/s{seed}.xml")
        python(MODULE, cls.root / "module.pt")
        cls.stains = cls.root / "stains"
        text = (GRAPHS / "train.yaml").read_text()
        assert text.count(NORMALIZE) == 1
        cls.graph = cls.root / "train.yaml"
        cls.graph.write_text(text.replace(NORMALIZE, NORMALIZE.replace("}", f", target: {cls.stains}/stains.yaml}}")))

    def fit_stains(self, out):
        return ["run", GRAPHS / "fit-stains.yaml", *settings(slides=self.root / "slides", out=out)]

    def training(self, out):
        return ["run", self.graph, *settings(slides=self.root / "slides", annotations=f"{self.root}/xml/{{slide}}.xml", out=out,
                                             model=self.root / "module.pt", epochs=11, tiles=60, threads=1)]

    def on_two_nodes(self, arguments, expect=DONE, parts=False):
        """What the tasks of a step said; each does a part, or is a rank."""
        command = [support.program(), *arguments]
        if parts:
            command = ["bash", "-c", 'exec "$@" --part "$((SLURM_PROCID + 1))/2"', "part", *command]
        done = subprocess.run([str(word) for word in ("srun", "--nodes=2", "--ntasks=2", "--mem=2000", "--label", *command)],
                              env={**support.environment(), **self.slurm.variables}, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def rows(self, out):
        with open(out / "model/metrics.csv", newline="") as file:
            return list(csv.DictReader(file))

    def assert_same_training(self, out, whole):
        wanted, found = self.rows(whole), self.rows(out)
        self.assertGreaterEqual(int(wanted[-1]["steps"]), 50)
        self.assertEqual(len(wanted), len(found))
        for one, other in zip(wanted, found):
            for name, value in one.items():
                if "confusion" in name or not value:
                    self.assertEqual(other[name], value, name)
                else:
                    self.assertAlmostEqual(float(other[name]), float(value), 4, name)
        difference = float(python(DIFFERENCE, whole / "model/last.pt", out / "model/last.pt"))
        print(f"weights of ranks and of one process differ by {difference:.1e} at most", file=sys.stderr)
        self.assertLess(difference, 1e-5)

    def test_parts_then_ranks(self):
        self.on_two_nodes(self.fit_stains(self.stains), parts=True)
        self.assert_ended(flowrun(*self.fit_stains(self.stains)), DONE)
        stains = self.fresh()
        self.assert_ended(flowrun(*self.fit_stains(stains)), DONE)
        self.assertEqual((self.stains / "stains.yaml").read_text(), (stains / "stains.yaml").read_text())

        whole, out = self.fresh(), self.fresh()
        self.assert_ended(flowrun(*self.training(whole)), DONE)
        said = self.on_two_nodes(self.training(out), expect=FAILED)
        self.assertIn("this slide is not done, and ranks only train", said)
        self.on_two_nodes(self.training(out), parts=True)
        said = self.on_two_nodes(self.training(out))
        self.assert_same_training(out, whole)
        # What comes after the training rank 0 does alone.
        self.assertEqual((out / "predictions/slides.csv").read_text().count("\n"), 5)
        self.assertEqual(sorted(path.name for path in (out / "model/.flowrun/ranks").iterdir()), ["1"])
        self.assertNotRegex(said, r"(?m)^1: ")
        # What is trained with stays as it is.
        slide, model = support.stamps(out / "tiles/s1"), support.stamps(out / "model")
        self.on_two_nodes([*self.training(out), "--force"])
        self.assert_same_training(out, whole)
        self.assertNotEqual(support.stamps(out / "model")[out / "model/last.pt"], model[out / "model/last.pt"])
        self.assertTrue(slide)
        self.assertEqual(support.stamps(out / "tiles/s1"), slide)


if __name__ == "__main__":
    support.main()

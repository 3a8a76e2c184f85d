#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""graphs/train.yaml on four synthetic slides: it learns, and its weights depend neither on the number of threads nor on
whether tiles come from files or straight from slides. Skipped where no plugin has a node that trains."""
import argparse
import csv
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD: pathlib.Path

FROM_FILES = """flowrun: 1
nodes:
  epochs: {type: epochs, train_csv: all.csv, validation: 0.5, sampling: balanced, count: 2, seed: 1}
  samples: {type: load, from: epochs, size: 96}
  stained: {type: normalize, from: samples, scope: tile}
  varied: {type: augment, from: stained, brightness: 0.1, saturation: 0.1, stain: 0.05, seed: 1}
  batches: {type: to_tensor, from: varied, batch: 16}
  model: {type: train, from: batches, learning_rate: 0.001, schedule: cosine, threads: 1, dir: from_files, seed: 1}
"""


def flowrun(*arguments, folder=None):
    return subprocess.run([str(BUILD / "bin/flowrun"), *(str(a) for a in arguments)], capture_output=True, text=True,
                          cwd=folder)


class TrainGraph(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="flowrun-train-")
        cls.folder = pathlib.Path(cls.temporary.name)
        for name in ("slides", "xml"):
            (cls.folder / name).mkdir()
        for seed in range(1, 5):
            done = flowrun("synth", f"slides/s{seed}.svs", "--width", 6000, "--height", 6000, "--seed", seed,
                           "--annotations", f"xml/s{seed}.xml", folder=cls.folder)
            assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def train(self, out, *arguments, graph=SOURCE / "graphs/train.yaml"):
        settings = ["--set", "slides=slides", "--set", "annotations=xml/{slide}.xml", "--set", f"out={out}"]
        done = flowrun("run", *arguments, graph, *settings, folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_it_learns_from_scratch(self):
        self.train("out")
        rows = self.rows("out/model/metrics.csv")
        print("validation AUC by epoch:", ", ".join(row["auc"] for row in rows))
        self.assertEqual(len(rows), 6)
        self.assertGreaterEqual(float(rows[-1]["auc"]), 0.95)
        self.check_predictions()

    def check_predictions(self):
        """Tiles that were cut within a region of one class are predicted to be of it, nearly all."""
        right = total = 0
        for slide in ("s1", "s2", "s3", "s4"):
            self.assertTrue((self.folder / f"out/predictions/{slide}/heatmap.jpg").is_file())
            predicted = {(row["x"], row["y"]): row["predicted"]
                         for row in self.rows(f"out/predictions/{slide}/predictions.csv")}
            for row in self.rows(f"out/tiles/{slide}/tiles.csv"):
                if (row["x"], row["y"]) in predicted:
                    total += 1
                    right += predicted[row["x"], row["y"]] == row["label"]
        self.assertGreater(total, 20)
        self.assertGreater(right / total, 0.9)
        scores = self.rows("out/predictions/slides.csv")
        self.assertEqual([row["slide"] for row in scores], ["s1", "s2", "s3", "s4"])

    def rows(self, table):
        with open(self.folder / table, newline="") as file:
            return list(csv.DictReader(file))

    def test_weights_are_the_same_for_any_threads_and_from_files(self):
        small = ["--set", "epochs=2", "--set", "tiles=60", "--set", "threads=1"]
        self.train("one", "--threads", 1, *small)
        text = (SOURCE / "graphs/train.yaml").read_text()
        self.assertIn("format: none", text)
        with_files = self.folder / "with_files.yaml"
        with_files.write_text(text.replace("format: none", "format: png"))
        self.train("two", "--threads", 2, *small, graph=with_files)
        expected = (self.folder / "one/model/last.pt").read_bytes()
        self.assertEqual((self.folder / "two/model/last.pt").read_bytes(), expected)

        lines = []
        for slide in ("s1", "s2", "s3", "s4"):
            header, *rows = (self.folder / f"two/tiles/{slide}/tiles.csv").read_text().splitlines()
            lines += [f"two/tiles/{slide}/{row}" for row in rows]
        (self.folder / "all.csv").write_text("\n".join([header, *lines, ""]))
        (self.folder / "files.yaml").write_text(FROM_FILES)
        done = flowrun("run", "--threads", 2, "files.yaml", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual((self.folder / "from_files/last.pt").read_bytes(), expected)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    arguments, rest = parser.parse_known_args()
    BUILD = arguments.build.resolve()
    if flowrun("nodes", "train").returncode != 0:
        print("skipped: no plugin has a node of type train")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *rest])

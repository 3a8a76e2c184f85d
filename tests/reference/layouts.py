# SPDX-License-Identifier: Apache-2.0
"""Runs graphs with the layouts of CLAM, TRIDENT and STAMP, for the tests that open what they write."""
import argparse
import csv
import os
import subprocess
import sys
import tempfile
import unittest

import h5py

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REAL = os.path.join(os.path.dirname(ROOT), "shared", "slides")
PROGRAM = None  # set by main()

GRAPH = """
flowrun: 1
nodes:
  slides: {{type: read, path: "{slide}"}}
  tissue: {{type: detect, from: slides, {tissue}}}
  tiles: {{type: extract, from: {{slide: slides, mask: tissue}}, {tiles}}}
  files: {{type: save, from: {{tile: tiles, mask: tissue}}, dir: files}}
{more}
"""
CLAM = "  clam: {{type: save_h5, from: tiles, dir: clam{}}}\n"
TRIDENT = "  trident: {{type: save_h5, from: {{tile: tiles, slide: slides}}, dir: trident, layout: trident{}}}\n"
STAMP = "  stamp: {{type: save_h5, from: tiles, dir: stamp, layout: stamp{}}}\n"
GEOJSON = """\
  squares: {type: save_geojson, from: tiles, dir: geojson}
  outlines: {type: save_outlines, from: {slide: slides, mask: tissue}, dir: geojson_outlines}
"""


def attribute_types(dataset):
    """The attributes' shape and type as they are in the file."""
    found = {}
    for name in dataset.attrs:
        attribute = h5py.h5a.open(dataset.id, name.encode())
        kind = attribute.get_type()
        text = isinstance(kind, h5py.h5t.TypeStringID)
        found[name] = (attribute.shape, ("text", kind.is_variable_str(), kind.get_cset()) if text else
                       attribute.dtype.str)
    return found


INT, TEXT = ((), "<i8"), ((), ("text", True, h5py.h5t.CSET_UTF8))


class LayoutTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="flowrun-tables-")
        cls.folder = cls.holder.name
        cls.slide = os.path.join(cls.folder, "slide 1.svs")
        subprocess.run([PROGRAM, "synth", cls.slide, "--width", "4000", "--height", "3000"], check=True)
        cls.number = 0

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def graph(self, more, slide=None, tissue="mpp: 8", tiles="size: 256", threads=2):
        type(self).number += 1
        out = os.path.join(self.folder, str(self.number))
        os.mkdir(out)
        with open(os.path.join(out, "graph.yaml"), "w") as graph:
            graph.write(GRAPH.format(slide=slide or self.slide, tissue=tissue, tiles=tiles, more=more))
        done = subprocess.run([PROGRAM, "graph.yaml", "--threads", str(threads)], cwd=out, capture_output=True, text=True)
        return out, done

    def run_graph(self, *arguments, **more):
        out, done = self.graph(*arguments, **more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return out

    def rows(self, out, name="slide 1"):
        with open(os.path.join(out, "files", name, "tiles.csv"), newline="") as table:
            return [(int(row["x"]), int(row["y"])) for row in csv.DictReader(table)]

    def synth(self, *paths, width=1500):
        for path in paths:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            subprocess.run([PROGRAM, "synth", path, "--width", str(width), "--height", "1500"], check=True,
                           capture_output=True)

    def run_again(self, out, expected=0):
        done = subprocess.run([PROGRAM, "graph.yaml"], cwd=out, capture_output=True, text=True)
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        return done


def main():
    global PROGRAM
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.join(os.path.abspath(arguments.build), "bin", "flowrun")
    unittest.main(argv=[sys.argv[0]] + rest, verbosity=2)

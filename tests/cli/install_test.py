#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The installed package: plugins outside the tree build against it, and run in the installed program."""
import argparse
import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import cv2
import numpy
import openslide

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD: pathlib.Path


def call(*command):
    """Runs a command that must succeed; returns what it printed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def build_plugin(source, build, prefix):
    call("cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
         f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_FLAGS={flags()}")
    call("cmake", "--build", build)
    return build / "lib" / "flowrun"


def flags():
    """A plugin must be built with the same sanitizer as the program."""
    cache = (BUILD / "CMakeCache.txt").read_text()
    sanitize = re.search(r"^FLOWRUN_SANITIZE:STRING=(.+)$", cache, re.M)
    return f"-fsanitize={sanitize[1]}" if sanitize else ""


def sharpness(image):
    grey = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2GRAY)
    return cv2.Laplacian(grey, cv2.CV_64F).var()


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="flowrun-install-")
        cls.root = pathlib.Path(cls.folder.name)
        cls.prefix = cls.root / "prefix"
        call("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.flowrun = cls.prefix / "bin" / "flowrun"
        cls.slide = cls.root / "small.svs"
        call(cls.flowrun, "synth", cls.slide, "--width", 3000, "--height", 2400)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_everything_is_installed(self):
        for path in ["bin/flowrun", "lib/libflowrun.so", "lib/libflowrun_wsi.so", "lib/flowrun/wsi.so",
                     "lib/flowrun/wsi.json", "include/flowrun/plugin.h", "include/flowrun/wsi/tile.h",
                     "share/flowrun/graphs/extract.yaml", "lib/cmake/flowrun/flowrunConfig.cmake"]:
            self.assertTrue((self.prefix / path).is_file(), path)

    def test_only_its_own_libraries_are_used(self):
        for library in ["bin/flowrun", "lib/libflowrun_wsi.so", "lib/flowrun/wsi.so"]:
            listed = call("ldd", self.prefix / library)
            for name in re.findall(r"(\S*libflowrun\S*) => (\S+)", listed):
                self.assertEqual(pathlib.Path(name[1]).resolve().parent, (self.prefix / "lib").resolve(), listed)

    def test_libraries_have_versions(self):
        major, minor, _ = re.search(r"FLOWRUN_VERSION \"([\d.]+)\"",
                                    (SOURCE / "core/include/flowrun/version.h").read_text())[1].split(".")
        for name in ("flowrun", "flowrun_wsi", "flowrun_torch"):
            said = call("readelf", "-d", self.prefix / f"lib/lib{name}.so")
            self.assertIn(f"Library soname: [lib{name}.so.{major}.{minor}]", said)

    def words(self, name):
        """A small plugin, and a copy of the installed package for it."""
        prefix, source = self.root / f"{name}-prefix", self.root / name
        shutil.copytree(self.prefix, prefix, symlinks=True)
        source.mkdir()
        (source / "words.cpp").write_text('#include <flowrun/plugin.h>\nFLOWRUN_PLUGIN("words", "1", r) { (void)r; }\n')
        (source / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(words LANGUAGES CXX)\n"
                                               "find_package(flowrun REQUIRED)\nflowrun_add_plugin(words words.cpp)\n")
        return prefix, source

    def test_another_header(self):
        """Built against a header that differs, though in the size of no type, a plugin is refused."""
        prefix, source = self.words("another")
        build = source / "build"
        build_plugin(source, build, prefix)
        for header in ("node.h", "wsi/tile.h"):
            with self.subTest(header=header):
                path = prefix / "include/flowrun" / header
                good = path.read_text()
                path.write_text(good + "// as good as another virtual function\n")
                built = subprocess.run(["cmake", "--build", build], capture_output=True, text=True)
                self.assertNotEqual(built.returncode, 0)
                self.assertRegex(built.stdout + built.stderr,
                                 r"(?m)^refused: .*/words\.so: built against other headers of flowrun \(hash \w+\), but "
                                 r"this flowrun .* needs its own \(hash \w+\); rebuild the plugin")
                path.write_text(good)
                build_plugin(source, build, prefix)

    def test_a_header_left_by_another_version(self):
        """It is none of this one's, and changes nothing."""
        prefix, source = self.words("left")
        (prefix / "include/flowrun/left_over.h").write_text("#pragma once\n")
        build_plugin(source, source / "build", prefix)

    def test_the_installed_graph_runs(self):
        call(self.flowrun, self.prefix / "share/flowrun/graphs/extract.yaml", "--quiet", "--set",
             f"slides={self.slide}", "--set", f"out={self.root / 'extract'}")
        self.assertTrue((self.root / "extract/small/tiles.csv").is_file())

    @classmethod
    def example(cls):
        """The example plugin, copied out of the tree and built against the installed package, once."""
        if not (cls.root / "example").exists():
            shutil.copytree(SOURCE / "plugins/example", cls.root / "example")
            build_plugin(cls.root / "example", cls.root / "example/build", cls.prefix)
        return cls.root / "example", cls.root / "example/build/lib/flowrun"

    def test_tests_of_the_example_plugin(self):
        source, _ = self.example()
        tested = call("ctest", "--test-dir", source / "build", "--output-on-failure")
        for test in ("flowrun_plugin_focus", "nodes_test"):
            self.assertRegex(tested, rf"Test +#\d: {test} \.+ +Passed")

    def test_a_format_of_its_own(self):
        """A slide in the example's format goes through flowrun's own nodes with its pixels."""
        source, plugins = self.example()
        with openslide.OpenSlide(str(self.slide)) as slide:
            pixels = numpy.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))
            mpp = float(slide.properties[openslide.PROPERTY_NAME_MPP_X])
        folder = self.root / "tiny"
        folder.mkdir()
        height, width = pixels.shape[:2]
        header = f"TINY 1 {width} {height} {mpp}\n".encode()
        (folder / "case1.tiny").write_bytes(header + pixels.tobytes())
        (folder / "broken.tiny").write_bytes(header + pixels.tobytes()[:-1])
        out = self.root / "tiny-out"
        done = subprocess.run([self.flowrun, source / "tiny.yaml", "--plugin-dir", plugins, "--set", f"slides={folder}",
                               "--set", f"out={out}"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(f"error: broken: slides: {folder}/broken.tiny: expected {len(header) + pixels.size} bytes, found "
                      f"{len(header) + pixels.size - 1}\n", done.stderr)
        self.assertFalse((out / "tiles/broken").exists())
        rows = list(csv.DictReader((out / "tiles/case1/tiles.csv").read_text().splitlines()))
        self.assertGreater(len(rows), 50)
        for row in rows:
            x, y = int(row["x"]), int(row["y"])
            wanted = numpy.full((64, 64, 3), 255, numpy.uint8)
            there = pixels[y:y + 64, x:x + 64]
            wanted[:there.shape[0], :there.shape[1]] = there
            found = cv2.cvtColor(cv2.imread(str(out / "tiles/case1" / row["path"])), cv2.COLOR_BGR2RGB)
            numpy.testing.assert_array_equal(found, wanted)
        self.assertEqual(len((out / "focus/case1.csv").read_text().splitlines()), len(rows) + 1)

    def test_example_plugin(self):
        source, plugins = self.example()
        graph = source / "graph.yaml"

        def run(out, least):
            text = call(self.flowrun, graph, "--json", "--plugin-dir", plugins, "--set", f"slides={self.slide}",
                        "--set", f"out={out}", "--set", f"min_sharpness={least}")
            nodes = {node["name"]: node for node in json.loads(text)["nodes"]}
            return nodes, {path.name: path for path in (out / "tiles/small").glob("*.png")}

        _, everything = run(self.root / "all", 0)
        measured = {name: sharpness(path) for name, path in everything.items()}
        self.assertGreater(len(measured), 20)

        table = list(csv.DictReader((self.root / "all/focus/small.csv").read_text().splitlines()))
        self.assertEqual(len(table), len(measured))
        for row in table:
            expected = measured[f"small_x{row['x']}_y{row['y']}.png"]
            self.assertAlmostEqual(float(row["sharpness"]), expected, delta=1e-5 + 1e-9 * expected)

        ranked = sorted(measured.values())
        least = (ranked[len(ranked) // 2 - 1] + ranked[len(ranked) // 2]) / 2
        nodes, kept = run(self.root / "sharp", least)
        self.assertEqual(set(kept), {name for name, value in measured.items() if value >= least})
        self.assertEqual(nodes["sharp"]["in"], len(measured))
        self.assertEqual(nodes["sharp"]["out"], len(kept))
        self.assertEqual(nodes["sharp"]["dropped"], len(measured) - len(kept))
        self.assertEqual(nodes["sharp"]["failed"], 0)

    def test_plugins_in_the_docs(self):
        pages = [SOURCE / "README.md", *sorted((SOURCE / "docs").glob("*.md"))]
        blocks = [block for page in pages for block in re.findall(r"^```cpp[^\n]*\n(.*?)^```", page.read_text(), re.M | re.S)
                  if "FLOWRUN_PLUGIN(" in block and '#include "' not in block]  # docs_commands_test builds the others
        self.assertGreater(len(blocks), 0)
        source = self.root / "docs"
        source.mkdir()
        lines = ["cmake_minimum_required(VERSION 3.25)", "project(docs LANGUAGES CXX)", "find_package(flowrun REQUIRED)",
                 "find_package(OpenCV REQUIRED COMPONENTS imgproc)"]
        for number, block in enumerate(blocks):
            (source / f"docs{number}.cpp").write_text(block)
            lines += [f"flowrun_add_plugin(docs{number} docs{number}.cpp)",
                      f"target_link_libraries(flowrun_plugin_docs{number} PRIVATE flowrun::wsi opencv_imgproc)"]
        (source / "CMakeLists.txt").write_text("\n".join(lines))
        plugins = build_plugin(source, self.root / "docs-build", self.prefix)
        nodes = re.search(r"^```yaml [^\n]*\n(  groups:.*?)^```", (SOURCE / "docs/writing-plugins.md").read_text(), re.M | re.S)
        graph = self.root / "sums.yaml"
        graph.write_text("flowrun: 1\nnodes:\n" + nodes[1])
        call(self.flowrun, graph, "--quiet", "--plugin-dir", plugins)
        self.assertEqual((self.root / "out/group0.txt").read_text(), "6\n22\n17\n")
        self.assertEqual((self.root / "out/group100.txt").read_text(), "406\n422\n217\n")
        self.assertEqual(call(self.flowrun, "hello", "--plugin-dir", plugins), "hello\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    arguments, rest = parser.parse_known_args()
    BUILD = arguments.build.resolve()
    unittest.main(argv=[sys.argv[0], *rest])

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The installed SDK: it may be moved, its headers compile alone, and `flowrun new plugin` makes what builds and passes."""
import concurrent.futures
import pathlib
import re
import shutil
import subprocess

import support
from support import DONE, USAGE

HEAVY = ("opencv4", "opencv", "openslide", "torch", "ATen", "c10", "caffe2")  # in /usr/include


def call(*command, folder=None):
    """Runs a command that must succeed; returns what it printed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=folder,
                          env=support.environment())
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Sdk(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        first = cls.root / "first place"
        call("cmake", "--install", support.BUILD, "--prefix", first)
        cls.prefix = cls.root / "second"
        first.rename(cls.prefix)
        cls.flowrun = cls.prefix / "bin/flowrun"

    def configure(self, source, build, *more):
        return call("cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                    f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_CXX_FLAGS={' '.join(support.sanitizer())}", *more)

    def usual_headers_only(self):
        """What is in /usr/include, but for what slides and networks need."""
        folder = self.fresh("include")
        folder.mkdir()
        for path in pathlib.Path("/usr/include").iterdir():
            if path.name not in HEAVY:
                (folder / path.name).symlink_to(path)
        search = subprocess.run(["g++", "-std=c++20", "-E", "-v", "-x", "c++", "/dev/null"], capture_output=True,
                                text=True).stderr
        listed = re.search(r"#include <\.\.\.> search starts here:\n(.*?)End of search list", search, re.S)[1].split()
        return ["-nostdinc", *(f"-isystem{folder if path == '/usr/include' else path}" for path in listed)]

    def test_no_place_is_written_into_it(self):
        places = (str(self.root / "first place"), str(support.BUILD), str(support.SOURCE))
        for file in (self.prefix / "lib/cmake/flowrun").iterdir():
            for place in places:
                # Not as the end of another path: a checkout may be in /flowrun.
                path = re.escape(place)
                self.assertNotRegex(file.read_text(), rf"(?<![\w.+}}>-]){path}|-[IL]{path}", file)
        for binary in ("bin/flowrun", "lib/libflowrun.so", "lib/libflowrun_wsi.so", "lib/flowrun/wsi.so"):
            for path in re.findall(r"R(?:UN)?PATH.*\[(.*)\]", call("readelf", "-d", self.prefix / binary)):
                for part in path.split(":"):
                    self.assertTrue(part.startswith("$ORIGIN"), f"{binary}: {path}")

    def test_each_header_compiles_alone(self):
        core = sorted((self.prefix / "include/flowrun").glob("*.h"))
        wsi = sorted((self.prefix / "include/flowrun/wsi").glob("*.h"))
        self.assertGreater(len(core), 8)
        self.assertGreater(len(wsi), 5)
        usual = self.usual_headers_only()
        opencv = call("pkg-config", "--cflags", "opencv4").replace("-I", "-isystem").split()

        def compiled(header):
            flags = usual if header in core else opencv
            name = header.relative_to(self.prefix / "include")
            source = self.root / f"{str(name).replace('/', '_')}.cpp"
            source.write_text(f"#include <{name}>\n#include <{name}>\n")
            return name, subprocess.run(["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic",
                                         "-Werror", f"-I{self.prefix}/include", *flags, source],
                                        capture_output=True, text=True)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for name, done in pool.map(compiled, core + wsi):
                self.assertEqual(done.returncode, 0, f"{name}: {done.stderr}")

    def test_a_node_that_is_not_about_slides(self):
        """It builds and runs where there are no headers of OpenCV, OpenSlide or libtorch, nor OpenCV's package."""
        source = self.fresh("words")
        source.mkdir()
        (source / "words.cpp").write_text(WORDS)
        (source / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(words LANGUAGES CXX)\n"
                                               "find_package(flowrun REQUIRED)\nflowrun_add_plugin(words words.cpp)\n")
        flags = " ".join([*support.sanitizer(), *self.usual_headers_only()])
        self.configure(source, source / "build", "-DCMAKE_DISABLE_FIND_PACKAGE_OpenCV=ON", f"-DCMAKE_CXX_FLAGS={flags}")
        call("cmake", "--build", source / "build")
        library = source / "build/lib/flowrun/words.so"
        needed = call("readelf", "-d", library)
        self.assertNotRegex(needed, "opencv|openslide|torch|flowrun_wsi")
        used = call("ninja", "-C", source / "build", "-t", "deps")
        self.assertNotRegex(used, "/(opencv|openslide|torch)[^/]*/")
        (source / "graph.yaml").write_text("flowrun: 1\nnodes:\n  words: {type: words, text: to be or not to be}\n"
                                           "  count: {type: count_words, from: words, dir: out}\n")
        call(self.flowrun, "graph.yaml", "--plugin-dir", library.parent, folder=source)
        self.assertEqual((source / "out/words.txt").read_text(), "be 2\nnot 1\nor 1\nto 2\n")

    def test_a_component_that_is_not_there(self):
        source = self.fresh("lacking")
        source.mkdir()
        (source / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(lacking LANGUAGES CXX)\n"
                                               "find_package(flowrun REQUIRED COMPONENTS wsi)\n")
        with self.assertRaisesRegex(AssertionError, "its component wsi needs OpenCV 4"):
            self.configure(source, source / "build", "-DCMAKE_DISABLE_FIND_PACKAGE_OpenCV=ON",
                           "-DCMAKE_IGNORE_PATH=/usr/include/opencv4")

    def new_plugin(self, name, folder):
        done = subprocess.run([self.flowrun, "new", "plugin", name], capture_output=True, text=True, cwd=folder,
                              env=support.environment())
        return support.Ended(done.returncode, done.stdout, done.stderr)

    def test_a_new_plugin_builds_and_passes_as_written(self):
        folder = self.fresh("new")
        folder.mkdir()
        made = self.new_plugin("ki67_counter", folder)
        self.assert_ended(made, DONE)
        project = folder / "ki67_counter"
        self.assertEqual(sorted(path.name for path in project.iterdir()),
                         ["CMakeLists.txt", "README.md", "graph.yaml", "ki67_counter.h", "ki67_counter_test.cpp",
                          "plugin.cpp"])
        for file in project.iterdir():
            self.assertNotIn("@", file.read_text(), file)
        self.assertIn("struct Ki67Counter : flowrun::Map", (project / "ki67_counter.h").read_text())
        commands = made.out.split("build and test it:\n")[1]
        self.assertEqual(commands.count("\n"), 3)
        tested = call("env", f"CXXFLAGS={' '.join(support.sanitizer())}", "bash", "-euc", commands, folder=folder)
        for test in ("flowrun_plugin_ki67_counter", "ki67_counter_test", "graph"):
            self.assertRegex(tested, rf"Test +#\d: {test} \.+ +Passed")
        self.assertTrue(list((project / "build/out/slide").glob("*.png")))
        # Its test can fail.
        header = project / "ki67_counter.h"
        header.write_text(header.read_text().replace("> max_brightness", "< max_brightness"))
        call("cmake", "--build", project / "build")
        failed = subprocess.run(["ctest", "--test-dir", project / "build", "-R", "ki67_counter_test", "-V"],
                                capture_output=True, text=True)
        self.assertNotEqual(failed.returncode, 0)
        self.assertIn("expected 1 packets on output 'tile', found 0", failed.stdout)
        # Installed beside flowrun's own plugins, it is found without being named.
        header.write_text(header.read_text().replace("< max_brightness", "> max_brightness"))
        call("cmake", "--build", project / "build")
        copy = self.fresh("copy")
        shutil.copytree(self.prefix, copy)
        call("cmake", "--install", project / "build", "--prefix", copy)
        self.assertIn("ki67_counter: Drops tiles", call(copy / "bin/flowrun", "nodes", "ki67_counter"))

    def test_names_that_no_plugin_can_have(self):
        folder = self.fresh("names")
        folder.mkdir()
        (folder / "taken").mkdir()
        for name, why in (("Big", "is no name for a plugin"), ("1st", "is no name"), ("a b", "is no name"),
                          ("../up", "is no name"), ("taken", "exists already"), ("read", "there is a node type 'read'")):
            with self.subTest(name=name):
                self.assert_ended(self.new_plugin(name, folder), USAGE, why)
        self.assertEqual([path.name for path in folder.iterdir()], ["taken"])


WORDS = """\
#include <flowrun/plugin.h>

#include <fstream>
#include <map>
#include <sstream>

namespace {
struct Word {
  static constexpr std::string_view packet_type = "words.word/1";
  std::string text;
};
struct Words : flowrun::Make {
  std::string text;
  static void describe(flowrun::Description<Words>& d) {
    d.summary("Gives the words of a text.").output<Word>("word");
    d.option("text", &Words::text, "words").required();
  }
  flowrun::Packets make(flowrun::Inputs&) override {
    return flowrun::Packets([all = std::make_shared<std::istringstream>(text)]() -> flowrun::Packets::Make {
      std::string word;
      if (!(*all >> word)) return {};
      return [word](flowrun::Outputs& out) { out.emit("word", Word{word}); };
    });
  }
};
struct Count : flowrun::Write {
  std::filesystem::path dir;
  static void describe(flowrun::Description<Count>& d) {
    d.summary("Counts words.").input<Word>("word");
    d.option("dir", &Count::dir, "folder").required().output_folder();
  }
  using Counts = std::map<std::string, int>;
  flowrun::Action process(flowrun::Inputs& in, flowrun::Outputs&) override {
    return [word = in.get<Word>("word").text, &counts = in.state<Counts>()] { ++counts[word]; };
  }
  void finish(flowrun::Inputs& in, flowrun::Outputs&) override {
    std::ofstream file(in.scope().stage(dir, "words.txt"));
    for (const auto& [word, count] : in.state<Counts>()) file << word << " " << count << "\\n";
  }
};
}  // namespace

FLOWRUN_PLUGIN("words", "1.0.0", registry) { registry.node<Words>("words").node<Count>("count_words"); }
"""


if __name__ == "__main__":
    support.main()

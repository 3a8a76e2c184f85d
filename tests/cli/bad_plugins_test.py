#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A zoo of bad plugins: each is refused or reported by name, and a graph that does not need it runs."""
import os
import re
import shutil
import subprocess

import support
from support import DONE, FAILED, USAGE, flowrun

NODE = """\
#include <flowrun/plugin.h>

#include <stdexcept>

struct Number {{
  static constexpr std::string_view packet_type = "bad.number/1";
}};
void not_there();
{before}
struct Bad : flowrun::Map {{
  int level = 0;
  {constructor}
  static void describe(flowrun::Description<Bad>& d) {{
    d.summary("Is bad.").input<Number>("number");
    {describe}
  }}
  void process(flowrun::Inputs&, flowrun::Outputs&) override {{ {process} }}
}};
FLOWRUN_PLUGIN("bad", "1.2.3", registry) {{
  registry.node<Bad>("of_the_plugin");
  {fill}
}}
"""

ENTRY = """\
struct entry {{ unsigned magic, abi; const char *compiler, *headers, *name, *version;
                void (*fill)(void *); }};
{declarations}
__attribute__((visibility("default"))) const struct entry flowrun_plugin =
    {{ {magic}u, {abi}u, {tag}, {headers}, {name}, "1", {fill} }};
"""

RUNS = """\
flowrun: 1
nodes:
  boxes: {type: boxes}
  items: {type: unpack, from: boxes}
  end: {type: sink, from: items}
"""


HEADERS = support.SOURCE / "core/include"


class Zoo(support.ProgramTest):
    of_headers = []  # flags
    of_program = {}  # what an entry must say

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.leave_out_torch(cls.root / "build")

    def folder(self):
        folder = self.fresh("plugins")
        folder.mkdir()
        return folder

    def flowrun(self, *arguments, beside, before=None):
        """Runs the program with the folder of a library, and good plugins in another."""
        return flowrun(*arguments, "--plugin-dir", beside.parent, "--plugin-dir", support.test_plugins(), before=before)

    def compiled(self, source, name, *flags):
        library = self.folder() / "bad.so"
        path = library.parent / name
        path.write_text(source)
        compiler = shutil.which("g++" if name.endswith("pp") else "gcc")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, path, *flags], check=True)
        return library

    def hash_file(self, include):
        """What flowrun_add_plugin() makes for a plugin that is built against the headers in `include`."""
        file = self.fresh("hash").with_suffix(".h")
        folders = (include, *(support.SOURCE / f"nodes/{part}/include" for part in ("wsi", "torch")))
        headers = [str(header) for folder in folders for header in folder.rglob("*.h")]
        subprocess.run(["cmake", f"-DHEADERS={';'.join(headers)}", f"-DFILE={file}", "-P",
                        support.SOURCE / "cmake/FlowrunHeadersHash.cmake"], check=True)
        return file

    def own_headers(self):
        """Flags for the headers as they are, which are compiled once for all plugins that do not ask for other flags."""
        if not self.of_headers:
            flags = ["-std=c++20", "-fPIC", f'-DFLOWRUN_HEADERS_HASH_FILE="{self.hash_file(HEADERS)}"',
                     *support.sanitizer()]
            compiled = self.fresh("precompiled")
            (compiled / "flowrun").mkdir(parents=True)
            subprocess.run(["g++", *flags, f"-I{HEADERS}", "-w", "-x", "c++-header", HEADERS / "flowrun/plugin.h",
                            "-o", compiled / "flowrun/plugin.h.gch"], check=True)
            self.of_headers.extend([*flags, f"-I{compiled}", f"-I{HEADERS}"])
        return self.of_headers

    def plugin(self, headers=None, flags=(), **parts):
        """A plugin in C++ with one node, some part of which is bad."""
        of_headers = self.own_headers() if headers is None else [
            "-std=c++20", f"-I{headers}", f'-DFLOWRUN_HEADERS_HASH_FILE="{self.hash_file(headers)}"',
            *support.sanitizer()]
        empty = dict.fromkeys(("before", "constructor", "describe", "process", "fill"), "")
        return self.compiled(NODE.format(**{**empty, **parts}), "bad.cpp", *of_headers, *flags)

    def entry(self, **values):
        """A plugin that is nothing but its entry, in C."""
        good = {"magic": 0x464c4f57, "abi": self.abi(), "name": '"bad"', "fill": "fill",
                "declarations": "static void fill(void *registry) { (void)registry; }"}
        return self.compiled(ENTRY.format(**{**good, **self.needed(), **values}), "bad.c")

    def abi(self):
        header = (HEADERS / "flowrun/plugin.h").read_text()
        return re.search(r"plugin_abi = (\d+)", header)[1]

    def said(self, problem, wanted, tag):
        """What the program needs, which it says when it refuses another one."""
        source = ENTRY.format(magic=0x464c4f57, abi=self.abi(), tag=tag, headers='"other"', name='"bad"', fill="fill",
                              declarations="static void fill(void *r) { (void)r; }")
        listed = flowrun("plugins", "--plugin-dir", self.compiled(source, "bad.c").parent).out
        self.assertIn(problem, listed)
        return f'"{re.search(wanted, listed)[1]}"'

    def needed(self):
        if not self.of_program:
            tag = self.said("built with other", r"needs (gxx[^\s;]+);", tag='"other"')
            headers = self.said("against other headers of flowrun", r"its own \(hash (\w+)\);", tag)
            self.of_program.update(tag=tag, headers=headers)
        return self.of_program

    def assert_others_run(self, library):
        ended = self.flowrun("run", self.write(RUNS), "--quiet", beside=library)
        self.assert_ended(ended, DONE)
        self.assertEqual(ended.err, "")

    def assert_refused(self, library, *named, before=None):
        """The list of plugins says why, once; a graph that lacks a type points at it; other graphs run."""
        listed = self.flowrun("plugins", beside=library, before=before)
        self.assertEqual(listed.code, FAILED, listed.out + listed.err)
        said = re.findall(r"^refused: (.*)$", listed.out, re.M)
        self.assertEqual(len(said), 1, listed.out)
        for text in (library, *named):
            self.assertIn(str(text), said[0])
        self.assertRegex(listed.out, f"(?m)^{support.test_plugins() / 'test.so'}: test 1.0.0: nodes ")
        graph = self.write("flowrun: 1\nnodes: {a: {type: of_the_plugin}}\n")
        ended = self.flowrun("check", graph, beside=library, before=before)
        self.assertEqual(ended.code, USAGE)
        for text in ("graph.yaml:2:19: error: unknown node type 'of_the_plugin'", said[0]):
            self.assertIn(text, ended.err)
        nodes = self.flowrun("nodes", beside=library, before=before)
        self.assertEqual((nodes.code, nodes.err), (FAILED, f"refused: {said[0]}\n"))
        self.assertRegex(nodes.out, r"(?m)^unpack .* \[test 1\.0\.0\]$")
        self.assert_others_run(library)
        return said[0]

    def test_a_good_one(self):
        library = self.plugin()
        listed = flowrun("plugins", "--plugin-dir", library.parent)
        self.assert_ended(listed, DONE)
        self.assertIn(f"{library}: bad 1.2.3: nodes of_the_plugin; commands none\n", listed.out)
        self.assert_ended(flowrun("plugins", "--check", library), DONE)
        self.assert_others_run(library)

    def test_undefined_symbol(self):
        said = self.assert_refused(self.plugin(process="not_there();"), "cannot be loaded", "undefined symbol")
        self.assertIn("not_there", said)

    def test_older_abi_number(self):
        old = self.fresh("headers")
        shutil.copytree(HEADERS, old)
        header = old / "flowrun/plugin.h"
        number = int(self.abi())
        header.write_text(header.read_text().replace(f"plugin_abi = {number}", f"plugin_abi = {number - 1}"))
        self.assert_refused(self.plugin(old), f"built for plugin ABI {number - 1}", f"needs ABI {number}", "rebuild")
        self.assert_refused(self.entry(abi=4711), "ABI 4711")

    def test_other_headers_of_the_same_number(self):
        """Also where no type differs in size."""
        for name, there, other in (
                ("node_type.h", "struct NodeType {", "struct NodeType {\n  double since_removed = 0;"),
                ("node.h", "virtual ~Node() = default;", "virtual ~Node() = default;\n  virtual void added() {}")):
            with self.subTest(header=name):
                headers = self.fresh("headers")
                shutil.copytree(HEADERS, headers)
                header = headers / "flowrun" / name
                changed = header.read_text().replace(there, other)
                self.assertNotEqual(changed, header.read_text())
                header.write_text(changed)
                self.assert_refused(self.plugin(headers), "built against other headers of flowrun", "rebuild")
        self.assert_refused(self.entry(headers="0"), "built against other headers of flowrun (hash nothing)")

    def test_built_without_the_hash(self):
        source = self.write(NODE.format(before="", constructor="", describe="", process="", fill=""), "bad.cpp")
        built = subprocess.run(["g++", "-std=c++20", f"-I{support.SOURCE}/core/include", "-fsyntax-only", source],
                               capture_output=True, text=True)
        self.assertNotEqual(built.returncode, 0)
        self.assertEqual(built.stderr.count("error: "), 1, built.stderr)
        self.assertIn("must be built by CMake's flowrun_add_plugin()", built.stderr)

    def test_other_compiler(self):
        self.assert_refused(self.plugin(flags=["-D_GLIBCXX_USE_CXX11_ABI=0"]), "built with gxx", "-cxx11abi0",
                            "-cxx11abi1", "rebuild")
        self.assert_refused(self.entry(tag='"clang"'), "built with clang", "rebuild")
        self.assert_refused(self.entry(tag="0"), "built with nothing", "rebuild")

    def test_throws_when_it_registers(self):
        self.assert_refused(self.plugin(fill='throw std::runtime_error("no licence");'),
                            "failed to register: no licence")
        self.assert_refused(self.plugin(fill="throw 42;"), "failed to register: it threw what is no std::exception")

    def test_throws_while_it_is_loaded(self):
        said = self.assert_refused(
            self.plugin(before='static const int early = [] () -> int { throw std::runtime_error("too early"); }();'),
            "while it was opened")
        self.assertIn("too early", said)

    def test_crashes_while_it_is_loaded(self):
        self.assert_refused(self.plugin(before="static const int early = [] { __builtin_trap(); return 1; }();"),
                            "while it was opened")
        self.assert_refused(self.plugin(fill="std::exit(7);"), "ended the process with 7 while it was opened")

    def test_throws_in_the_constructor_of_a_node(self):
        library = self.plugin(constructor='Bad() { throw std::runtime_error("no device"); }')
        graph = self.write("flowrun: 1\nnodes:\n  a: {type: of_the_plugin, from: a}\n")
        ended = flowrun("check", graph, "--plugin-dir", library.parent)
        self.assert_ended(ended, USAGE, "graph.yaml:3:13: error: node type 'of_the_plugin' of plugin bad 1.2.3: its "
                                        "constructor threw: no device\n")
        checked = flowrun("plugins", "--check", library)
        self.assert_ended(checked, FAILED, f"refused: {library}: node type 'of_the_plugin': its constructor threw: "
                                           "no device\n")
        self.assert_others_run(library)

    def test_throws_in_a_constructor_while_it_registers(self):
        """Defaults of options are read from a node."""
        self.assert_refused(self.plugin(constructor='Bad() { throw std::runtime_error("no device"); }',
                                        describe='d.option("level", &Bad::level, "level");'),
                            "failed to register: no device")

    def test_registers_a_name_twice(self):
        self.assert_refused(self.plugin(fill='registry.node<Bad>("of_the_plugin");'),
                            "failed to register: node type 'of_the_plugin' is registered twice")
        self.assert_refused(self.plugin(fill='for (int i = 0; i < 2; ++i) registry.command({"hi", "Says hi.", {}});'),
                            "failed to register: command 'hi' is registered twice")
        self.assert_refused(self.plugin(describe='d.input<Number>("number");'),
                            "node type 'of_the_plugin': input 'number' is registered twice")
        self.assert_refused(self.plugin(describe='for (int i = 0; i < 2; ++i) d.option("level", &Bad::level, "l");'),
                            "node type 'of_the_plugin': option 'level' is registered twice")

    def test_option_of_the_runtime(self):
        self.assert_refused(self.plugin(describe='d.option("workers", &Bad::level, "level");'),
                            "node type 'of_the_plugin': option 'workers' has the name of a key of every node")

    def test_a_type_of_two_libraries(self):
        """The first one has it, and the list says so."""
        library = self.plugin()
        second = library.parent / "later.so"
        shutil.copy(library, second)
        listed = flowrun("plugins", "--plugin-dir", library.parent)
        self.assert_ended(listed, DONE)
        self.assertIn(f"  of_the_plugin is taken from {library}\n", listed.out)
        self.assert_others_run(library)

    def test_garbage(self):
        for content in (b"", b"garbage" * 100, b"\x7fELF" + bytes(1000), support.program().read_bytes()[:5000]):
            with self.subTest(start=content[:8]):
                library = self.folder() / "bad.so"
                library.write_bytes(content)
                self.assert_refused(library, "cannot be loaded: ")

    def test_folder_and_dangling_link(self):
        folder = self.folder()
        (folder / "bad.so").mkdir()
        self.assert_refused(folder / "bad.so")
        folder = self.folder()
        (folder / "bad.so").symlink_to(folder / "nowhere")
        self.assert_refused(folder / "bad.so", "No such file")

    def test_no_permission(self):
        library = self.plugin()
        library.chmod(0)
        self.root.chmod(0o755)

        def nobody():
            if os.geteuid() == 0:  # whom no permission stops
                os.setgid(65534)
                os.setuid(65534)
        self.assert_refused(library, "cannot be loaded: Permission denied", before=nobody)
        library.parent.chmod(0)
        listed = flowrun("plugins", "--plugin-dir", library.parent, before=nobody)
        self.assertIn(f"searched {library.parent} (Permission denied)\n", listed.out)

    def test_foreign_library(self):
        found = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
        path = re.search(r"libz\.so\.1 .*=> (\S+)", found)
        if not path:
            self.skipTest("there is no libz")
        library = self.folder() / "bad.so"
        shutil.copy(path[1], library)
        self.assert_refused(library, "not a flowrun plugin")

    def test_broken_list(self):
        folder = self.folder()
        shutil.copy(support.test_plugins() / "test.so", folder / "bad.so")
        for text in ("", "{", "[]", '{"version": 1, "nodes": {}, "commands": []}', '{"nodes": "a"}'):
            with self.subTest(list=text):
                (folder / "bad.json").write_text(text)
                listed = flowrun("plugins", "--plugin-dir", folder)
                self.assertEqual(listed.code, FAILED, listed.out + listed.err)
                self.assertIn(f"refused: {folder / 'bad.json'}", listed.out)

    def test_list_of_another_library(self):
        library = self.plugin()
        library.with_suffix(".json").write_text('{"name": "bad", "version": "1.2.2", "nodes": ["of_the_plugin"], '
                                                '"commands": []}')
        listed = flowrun("plugins", "--plugin-dir", library.parent)
        self.assertEqual(listed.code, FAILED)
        self.assertIn(f"refused: {library.with_suffix('.json')}: not what is in the library; make it anew: flowrun "
                      f"plugins --describe {library} > {library.with_suffix('.json')}\n", listed.out)

    def test_list_that_promises_too_much(self):
        graph = self.write("flowrun: 1\nnodes: {a: {type: promised}}\n")
        folder = self.folder()
        (folder / "bad.json").write_text('{"name": "bad", "version": "1", "nodes": ["promised"], "commands": ["vow"]}')
        for content in (b"garbage", (support.test_plugins() / "test.so").read_bytes()):
            (folder / "bad.so").write_bytes(content)
            ended = flowrun("check", graph, "--plugin-dir", folder)
            self.assert_ended(ended, USAGE, folder / "bad.so")
            ended = flowrun("vow", "--plugin-dir", folder)
            self.assert_ended(ended, FAILED, folder / "bad.so")
            nodes = self.flowrun("nodes", beside=folder / "bad.so")
            self.assert_ended(nodes, FAILED, "refused: promised: ", folder / "bad.so")
            self.assertIn("unpack ", nodes.out)

    def test_entries(self):
        library = self.entry()
        self.assertIn(f"{library}: bad 1: nodes none", flowrun("plugins", "--plugin-dir", library.parent).out)
        self.assert_refused(self.entry(magic=17), "not a plugin entry")
        self.assert_refused(self.entry(name="0"), "no name")
        self.assert_refused(self.entry(fill="0"), "no name, version or function")
        self.assert_refused(self.compiled("void flowrun_plugin(void) {}\n", "bad.c"), "not a plugin entry")


if __name__ == "__main__":
    support.main()

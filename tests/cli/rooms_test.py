#!/usr/bin/env python3
"""The rooms of the tree, as docs/design.md names them: who may include whom, and how long files may be."""
import argparse
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What stages share: each may include those before it.
SHARED = ["base", "image", "table", "region", "slide", "heat", "stain", "torch", "trainer", "mil"]
CORE = {"graph": set(), "plugin": {"graph"}, "sdk": {"graph"}, "output": set(),
        "plan": {"graph", "plugin"}, "run": {"plan", "output", "graph", "plugin"}}


def included(file):
    """Paths from the root of what a file includes with quotes."""
    for name in re.findall(r'^#include "([^"]+)"', file.read_text(), re.MULTILINE):
        beside = file.parent / name
        yield (beside if beside.exists() else ROOT / name).resolve()


def room(path):
    """nodes/csv/csv.h -> csv; None for what is not in nodes/."""
    parts = path.relative_to(ROOT).parts if path.is_relative_to(ROOT) else ()
    return parts[1] if len(parts) > 2 and parts[0] == "nodes" else None


def without_comments_and_texts(code):
    for pattern, instead in ((r'R"(\w*)\(.*?\)\1"', '""'), (r"/\*.*?\*/", ""), (r'"(?:\\.|[^"\\\n])*"', '""'),
                             (r"//[^\n]*", ""), (r"'(?:\\.|[^'\\\n])'", "' '"), (r"(?m)^\s*#[^\n]*", "")):
        code = re.sub(pattern, instead, code, flags=re.DOTALL)
    return code


def types_in(code):
    """Full names of the types that a file defines in namespaces, nested ones aside: "flowrun::wsi::Tile"."""
    around, head = [], ""
    for c in without_comments_and_texts(code):
        head += c
        if c == "{":
            namespace = re.fullmatch(r"\s*(?:inline )?namespace ?([\w:]*) ?{", head)
            type_ = re.search(r"\b(?:struct|class|union|enum(?: class)?)(?: alignas\([^)]*\))? ([\w:]+)(?: final)?"
                              r"(?:\s*:(?!:)[^;]*)?\s*{$", head)
            if type_ and None not in around:
                yield "::".join([*around, type_[1]])
            around.append(namespace[1] or "(anonymous)" if namespace else None)
        elif c == "}":
            around.pop()
        if c in "{};":
            head = ""


class Rooms(unittest.TestCase):
    def sources(self, folder):
        found = [f for f in (ROOT / folder).rglob("*") if f.suffix in (".h", ".cpp")]
        self.assertTrue(found)
        return found

    def test_what_stages_share_includes_only_rooms_before_it_and_stages_include_no_stage(self):
        for file in self.sources("nodes"):
            here = room(file)
            allowed = SHARED[:SHARED.index(here)] if here in SHARED else SHARED
            for other in included(file):
                if room(other) not in (None, here):
                    self.assertIn(room(other), allowed, f"{file.relative_to(ROOT)} includes {other.name}")

    def test_rooms_of_the_core_include_one_way(self):
        for name, allowed in CORE.items():
            for file in self.sources(f"core/src/{name}"):
                for other in re.findall(r'^#include "(\w+)/', file.read_text(), re.MULTILINE):
                    self.assertIn(other, allowed | {name}, file.relative_to(ROOT))

    def test_the_core_and_the_program_know_no_stage(self):
        for folder in ("core", "cli"):
            for file in self.sources(folder):
                self.assertNotRegex(file.read_text(), r'#include [<"](nodes/|flowrun/wsi|flowrun/torch|opencv)', file)

    def test_no_file_is_long(self):
        for folder in ("core", "nodes", "cli"):
            for file in self.sources(folder):
                self.assertLessEqual(len(file.read_text().splitlines()), 300, file.relative_to(ROOT))

    def test_no_two_types_have_one_name(self):
        """They would be one to the linker, which says nothing and takes either's functions (ODR)."""
        places = {}
        for folder in ("core", "nodes", "cli"):
            for file in self.sources(folder):
                for name in set(types_in(file.read_text())):
                    if "(anonymous)" not in name:
                        places.setdefault(name, []).append(str(file.relative_to(ROOT)))
        self.assertGreater(len(places), 300)
        self.assertEqual({name: files for name, files in places.items() if len(files) > 1}, {})

    def test_types_are_found(self):
        code = """#include <a>
            namespace a { // struct No {
            struct Base { struct Within {}; };
            class alignas(64) Other final : public Base { std::string s = "struct Text {"; };
            template <class T> struct Made : Base {}; enum class Kind { one };
            void f(struct Forward* p) { struct Local {}; }
            namespace { struct Own {}; } }
            struct a::Outer::Inner {};"""
        self.assertEqual(list(types_in(code)), ["a::Base", "a::Other", "a::Made", "a::Kind", "a::(anonymous)::Own",
                                                "a::Outer::Inner"])

    def test_the_rooms_are_those_of_the_table(self):
        table = (ROOT / "docs/design.md").read_text()
        for name in SHARED:
            self.assertIn(f"`nodes/{name}/`", table)
        for name in CORE:
            self.assertIn(f"`core/src/{name}/`", table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build")
    _, rest = parser.parse_known_args()
    unittest.main(argv=["rooms", *rest])

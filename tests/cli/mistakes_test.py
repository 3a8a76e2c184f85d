#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All mistakes of a graph file are said in one go, each at its line and column.

mistakes.txt beside this file has a mistake of each kind, and all that is said of it:

    ### what is wrong
    + more arguments
    === parts/other.yaml        only when there is more than one file
    ...
    === says
    ...
"""
import pathlib
import re

import support
from support import USAGE, flowrun

GRAPH = """\
flowrun: 2
nam: mistakes
memory: plenty
threads: 0
params:
  size: 512
nodes:
  slides: {type: raed, path: slides}
  tissue: {type: detect, from: slide, methd: otsu}
  masks: {type: detect, from: scans, method: ostu, workers: many}
  scans: {type: read}
  tiles:
    type: extract
    from: {slide: scans, mask: scans}
    size: 0
    min_coverage: 1.5
    min_coverage: 0.5
  a file: {type: save, from: {tile: masks.maks}, dir: out, on_error: ignore}
  loose: {type: save, dir: "a${sise}", quality: -1}
  plain: read
"""

PLACES = """\
1:10: unknown format version '2'
2:1: unknown key 'nam'
3:9: 'memory': expected a size such as '512 MiB' or '2GB', found 'plenty'
4:10: 'threads': expected 1 to 1024, found 0
8:18: unknown node type 'raed'
9:32: there is no node 'slide'
9:39: 'detect' has no option 'methd'
10:46: 'method': unknown value 'ostu'
10:61: 'workers': expected an integer, found 'many'
11:3: node 'scans' needs the option 'path'
14:32: 'scans' gives wsi.slide/1, but input 'mask' takes wsi.mask/1
15:11: 'size': expected at least 1, at most 16384, found 0
16:19: 'min_coverage': expected at least 0, at most 1, found 1.5
17:5: 'min_coverage' is given twice
18:3: 'a file' is no name for a node
18:37: node 'masks' has no output 'maks'
18:70: 'on_error': unknown policy 'ignore'
19:3: input 'tile' of node 'loose' is not connected
19:28: unknown parameter 'sise'
19:49: 'quality': expected at least 1, at most 100, found -1
20:10: node 'plain' must be a map
"""


def kinds():
    """Name, arguments, files, and what is said, of each kind of mistake."""
    text = (pathlib.Path(__file__).parent / "mistakes.txt").read_text()
    for part in re.split(r"^### ", text, flags=re.M)[1:]:
        name, body = part.split("\n", 1)
        graph, said = body.split("=== says\n")
        more = re.match(r"\+ (.*)\n", graph)
        if more:
            graph = graph[more.end():]
        files = dict(file.split("\n", 1) for file in re.split(r"^=== ", graph, flags=re.M)[1:])
        yield name, more[1].split() if more else [], files or {"graph.yaml": graph}, said


class Mistakes(support.ProgramTest):
    def test_the_whole_text_of_each_kind(self):
        seen = set()
        for name, more, files, said in kinds():
            self.assertNotIn(name, seen)
            seen.add(name)
            with self.subTest(mistake=name):
                folder = self.fresh("kind")
                for file, text in files.items():
                    (folder / file).parent.mkdir(parents=True, exist_ok=True)
                    (folder / file).write_text(text)
                ended = flowrun("check", "graph.yaml", "--plugin-dir", support.test_plugins(), *more, folder=folder)
                self.assert_ended(ended, USAGE)
                self.assertEqual(ended.out, "")
                self.assertEqual(ended.err.replace(str(folder), "<folder>"), said)
        self.assertGreaterEqual(len(seen), 40)

    def check(self, text, *more):
        graph = self.write(text)
        ended = flowrun("check", graph.name, *more, folder=graph.parent)
        self.assert_ended(ended, USAGE)
        self.assertEqual(ended.out, "")
        return ended.err

    def test_all_in_one_go(self):
        said = self.check(GRAPH)
        found = re.findall(r"^graph\.yaml:(\d+:\d+): error: (.*)$", said, re.M)
        self.assertEqual("".join(f"{place}: {message}\n" for place, message in found), PLACES)

    def test_whole_messages(self):
        said = self.check(GRAPH)
        for text in (
                "graph.yaml:2:1: error: unknown key 'nam'\n"
                "    2 | nam: mistakes\n"
                "      | ^ did you mean 'name'?\n",
                "graph.yaml:9:32: error: there is no node 'slide'\n"
                "    9 |   tissue: {type: detect, from: slide, methd: otsu}\n"
                "      |                                ^ did you mean 'slides'?\n",
                "graph.yaml:16:19: error: 'min_coverage': expected at least 0, at most 1, found 1.5\n"
                "   16 |     min_coverage: 1.5\n"
                "      |                   ^ at least 0, at most 1\n",
                "graph.yaml:17:5: error: 'min_coverage' is given twice\n"
                "   17 |     min_coverage: 0.5\n"
                "      |     ^ first given in line 16\n"):
            self.assertIn(text, said)

    def test_carets_stand_below_their_places(self):
        said = self.check(GRAPH).splitlines()
        lines = GRAPH.splitlines()
        for message, quoted, caret in zip(said[::3], said[1::3], said[2::3]):
            line, column = (int(number) for number in message.split(":")[1:3])
            self.assertEqual(quoted, f"{line:5} | {lines[line - 1]}")
            self.assertEqual(caret.index("^"), len("      | ") + column - 1)

    def test_one_mistake_is_said_once(self):
        said = self.check("flowrun: 1\nparams: {size: 512}\nnodes:\n  slides: {type: read, path: x}\n"
                          "  tissue: {type: detect, from: slides, level: \"${levl}\"}\n")
        self.assertEqual(re.findall(r"error: (.*)", said), ["unknown parameter 'levl'"])

    def test_cycle(self):
        said = self.check("flowrun: 1\nnodes:\n  slides: {type: read, path: x}\n"
                          "  a: {type: slow_tiles, from: b}\n  b: {type: slow_tiles, from: a}\n",
                          "--plugin-dir", support.test_plugins())
        for place, name in (("4:3", "a"), ("5:3", "b")):
            self.assertIn(f"graph.yaml:{place}: error: node '{name}' is part of a cycle", said)

    def test_a_run_says_the_same(self):
        graph = self.write(GRAPH)
        ended = flowrun("run", graph.name, folder=graph.parent)
        self.assertEqual(ended, flowrun("check", graph.name, folder=graph.parent))
        self.assertEqual(sorted(graph.parent.iterdir()), [graph], "a graph with mistakes made something")

    def test_tabs_before_the_place(self):
        said = self.check("flowrun: 1\nnodes:\n  slides: {type: read,\t\tpaht: x}\n")
        self.assertIn("      |                       \t\t^ did you mean 'path'?\n", said)

    def test_letters_of_several_bytes_before_the_place(self):
        """The caret stands below the place on the screen: the column counts letters, not bytes."""
        said = self.check("flowrun: 1\nnodes:\n  slides: {path: Gew\u00e4be, type: read, mpq: 1}\n")
        caret = next(line for line in said.splitlines() if "did you mean" in line)
        self.assertEqual(caret.index("^"), len("      |   slides: {path: Gew\u00e4be, type: read, "))


if __name__ == "__main__":
    support.main()

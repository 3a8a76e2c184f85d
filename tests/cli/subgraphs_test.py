#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Graphs that are made of other graph files give what the same nodes give when they are written in one file."""
import json

import support
from support import DONE, flowrun, outputs, settings, synth

PART = """\
flowrun: 1
params: {{mpp: 4, out: }}
inputs: [slide]
outputs: {{mask: found, tile: cut}}
nodes:
  found: {{type: detect, from: slide, mpp: "${{mpp}}"}}
  cut: {{type: extract, from: {{slide: slide, mask: found}}, size: 128, min_coverage: 0.3}}
  files: {{type: save, from: {{tile: cut, slide: slide{mask}}}, dir: "${{out}}"}}
"""

WHOLE = """\
flowrun: 1
params: {slides: slides, out: out}
nodes:
  slides: {type: read, path: "${slides}"}
  found: {type: detect, from: slides, mpp: 8}
  cut: {type: extract, from: {slide: slides, mask: found}, size: 128, min_coverage: 0.3}
  files: {type: save, from: {tile: cut, slide: slides}, dir: "${out}/a"}
  again: {type: save, from: cut, dir: "${out}/b"}
"""

PARTS = """\
flowrun: 1
params: {slides: slides, out: out}
nodes:
  slides: {type: read, path: "${slides}"}
  part: {use: parts/part.yaml, from: slides, mpp: 8, out: "${out}/a"}
  again: {type: save, from: part.tile, dir: "${out}/b"}
"""


class Subgraphs(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.slide = synth(cls.root / "slides/a.b.svs", 1500, 1200)

    def folder(self, **files):
        """A folder with graph files, by their names without .yaml; `part` lies in a folder of its own."""
        folder = self.fresh("graphs")
        (folder / "parts").mkdir(parents=True)
        for name, text in files.items():
            (folder / ("parts" if name == "part" else "") / f"{name}.yaml").write_text(text)
        return folder

    def run_graph(self, graph, out):
        self.assert_ended(flowrun("run", graph, "--quiet", *settings(slides=self.slide, out=out)), DONE)
        return outputs(out)

    def test_the_same_files(self):
        folder = self.folder(whole=WHOLE, parts=PARTS, part=PART.format(mask=""))
        whole = self.run_graph(folder / "whole.yaml", self.fresh())
        self.assertGreater(len(whole), 20)
        self.assert_same(self.run_graph(folder / "parts.yaml", self.fresh()), whole)

    def test_a_change_in_a_part_redoes_the_slides(self):
        folder = self.folder(parts=PARTS, part=PART.format(mask=""))
        out = self.fresh()
        self.run_graph(folder / "parts.yaml", out)
        again = flowrun("run", folder / "parts.yaml", "--json", *settings(slides=self.slide, out=out))
        self.assertEqual([scope["status"] for scope in json.loads(again.out)["scopes"]], ["done before"])
        (folder / "parts/part.yaml").write_text(PART.format(mask=", mask: found"))
        changed = flowrun("run", folder / "parts.yaml", "--json", *settings(slides=self.slide, out=out))
        self.assertEqual([scope["status"] for scope in json.loads(changed.out)["scopes"]], ["done"])
        self.assertTrue((out / "a/a.b/mask.png").is_file())

    def test_names_in_the_summary_and_in_errors(self):
        folder = self.folder(parts=PARTS, part=PART.format(mask="").replace("size: 128", "size: 128, level: 9"))
        ended = flowrun("run", folder / "parts.yaml", "--json", *settings(slides=self.slide, out=self.fresh()))
        self.assertEqual([node["name"] for node in json.loads(ended.out)["nodes"]],
                         ["slides", "part/found", "part/cut", "part/files", "again"])
        self.assert_ended(ended, support.FAILED, "error: a.b: part/cut: ")

    def test_a_source_in_a_part(self):
        """Each part opens its slides; the journal tells them apart."""
        part = ("flowrun: 1\nparams: {slides: , out: }\noutputs: {slide: slides}\nnodes:\n"
                "  slides: {type: read, path: \"${slides}\"}\n"
                "  tiles: {type: extract, from: slides, size: 512}\n"
                "  files: {type: save, from: tiles, dir: \"${out}\"}\n")
        graph = ("flowrun: 1\nparams: {slides: slides, out: out}\nnodes:\n"
                 "  one: {use: parts/part.yaml, slides: \"${slides}\", out: \"${out}/one\"}\n"
                 "  two: {use: parts/part.yaml, slides: \"${slides}\", out: \"${out}/two\"}\n"
                 "  tissue: {type: detect, from: one.slide}\n")
        folder, out = self.folder(graph=graph, part=part), self.fresh()
        found = self.run_graph(folder / "graph.yaml", out)
        one = {name[4:]: what for name, what in found.items() if name.startswith("one/")}
        two = {name[4:]: what for name, what in found.items() if name.startswith("two/")}
        self.assertGreater(len(one), 3)
        self.assert_same(one, two)
        for name in ("one", "two"):
            self.assertTrue((out / f"{name}/.flowrun/done/{name}~slides.a.b.json").is_file())

    def test_paths_are_relative_to_the_file_that_they_are_written_in(self):
        part = PART.format(mask="").replace("out: }", "out: beside}")
        graph = PARTS.replace(', out: "${out}/a"', "").replace("${out}/b", "here")
        folder = self.folder(graph=graph, part=part)
        self.assert_ended(flowrun("run", folder / "graph.yaml", "--quiet", *settings(slides=self.slide)), DONE)
        self.assertTrue((folder / "parts/beside/a.b/tiles.csv").is_file())
        self.assertTrue((folder / "here/a.b/tiles.csv").is_file())

    def test_a_part_within_a_part(self):
        outer = ("flowrun: 1\nparams: {out: }\ninputs: [image]\noutputs: {pieces: inner.tile}\nnodes:\n"
                 "  inner: {use: parts/part.yaml, from: image, mpp: 8, out: \"${out}\"}\n")
        graph = PARTS.replace("use: parts/part.yaml", "use: outer.yaml").replace(", mpp: 8", "").replace(
            "from: part.tile", "from: part")
        folder = self.folder(whole=WHOLE, graph=graph, outer=outer, part=PART.format(mask=""))
        self.assert_same(self.run_graph(folder / "graph.yaml", self.fresh()),
                         self.run_graph(folder / "whole.yaml", self.fresh()))


if __name__ == "__main__":
    support.main()

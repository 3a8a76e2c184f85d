#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The documentation: pages of nodes are what the program prints, their examples run, links lead somewhere."""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

import torch

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PAGES = [SOURCE / "README.md", SOURCE / "plugins/example/README.md", *sorted((SOURCE / "docs").rglob("*.md"))]
BUILD: pathlib.Path


def flowrun(*arguments, folder=None):
    """Runs the program; returns exit code, standard output, standard error."""
    environment = {name: value for name, value in os.environ.items() if name != "FLOWRUN_PLUGIN_PATH"}
    done = subprocess.run([str(BUILD / "bin/flowrun"), *(str(a) for a in arguments)], capture_output=True, text=True,
                          cwd=folder, env=environment)
    return done.returncode, done.stdout, done.stderr


def node_types():
    lists = [json.loads(file.read_text()) for file in (BUILD / "lib/flowrun").glob("*.json")]
    return sorted(name for one in lists for name in one["nodes"])


def example(node_type):
    """From its page, which is what the program prints: test_every_node_has_its_page."""
    text = (SOURCE / f"docs/nodes/{node_type}.md").read_text()
    return re.search(r"^```yaml\n(.*?)^```", text, re.M | re.S)[1].rstrip("\n")


def graph_of(wanted, examples):
    """A graph of an example and, by their names, of all that it takes from."""
    entries, missing = {}, [wanted.split(":")[0]]
    by_name = {text.split(":")[0]: text for text in reversed(examples)}
    by_name[missing[0]] = wanted
    while missing:
        name = missing.pop()
        if name in entries:
            continue
        entries[name] = by_name[name]
        sources = re.search(r"\bfrom:\s*(\{[^}]*\}|[\w.-]+)", entries[name])
        if sources:
            taken = re.findall(r":\s*([\w-]+)", sources[1]) or [sources[1].split(".")[0]]
            missing.extend(taken)
    lines = [f"  {line}" for entry in entries.values() for line in entry.splitlines()]
    return "\n".join(["flowrun: 1", "nodes:", *lines, ""])


class Docs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="flowrun-docs-")
        cls.slide = pathlib.Path(cls.folder.name) / "small.svs"
        cls.annotations = cls.slide.with_suffix(".xml")
        code, _, problem = flowrun("synth", cls.slide, "--width", 2200, "--height", 1800, "--annotations",
                                   cls.annotations)
        assert code == 0, problem
        cls.model = pathlib.Path(cls.folder.name) / "model.pt"
        mean_colour = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2))
        facts = {"architecture": "", "classes": ["stroma", "tumor"], "width": 0, "height": 0, "mean": [0, 0, 0],
                 "std": [1, 1, 1]}
        torch.jit.save(torch.jit.script(mean_colour), str(cls.model), _extra_files={"flowrun.json": json.dumps(facts)})
        cls.encoder = cls.model.with_name("encoder.pt")
        torch.jit.script(mean_colour[:2]).save(str(cls.encoder))
        cls.segmenter = cls.model.with_name("segmenter.pt")
        torch.jit.script(torch.nn.Conv2d(3, 3, 1)).save(str(cls.segmenter))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def lay_out(self, place):
        """What the examples find where they run."""
        for name in ("slides", "xml", "downloads/case"):
            (place / name).mkdir(parents=True)
        shutil.copy(self.slide, place / "slides")
        shutil.copy(self.slide, place / "downloads/case/other.svs")
        for table in ("train.csv", "val.csv"):
            (place / table).write_text("slide,x,y,label\n" + "".join(
                f"slides/small.svs,{300 * i},{300 * i},{i % 2}\n" for i in range(4)))
        (place / "features").mkdir()
        for i in range(12):
            torch.save(torch.rand(5, 8, generator=torch.Generator().manual_seed(i)) + i % 2, place / f"features/s{i}.pt")
        (place / "labels.csv").write_text("slide,label\n" + "".join(f"s{i},{i % 2}\n" for i in range(12)))
        shutil.copy(self.annotations, place / "xml")
        shutil.copy(self.model, place)
        shutil.copy(self.encoder, place)
        shutil.copy(self.segmenter, place)

    def test_graphs_run_as_they_are(self):
        for graph in sorted((SOURCE / "graphs").glob("*.yaml")):
            if graph.name in ("train.yaml", "her2.yaml"):
                continue  # takes several slides: train_graph_test.py and her2_test.py run them
            with self.subTest(graph=graph.name), tempfile.TemporaryDirectory(prefix="flowrun-docs-") as folder:
                place = pathlib.Path(folder)
                self.lay_out(place)
                shutil.copytree(SOURCE / "graphs", place, dirs_exist_ok=True)
                code, out, problem = flowrun(graph.name, folder=folder)
                self.assertEqual(code, 0, out + problem)
                self.assertTrue(any(path.suffix in (".csv", ".h5") for path in (place / "out").rglob("*")))

    def test_every_node_has_its_page(self):
        for name in node_types():
            page = SOURCE / "docs/nodes" / f"{name}.md"
            with self.subTest(page=page.name):
                code, text, problem = flowrun("nodes", name, "--markdown")
                self.assertEqual(code, 0, problem)
                self.assertTrue(page.is_file(), f"make it: flowrun nodes {name} --markdown > docs/nodes/{name}.md")
                self.assertEqual(page.read_text(), text,
                                 f"make it anew: flowrun nodes {name} --markdown > docs/nodes/{name}.md")
        pages = {page.stem for page in (SOURCE / "docs/nodes").glob("*.md")}
        self.assertLessEqual(pages - {"README"}, set(node_types()), "a page of a node that is not there")

    def test_every_example_runs(self):
        """In a graph of its own, if no other example's graph has it. Of 20 epochs two are run."""
        examples = [example(name).replace("count: 20", "count: 2") for name in node_types()]
        graphs = {text: graph_of(text, examples) for text in examples}
        ran = []
        for text, content in sorted(graphs.items(), key=lambda one: len(one[1]), reverse=True):
            if any("\n" + textwrap.indent(text, "  ") + "\n" in other for other in ran):
                continue
            with self.subTest(example=text), tempfile.TemporaryDirectory(prefix="flowrun-docs-") as folder:
                ran.append(content)
                place = pathlib.Path(folder)
                self.lay_out(place)
                (place / "graph.yaml").write_text(content)
                code, out, problem = flowrun("graph.yaml", folder=folder)
                self.assertEqual(code, 0, content + out + problem)

    def test_links_lead_somewhere(self):
        for page in PAGES:
            text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
                if "://" not in target:
                    self.assertTrue((page.parent / target).exists(), f"{page}: {target}")

    def test_the_error_sample_is_real(self):
        text = (SOURCE / "docs/writing-graphs.md").read_text()
        graph, said = re.search(r"^```yaml wrong\n(.*?)^```.*?^```text\n(.*?)^```", text, re.M | re.S).groups()
        with tempfile.TemporaryDirectory(prefix="flowrun-docs-") as folder:
            (pathlib.Path(folder) / "graph.yaml").write_text(graph)
            code, _, problem = flowrun("graph.yaml", folder=folder)
        self.assertEqual(code, 2)
        self.assertEqual(problem, said)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    arguments, rest = parser.parse_known_args()
    BUILD = arguments.build.resolve()
    unittest.main(argv=[sys.argv[0], *rest])

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the program tells of nodes and graphs: as JSON, as a JSON Schema of graph files, as a drawing."""
import json
import re
import subprocess
import xml.etree.ElementTree

import jsonschema
import yaml

import mistakes_test
import support
from support import DONE, FAILED, SOURCE, USAGE, flowrun

# Kinds of mistakes that one look at the file shows, without following names or adding up bytes.
SEEN_BY_SCHEMA = """\
no version
another version
unknown key of the file
not a map
an empty file
memory that is a list
no threads
threads in words
params that are a list
a parameter that is a list
no nodes
nodes that are a list
a node that is no map
a name that is none
no type
an unknown type
a type that is like no other
an unknown option
a required option is missing
an unknown choice
too large a number
not above the bound
a number in words
a fraction for a whole number
a list for a single value
a map is needed
a wrong entry of a map
no workers
an unknown policy
from, for a node without inputs
from, for a node with several inputs
an input that is not there
an input with two sources
an input with a list
an input that is not connected
one of several inputs is not connected
use and type
""".splitlines()

TENSORS = """
flowrun: 1
memory: 1 GiB
nodes:
  epochs: {type: epochs, train_csv: train.csv, count: 1}
  samples: {type: load, from: epochs, size: 32}
  batches: {type: to_tensor, from: samples}
"""


class Introspection(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        printed = flowrun("schema", "--plugin-dir", support.test_plugins())
        assert printed.code == DONE, printed.err
        cls.schema = json.loads(printed.out)
        jsonschema.Draft7Validator.check_schema(cls.schema)
        cls.validator = jsonschema.Draft7Validator(cls.schema)

    def problems(self, text):
        return [problem.message for problem in self.validator.iter_errors(yaml.safe_load(text))]

    def test_graphs_fit_the_schema(self):
        graphs = sorted((SOURCE / "graphs").rglob("*.yaml"))
        self.assertGreater(len(graphs), 2)
        for graph in graphs:
            with self.subTest(graph=graph.name):
                self.assertEqual(self.problems(graph.read_text()), [])

    def test_examples_fit_the_schema(self):
        for node in json.loads(flowrun("nodes", "--json").out):
            with self.subTest(node=node["name"]):
                entry = "".join(f"  {line}\n" for line in node["example"].splitlines())
                self.assertEqual(self.problems(f"flowrun: 1\nnodes:\n{entry}"), [])

    def test_mistakes_do_not(self):
        seen = set()
        for name, _, files, _ in mistakes_test.kinds():
            if name in SEEN_BY_SCHEMA:
                seen.add(name)
                self.assertNotEqual(self.problems(files["graph.yaml"]), [], name)
        self.assertEqual(seen, set(SEEN_BY_SCHEMA))

    def test_what_the_schema_refuses_is_refused(self):
        """The schema is not stricter than the program."""
        for name, _, files, _ in mistakes_test.kinds():
            if name in SEEN_BY_SCHEMA:
                continue
            for file, text in files.items():
                try:
                    problems = self.problems(text)
                except (yaml.YAMLError, TypeError):  # not even YAML
                    continue
                if problems:
                    self.assertIn(name, ("a mistake in a file that is used", "memory of an unknown unit",
                                         "yes for true", "not a number at all", "an empty path",
                                         "a parameter of a file that is not given"), f"{file}: {problems}")

    def test_a_schema_completes(self):
        """What an editor offers: types, options with their help, choices."""
        rules = {rule["if"]["properties"]["type"]["const"]: rule["then"]
                 for rule in self.schema["definitions"]["node"]["allOf"]}
        self.assertEqual(sorted(rules), sorted(self.schema["definitions"]["node"]["properties"]["type"]["enum"]))
        size = rules["extract"]["properties"]["size"]
        self.assertEqual((size["anyOf"][0]["type"], size["anyOf"][0]["minimum"]), ("integer", 1))
        self.assertIn("pixels", size["description"])
        self.assertIn({"enum": ["png", "jpg", "none"]}, rules["save"]["properties"]["format"]["anyOf"])

    def test_nodes_as_json_are_nodes_as_text(self):
        nodes = json.loads(flowrun("nodes", "--json").out)
        listed = re.findall(r"^(\w+) +(.*) \[(.*)\]$", flowrun("nodes").out, re.M)
        self.assertEqual([(node["name"], node["summary"], node["plugin"]) for node in nodes], listed)
        for node in nodes:
            self.assertEqual(json.loads(flowrun("nodes", node["name"], "--json").out), node)
            page = (SOURCE / f"docs/nodes/{node['name']}.md").read_text()
            for option in node["options"]:
                self.assertIn(f"| `{option['name']}` | {option['type']} |", page)
            self.assertEqual(page.count("| input |") + page.count("| output |"),
                             len(node["inputs"]) + len(node["outputs"]))

    def test_an_unknown_node(self):
        self.assert_ended(flowrun("nodes", "extrakt", "--json"), USAGE, "did you mean 'extract'?")

    def drawn(self, graph, *more):
        ended = flowrun("draw", graph, *more)
        self.assert_ended(ended, DONE)
        return ended.out

    def test_a_drawing_shows_ports_types_and_bytes(self):
        svg = xml.etree.ElementTree.fromstring(self.drawn(SOURCE / "graphs/resolutions.yaml"))
        texts = [text.text.strip() for text in svg.iter("{http://www.w3.org/2000/svg}text")]
        for text in ("slides", "read", "fine/cut", "extract", "tile", "dropped", "wsi.tile/3", "wsi.mask/1", "192 KiB",
                     "34 MiB", "up to 8 MiB"):
            self.assertIn(text, texts)
        # An edge for each line of the plan that says what an input takes.
        plan = flowrun("check", SOURCE / "graphs/resolutions.yaml").out
        edges = [g for g in svg.iter("{http://www.w3.org/2000/svg}g") if g.get("class") == "edge"]
        self.assertEqual(len(edges), plan.count(" <- "))

    def test_names_are_not_taken_for_markup(self):
        graph = self.write("flowrun: 1\nname: a<b&c\nnodes: {a-b: {type: read, path: x}}\n")
        xml.etree.ElementTree.fromstring(self.drawn(graph))
        self.assertTrue(self.drawn(graph, "--dot").startswith("digraph {\n"))

    def test_versions(self):
        """Of the libraries: as the package manager's files say."""
        ended = flowrun("--version")
        self.assert_ended(ended, DONE)
        first, *others = ended.out.splitlines()
        self.assertRegex(first, r"^flowrun \d+\.\d+\.\d+$")
        for name, package in (("OpenSlide", "openslide"), ("OpenCV", "opencv4"), ("oneTBB", "tbb")):
            version = subprocess.run(["pkg-config", "--modversion", package], capture_output=True, text=True).stdout
            self.assertRegex("\n".join(others), rf"\b{name} {re.escape(version.strip().removesuffix('.0'))}")
        self.assertRegex(ended.out, r"(?m)^wsi \d.*/wsi\.so\): ")

    def test_threads_of_openmp_sleep_while_they_wait(self):
        """Unless the user has them spin. OpenMP tells how often they look before they sleep when libtorch loads it."""
        for variables, sleep in (({}, True), ({"OMP_WAIT_POLICY": "ACTIVE"}, False)):
            ended = flowrun("check", self.write(TENSORS), variables={"OMP_DISPLAY_ENV": "VERBOSE", **variables})
            looks = int(re.search(r"GOMP_SPINCOUNT *= *'(\d+)'", ended.err)[1])
            self.assertEqual(looks == 0, sleep, looks)

    def test_a_drawing_needs_graphviz(self):
        """But not its text."""
        graph = SOURCE / "graphs/extract.yaml"
        programs = self.fresh("programs")
        programs.mkdir()
        nothing = {"PATH": str(programs)}
        ended = flowrun("draw", graph, variables=nothing)
        self.assert_ended(ended, FAILED, "error: drawing needs Graphviz's program dot, which is not in PATH; install it "
                          "(Debian: graphviz), or say --dot and lay the text out elsewhere\n")
        self.assertEqual(ended.out, "")
        self.assertTrue(flowrun("draw", graph, "--dot", variables=nothing).out.startswith("digraph {\n"))
        (programs / "dot").write_text("#!/bin/sh\necho '<svg'; exit 3\n")
        (programs / "dot").chmod(0o755)
        ended = flowrun("draw", graph, variables=nothing)
        self.assert_ended(ended, FAILED, "error: Graphviz's program dot did not lay the graph out; ")
        self.assertEqual(ended.out, "")

    def test_a_wrong_graph_is_not_drawn(self):
        ended = flowrun("draw", self.write("flowrun: 1\nnodes: {a: {type: raed}}\n"))
        self.assert_ended(ended, USAGE, "unknown node type 'raed'")
        self.assertEqual(ended.out, "")


if __name__ == "__main__":
    support.main()

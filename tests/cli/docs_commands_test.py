#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every page is run as it is read: its files are written, its commands run, in their order, against the installed
program. The words behind a block's language say what it is:

    ```sh                       commands; they go on where those of the block before were
    ```yaml tiles.yaml          a file (also cpp, h, cmake)
    ```yaml                     a graph, run in a folder of its own
    ```yaml part                entries of `nodes:`; what they take from is added from the examples of nodes
    ```yaml wrong               a wrong graph; what is said follows in a text block (docs_test)
    ```sh not run: REASON       none of these
"""
import os
import pathlib
import re
import shutil
import subprocess

import docs_test
import mistakes_test
import support
from support import SOURCE, flowrun, settings

# Not those of nodes: docs_test compares and runs them.
PAGES = [SOURCE / "README.md", SOURCE / "plugins/example/README.md", *sorted((SOURCE / "docs").glob("*.md"))]
# Folders that a page speaks of as if they were the reader's.
FOLDERS = ("/opt/flowrun", "/downloads", "/data", "/out")


def blocks(page):
    """Language, words behind it, text, of each block of a page."""
    for language, words, text in re.findall(r"^```(\w+) ?([^\n]*)\n(.*?)^```", page.read_text(), re.M | re.S):
        yield language, words.strip(), text


class Pages(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prefix = cls.root / "opt/flowrun"
        subprocess.run(["cmake", "--install", support.BUILD, "--prefix", cls.prefix], check=True,
                       stdout=subprocess.DEVNULL)
        cls.slide = support.synth(cls.root / "other.svs", 2200, 1800)
        cls.annotations = cls.root / "other.xml"
        flowrun("synth", cls.root / "again.svs", "--width", 2200, "--height", 1800, "--annotations", cls.annotations)

    def reader(self, page):
        """A folder as the page's reader has it: slides and annotations, the graphs, and the page's own neighbours."""
        place = self.fresh("reader")
        for folder in ("slides", "xml", "data/xml", "downloads/b", "out"):
            (place / folder).mkdir(parents=True)
        for folder in ("slides", "data", "downloads/b"):
            shutil.copy(self.slide, place / folder)
        for folder in ("xml", "data/xml"):
            shutil.copy(self.annotations, place / folder)
        # A second one, so that training can hold one out for validation.
        shutil.copy(self.slide, place / "slides/second.svs")
        shutil.copy(self.annotations, place / "xml/second.xml")
        for table, slide in (("train.csv", "other"), ("val.csv", "second")):
            (place / table).write_text("slide,x,y,label\n" + "".join(
                f"slides/{slide}.svs,{300 * i},{300 * i},{i % 2}\n" for i in range(4)))
        shutil.copytree(SOURCE / "graphs", place / "graphs")
        if page.parent.name == "example":
            shutil.copytree(page.parent, place, dirs_exist_ok=True)
        (place / "opt").mkdir()
        (place / "opt/flowrun").symlink_to(self.prefix)
        return place

    def run_script(self, script, place):
        script = script.replace("build/release/bin/flowrun", "flowrun")
        for folder in FOLDERS:
            script = re.sub(rf"(?<![\w./}}]){folder}\b", str(place) + folder, script)
        environment = {**support.environment(), "PATH": f"{self.prefix}/bin:{os.environ['PATH']}",
                       "CXXFLAGS": " ".join(support.sanitizer()), "SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_MIN": "1",
                       "SLURM_ARRAY_TASK_COUNT": "16", "SLURM_CPUS_PER_TASK": "2"}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=place, env=environment,
                              capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout}\n{done.stderr}")

    def test_every_block_says_what_it_is(self):
        for page in PAGES:
            for language, words, text in blocks(page):
                with self.subTest(page=page.name, block=text[:60]):
                    self.assertIn(language, ("sh", "yaml", "cpp", "cmake", "text", "json", "python"))
                    if words.startswith("not run"):
                        self.assertRegex(words, r"^not run: \w.{8,}")
                    elif language == "yaml":
                        self.assertTrue(re.search(r"^flowrun: 1$", text, re.M) or words == "part", "not a graph")
                        self.assertRegex(words, r"^(|part|wrong|[\w./-]+\.yaml)$")
                    elif language == "sh":
                        self.assertEqual(words, "")
                    elif language in ("cpp", "python"):
                        self.assertTrue(words or "FLOWRUN_PLUGIN(" in text, "neither a file nor a plugin")

    def test_pages_run_as_they_are_read(self):
        ran = 0
        for page in PAGES:
            script = []
            for language, words, text in blocks(page):
                if words.startswith("not run") or words in ("part", "wrong"):
                    continue
                if language == "sh":
                    script.append(text)
                elif words and language != "text":
                    script.append(f"mkdir -p $(dirname {words}); cat > {words} <<'END OF FILE'\n{text}END OF FILE\n")
            if any("cat >" not in part for part in script):
                ran += 1
                with self.subTest(page=page.relative_to(SOURCE)):
                    self.run_script("\n".join(script), self.reader(page))
        self.assertGreater(ran, 3)

    def test_graphs_run(self):
        for page in PAGES:
            for language, words, text in blocks(page):
                if language == "yaml" and words in ("", "part"):
                    with self.subTest(page=page.name, graph=text[:60]):
                        place = self.reader(page)
                        graph = text if words == "" else self.completed(text)
                        (place / "graph.yaml").write_text(graph)
                        unset = [name for name in re.findall(r"^  (\w+):\s*(?:#.*)?$", graph.split("nodes:")[0], re.M)]
                        ended = flowrun("run", "graph.yaml", *settings(**{name: place / name for name in unset}),
                                        folder=place)
                        self.assert_ended(ended, support.DONE)

    def completed(self, part):
        """A graph of entries and of the examples of nodes that they take from."""
        entries = re.split(r"\n(?=  \w)", part.rstrip("\n"))
        examples = [docs_test.example(name) for name in docs_test.node_types()]
        entries = [entry[2:] for entry in entries]
        graph = docs_test.graph_of(entries[0], [*entries, *examples])
        for entry in entries[1:]:
            if not re.search(rf"^  {entry.split(':')[0]}:", graph, re.M):
                more = docs_test.graph_of(entry, [*entries, *examples]).split("nodes:\n")[1]
                for line in more.splitlines():
                    if line not in graph:
                        graph += line + "\n"
        return graph

    def test_a_node_and_its_test_take_less_than_60_lines(self):
        """Of the files that the tutorial of writing plugins writes."""
        page = SOURCE / "docs/writing-plugins.md"
        files = {words: text for language, words, text in blocks(page) if language == "cpp" and words
                 and not words.startswith("not run")}
        self.assertGreaterEqual(len(files), 2)
        lines = sum(text.count("\n") for text in files.values())
        self.assertLess(lines, 60)


class Mistakes(support.ProgramTest):
    """The tables of mistakes in writing-graphs.md against the messages that mistakes_test.py asserts."""

    def test_every_class_of_mistakes_has_its_meaning(self):
        text = (SOURCE / "docs/writing-graphs.md").read_text()
        tables = text[text.index("### Every mistake and its meaning"):text.index("### What goes wrong while it runs")]
        rows = [row for cells in re.findall(r"^\| (`.*?`) \|", tables, re.M) for row in re.findall(r"`(.*?)`", cells)]
        patterns = {row: re.sub(r"\b[XNTF]\b", ".+", re.escape(row)) for row in rows}
        said = [message.replace("`", "'") for _, _, _, text in mistakes_test.kinds()
                for message in re.findall(r"^[^\n:]+:\d+:\d+: error: (.*)$", text, re.M)]
        for row, pattern in patterns.items():
            self.assertTrue(any(re.fullmatch(pattern, message) for message in said), f"no such message: {row}")
        for message in said:
            self.assertTrue(any(re.fullmatch(pattern, message) for pattern in patterns.values()),
                            f"writing-graphs.md does not explain: {message}")


def setUpModule():
    docs_test.BUILD = support.BUILD


if __name__ == "__main__":
    support.main()

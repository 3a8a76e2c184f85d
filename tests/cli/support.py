#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the program share: running it, making slides, looking at what it left."""
import argparse
import collections
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
REAL_SLIDES = SOURCE.parent / "shared/slides"
EXTRACT = SOURCE / "graphs/extract.yaml"
LONG = os.environ.get("FLOWRUN_LONG", "") not in ("", "0")
BUILD = pathlib.Path()

DONE, FAILED, USAGE, SKIPS, INTERRUPTED = 0, 1, 2, 3, 130

Ended = collections.namedtuple("Ended", "code out err")


def program():
    return BUILD / "bin/flowrun"


def test_plugins():
    return BUILD / "lib/flowrun-test"


def leave_out_torch(folder):
    """From here on the program is a copy in `folder` that finds all plugins but torch: whatever lists plugins opens them,
    and libtorch takes a second each time."""
    global BUILD
    (folder / "lib/flowrun").mkdir(parents=True)
    shutil.copytree(BUILD / "bin", folder / "bin")
    for path in [BUILD / "CMakeCache.txt", *(BUILD / "lib").iterdir(), *(BUILD / "lib/flowrun").iterdir()]:
        if path.name != "flowrun" and path.stem != "torch":
            (folder / path.relative_to(BUILD)).symlink_to(path)
    BUILD = folder


def environment(more=None):
    return {name: value for name, value in os.environ.items() if not name.startswith(("FLOWRUN_", "OMP_"))} | (more or {})


def command(*arguments):
    return [os.fsencode(part) if isinstance(part, (bytes, os.PathLike)) else str(part)
            for part in (program(), *arguments)]


def flowrun(*arguments, folder=None, limit=180, before=None, variables=None):
    """Runs the program to its end; one that hangs fails the test."""
    done = subprocess.run(command(*arguments), capture_output=True, cwd=folder, env=environment(variables),
                          timeout=limit, preexec_fn=before)
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def start(*arguments, variables=None):
    """Starts the program in the background."""
    return subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=environment(variables))


def file_calls(folder):
    """Builds file_calls.c, which sees what the program does to its file systems, into a folder."""
    library = folder / "file_calls.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE / "tests/cli/file_calls.c", "-ldl"],
                   check=True)
    return library


def sanitizer():
    """The flags that a plugin must be built with to be as the program is."""
    cache = BUILD / "CMakeCache.txt"
    found = re.search(r"^FLOWRUN_SANITIZE:STRING=(.+)", cache.read_text(), re.M) if cache.is_file() else None
    return [f"-fsanitize={found[1]}"] if found else []


def sanitized():
    """The program is built with a sanitizer, which takes memory of its own."""
    return bool(sanitizer())


def settings(**values):
    return [part for name, value in values.items() for part in ("--set", f"{name}={value}")]


def extract(slides, out, *more, size=256, stride=256, **values):
    """The arguments of a run of graphs/extract.yaml."""
    return ["run", EXTRACT, *settings(slides=slides, out=out, size=size, stride=stride, **values), *more]


def synth(path, width=3000, height=2500, seed=1, annotations=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    more = ["--annotations", annotations] if annotations else []
    if annotations:
        annotations.parent.mkdir(parents=True, exist_ok=True)
    ended = flowrun("synth", path, "--width", width, "--height", height, "--seed", seed, *more)
    if ended.code != 0:
        raise AssertionError(f"synth ended with {ended.code}: {ended.err}")
    return path


def real_slides():
    """The real slides, where they are there; in a short test only the one that is read fast."""
    names = ["CMU-1-Small-Region.svs", "TCGA-CR-7395-01A-01-TS1.svs"]
    found = [REAL_SLIDES / name for name in (names if LONG else names[:1]) if (REAL_SLIDES / name).is_file()]
    if not found:
        print(f"real slides skipped: there are none in {REAL_SLIDES}", file=sys.stderr)
    return found


def outputs(folder):
    """Every file below a folder with the hash of its bytes, but for journals and the reports of the last runs."""
    found = {}
    for place, folders, files in os.walk(folder):
        if ".flowrun" in folders:
            folders.remove(".flowrun")
        for name in files:
            path = pathlib.Path(place, name)
            if name == "report.html":
                continue
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def stamps(folder):
    """What changes when a file is written anew: its inode and time."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


def done_scopes(out, node="slides"):
    """The names of the slides that the journal calls done."""
    return {path.stem[len(node) + 1:] for path in (out / ".flowrun/done").glob(f"{node}.*.json")}


def journal_file(path):
    """A file of the journal, which no power cut may tear."""
    text = path.read_text()
    try:
        return json.loads(text)
    except ValueError:
        raise AssertionError(f"{path} is torn: {text!r}") from None


def publications(folder):
    """By scope the publications that have got as far as their intent: {scope: {id: whether all folders had it}}."""
    found = collections.defaultdict(dict)
    for kind, ending, agreed in (("publishing", ".json", False), ("publishing", ".agreed", True),
                                 ("done", ".json", True)):
        for path in (folder / ".flowrun" / kind).glob("*" + ending):
            content = journal_file(path)
            entry = content["entry"] if kind == "publishing" else content
            found[path.stem][entry["publication"]] = agreed
    return found


def differences(found, expected):
    """Which files differ between two results of outputs(), in words; empty when none does."""
    names = sorted(set(found) | set(expected))
    different = [name for name in names if found.get(name) != expected.get(name)]
    return ", ".join(different[:10]) + (f" and {len(different) - 10} more" if len(different) > 10 else "")


class ProgramTest(unittest.TestCase):
    """A test with a folder of its own."""

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="flowrun-cli-")
        cls.root = pathlib.Path(cls.holder.name).resolve()
        cls.number = 0

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def fresh(self, name="out"):
        """A path that nothing is at."""
        type(self).number += 1
        return self.root / f"{name}{self.number}"

    def write(self, text, name="graph.yaml"):
        """A file in a new folder."""
        path = self.fresh("files") / name
        path.parent.mkdir()
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def assert_no_crash(self, ended):
        said = ended.out + ended.err
        self.assertGreaterEqual(ended.code, 0, f"killed by signal {-ended.code}: {said}")
        self.assertIn(ended.code, (DONE, FAILED, USAGE, SKIPS, INTERRUPTED), said)
        for sign in ("terminate called", "what():", "Sanitizer", "core dumped", "basic_string", "std::bad",
                     "json.exception", "vector::", "filesystem error"):
            self.assertNotIn(sign, said)

    def assert_ended(self, ended, code, *named):
        """The program ended with `code`, and said all that is in `named` on standard error."""
        self.assert_no_crash(ended)
        self.assertEqual(ended.code, code, ended.out + ended.err)
        for text in named:
            self.assertIn(str(text), ended.err)

    def assert_one_message(self, ended):
        self.assertEqual(len(re.findall(r"\berror: ", ended.err)), 1, ended.err)

    def assert_nothing_left(self, out):
        """No temporary file is left in an output folder."""
        for kind in ("staging", "publishing"):
            left = sorted(str(path) for path in (out / ".flowrun" / kind).rglob("*"))
            self.assertEqual(left, [], f"left in {kind}")
        self.assertEqual(sorted(out.rglob("*.tmp")), [])

    def assert_published_as_one(self, folders):
        """What the journal of one folder calls done is done in all, or will be by the next run."""
        parts = [publications(folder) for folder in folders]
        for scope in set().union(*parts):
            agreed = [publication for part in parts for publication, agreed in part[scope].items() if agreed]
            for folder, part in zip(folders, parts):
                if agreed:
                    self.assertIn(max(agreed), part[scope], f"{scope} in {folder}")

    def assert_same(self, found, expected, what=""):
        self.assertEqual(differences(found, expected), "", what)


def main():
    """Runs the tests of the calling script."""
    global BUILD, LONG
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build folder with bin/ and lib/")
    parser.add_argument("--long", action="store_true", help="the full counts; also with FLOWRUN_LONG=1")
    arguments, rest = parser.parse_known_args()
    BUILD = arguments.build.resolve()
    LONG = LONG or arguments.long
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])

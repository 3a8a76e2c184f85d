#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with slides, folders, options, graphs or plugins is said clearly; the rest is done; nothing
half-written is left."""
import os
import pathlib
import resource
import shutil
import subprocess
import time

import support
from support import DONE, FAILED, SKIPS, USAGE, extract, flowrun, outputs, settings, start, synth

def few_bytes():
    """Bounds a program that a hostile graph would let eat the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))


class BadInput(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.good = synth(cls.root / "good.svs")
        out = cls.root / "whole"
        flowrun(*extract(cls.good, out, "--quiet"))
        cls.whole = outputs(out)
        assert len(cls.whole) > 20

    def slides(self, **files):
        """A folder with the good slide, whose name comes in the middle, and others given as bytes."""
        folder = self.fresh("slides")
        folder.mkdir()
        shutil.copy(self.good, folder)
        for name, content in files.items():
            (folder / f"{name}.svs").write_bytes(content)
        return folder

    def assert_only_good(self, out):
        self.assert_same(outputs(out), self.whole)
        self.assert_nothing_left(out)


class Slides(BadInput):
    def assert_left_out(self, content, *named):
        out = self.fresh()
        ended = flowrun(*extract(self.slides(bad=content), out, "--quiet"))
        self.assert_ended(ended, FAILED, "bad.svs", *named)
        self.assert_one_message(ended)
        self.assertEqual(len(ended.err.splitlines()), 1, ended.err)
        self.assert_only_good(out)

    def test_empty_file(self):
        self.assert_left_out(b"")

    def test_text_file(self):
        self.assert_left_out(b"This is no slide.\n" * 100)

    def test_zeros(self):
        self.assert_left_out(bytes(100000))

    def test_only_the_magic_number(self):
        self.assert_left_out(b"II*\0")
        self.assert_left_out(b"II*\0\x08\0\0\0")
        self.assert_left_out(b"II+\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff")

    def test_broken_slide(self):
        broken = support.REAL_SLIDES / "broken.svs"
        if not broken.is_file():
            self.skipTest(f"there is no {broken}")
        self.assert_left_out(broken.read_bytes())

    def suffixed(self, out, name, table):
        """What came out of a slide, with `good` for its name."""
        files = {}
        for path in (out / name).iterdir():
            content = path.read_bytes()
            if path.name == table:
                content = content.replace(name.encode(), b"good")
            files[path.name.replace(name, "good")] = content
        return files

    def test_truncated_slides(self):
        for slide in [self.good, *support.real_slides()]:
            content = slide.read_bytes()
            cuts = {f"cut{number}": content[:len(content) * number // 11 + 13 * number] for number in range(1, 11)}
            cuts["cutlast"] = content[:-1]
            folder, out = self.slides(**cuts), self.fresh()
            if slide != self.good:
                shutil.copy(slide, folder / "whole.svs")
                whole = "whole"
            else:
                whole = "good"
            ended = flowrun(*extract(folder, out, "--quiet"))
            self.assertIn(ended.code, (DONE, FAILED))
            self.assert_no_crash(ended)
            self.assert_nothing_left(out)
            expected = self.suffixed(out, whole, "tiles.csv")
            for name in cuts:
                with self.subTest(slide=slide.name, cut=name):
                    lines = [line for line in ended.err.splitlines() if name + "." in line or name + ":" in line]
                    if (out / name).exists():
                        self.assertEqual(lines, [])
                        found = self.suffixed(out, name, "tiles.csv")
                        self.assertEqual(sorted(file for file in set(found) | set(expected)
                                                if found.get(file) != expected.get(file)), [])
                    else:
                        self.assertEqual(len(lines), 1, ended.err)
            self.assertTrue((out / "good").exists())

    def test_pixels_overwritten(self):
        """A slide whose tables are whole but whose pixels are not: an error, or a decoder's best; never a crash."""
        content = bytearray(self.good.read_bytes())
        for start_at in range(2000, len(content) // 2, 5000):
            content[start_at:start_at + 300] = bytes(300)
        out = self.fresh()
        ended = flowrun(*extract(self.slides(bad=bytes(content)), out, "--quiet"))
        self.assert_no_crash(ended)
        self.assertTrue((out / "good").exists())
        self.assertEqual((out / "bad").exists(), ended.code == DONE)
        self.assert_nothing_left(out)

    def test_missing_path(self):
        out = self.fresh()
        ended = flowrun(*extract(self.root / "nowhere.svs", out, "--quiet"))
        self.assert_ended(ended, FAILED, self.root / "nowhere.svs")
        self.assert_one_message(ended)
        self.assertEqual(outputs(out), {})

    def test_missing_path_in_a_list(self):
        slides = self.write(f"{self.good}\n{self.root}/nowhere.svs\n", "slides.txt")
        out = self.fresh()
        ended = flowrun(*extract(slides, out, "--quiet"))
        self.assert_ended(ended, FAILED, self.root / "nowhere.svs")
        self.assert_one_message(ended)
        self.assert_only_good(out)

    def test_folder_without_slides(self):
        folder = self.fresh("empty")
        folder.mkdir()
        (folder / "readme.txt").write_text("no slides here")
        ended = flowrun(*extract(folder, self.fresh(), "--quiet"))
        self.assert_ended(ended, FAILED, folder, "no slides")
        self.assert_one_message(ended)

    def test_pattern_without_match(self):
        ended = flowrun(*extract(self.root / "*.ndpi", self.fresh(), "--quiet"))
        self.assert_ended(ended, FAILED, self.root / "*.ndpi", "no file matches")
        self.assert_one_message(ended)

    def test_names_that_are_not_utf8(self):
        slides = self.fresh("slides")
        slides.mkdir()
        shutil.copy(self.good, slides)
        shutil.copy(self.good, os.fsencode(slides) + b"/sl\xe4de.svs")
        out = self.fresh()
        ended = flowrun(*extract(slides, out, "--quiet"))
        self.assert_ended(ended, DONE)
        self.assertTrue(os.path.exists(os.fsencode(out) + b"/sl%E4de/tiles.csv"))
        self.assertTrue((out / ".flowrun/summary.json").is_file())
        again = flowrun(*extract(slides, out))
        self.assertIn("in all: 2 done before", again.out)

    def test_list_of_junk(self):
        slides = self.write(bytes(range(1, 256)) * 20, "slides.txt")
        out = self.fresh()
        ended = flowrun(*extract(slides, out, "--json"))
        self.assert_ended(ended, FAILED)
        self.assertTrue((out / ".flowrun/summary.json").is_file())


class OutputFolders(BadInput):
    def assert_unwritable(self, out):
        ended = flowrun(*extract(self.good, out, "--quiet"))
        self.assert_ended(ended, FAILED, out)
        self.assert_one_message(ended)

    def test_below_a_file(self):
        file = self.write("a file")
        self.assert_unwritable(file / "out")
        self.assert_unwritable(file)

    def test_kernel_says_no(self):
        self.assert_unwritable(pathlib.Path("/proc/flowrun-out"))

    def mount(self, size):
        folder = self.fresh("disk")
        folder.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
                                               stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("a small disk cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(folder)])
        return folder

    def test_read_only(self):
        disk = self.mount("10m")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        self.assert_unwritable(disk / "out")

    def test_full_disk(self):
        """From no room at all to nearly enough: an error, nothing half-written; with room the run goes on."""
        needed = sum(path.stat().st_size for path in (self.root / "whole").rglob("*"))
        for kib in sorted({12, 100, needed // 4096, needed // 2048, needed // 1024 - 100}):
            with self.subTest(kib=kib):
                disk = self.mount(f"{kib}k")
                out = disk / "out"
                ended = flowrun(*extract(self.good, out, "--quiet"))
                self.assert_ended(ended, FAILED, str(disk))
                self.assertIn("No space left on device", ended.err)
                self.assertEqual(outputs(out), {})
                self.assert_nothing_left(out)
                subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
                self.assert_ended(flowrun(*extract(self.good, out, "--quiet")), DONE)
                self.assert_only_good(out)

    def test_two_processes(self):
        graph = self.write(f"""\
flowrun: 1
nodes:
  slides: {{type: read, path: {self.good}}}
  tissue: {{type: detect, from: slides}}
  tiles: {{type: extract, from: {{slide: slides, mask: tissue}}, size: 256, stride: 256}}
  slow: {{type: slow_tiles, from: tiles, milliseconds: 60}}
  files: {{type: save, from: {{tile: slow, slide: slides, mask: tissue}}, dir: out}}
""")
        out = graph.parent / "out"
        first = start(graph, "--quiet", "--plugin-dir", support.test_plugins())
        for _ in range(1000):
            if (out / ".flowrun/staging/slides.good").exists():
                break
            time.sleep(0.01)
        second = flowrun(*extract(self.good, out, "--quiet"))
        self.assertIsNone(first.poll(), "the first process ended too early")
        self.assert_ended(second, FAILED, out, "in use", first.pid)
        self.assert_one_message(second)
        self.assertEqual(first.communicate()[1], b"")
        self.assertEqual(first.returncode, DONE)
        self.assert_only_good(out)

    def foreign(self):
        out = self.fresh()
        (out / "taken").mkdir(parents=True)
        (out / "taken/mine.txt").write_text("mine")
        return self.slides(taken=self.good.read_bytes()), out

    def assert_untouched(self, out):
        self.assertEqual([path.name for path in (out / "taken").iterdir()], ["mine.txt"])
        self.assertEqual((out / "taken/mine.txt").read_text(), "mine")

    def test_foreign_folder(self):
        slides, out = self.foreign()
        for more in ([], ["--force"]):
            ended = flowrun(*extract(slides, out, "--quiet", *more))
            self.assert_ended(ended, FAILED, out / "taken", "was not made by flowrun")
            self.assert_one_message(ended)
            self.assert_untouched(out)
            self.assert_nothing_left(out)
            self.assertTrue((out / "good").is_dir())

    def test_foreign_folder_with_every_policy(self):
        """Whatever `on_error` says: what flowrun did not make it does not remove."""
        for policy in ("skip", "fail", "stop"):
            with self.subTest(on_error=policy):
                slides, out = self.foreign()
                text = support.EXTRACT.read_text()
                self.assertIn('    dir: "${out}"\n', text)
                graph = self.write(text.replace('dir: "${out}"\n', f'dir: "${{out}}"\n    on_error: {policy}\n'))
                ended = flowrun("run", graph, "--quiet", *settings(slides=slides, out=out))
                self.assert_no_crash(ended)
                self.assertNotEqual(ended.code, DONE)
                self.assertIn(str(out / "taken"), ended.err)
                self.assert_untouched(out)
                self.assert_nothing_left(out)


class Arguments(BadInput):
    """What `check` refuses, `run` refuses too: both read their arguments alike. But `check` writes nothing."""

    def assert_usage(self, *arguments, named=()):
        ended = flowrun(*arguments)
        self.assert_ended(ended, USAGE, *named)
        self.assertEqual(ended.out, "")

    def test_unknown_parameter(self):
        self.assert_usage("check", support.EXTRACT, "--set", "slide=x", named=["slide", "did you mean 'slides'?"])

    def test_bad_setting(self):
        self.assert_usage("check", support.EXTRACT, "--set", "slides", named=["slides", "name=value"])

    def test_unknown_option(self):
        self.assert_usage("check", support.EXTRACT, "--treads", 2, named=["--treads"])
        self.assert_usage("--treads", named=["--treads"])

    def test_bad_memory(self):
        for size in ("plenty", "-1", "1e30", "99999999999999999999", "nan", "", "5 PiB", "1.5.5 MiB"):
            with self.subTest(memory=size):
                self.assert_usage("check", support.EXTRACT, "--memory", size, named=["--memory", f"found '{size}'"])
        self.assert_usage("check", support.EXTRACT, "--memory", "0", named=["raise memory"])
        self.assert_usage("check", support.EXTRACT, "--memory", "20 MiB", named=["20 MiB", "raise memory"])

    def test_bad_threads(self):
        for threads in ("0", "-3", "99999", "two", ""):
            with self.subTest(threads=threads):
                self.assert_usage("check", support.EXTRACT, "--threads", threads, named=["--threads"])

    def test_unknown_command(self):
        self.assert_usage("chekc", named=["chekc", "did you mean 'check'?"])

    def test_missing_plugin_folder(self):
        self.assert_usage("check", support.EXTRACT, "--plugin-dir", self.root / "nowhere",
                          named=[self.root / "nowhere"])


class Graphs(BadInput):
    def refuse(self, graph, *named, folder=None):
        """Both commands refuse the graph soon, with a place or at least its name."""
        for command in ("check", "run"):
            before = time.monotonic()
            ended = flowrun(command, graph, limit=60, before=None if support.sanitized() else few_bytes)
            self.assertLess(len(ended.err), 1 << 20)
            self.assert_ended(ended, USAGE, pathlib.Path(graph).name, *named)
            self.assertLess(time.monotonic() - before, 10)

    def refuse_text(self, text, *named):
        self.refuse(self.write(text), *named)

    def test_missing(self):
        self.refuse(self.root / "nowhere.yaml", "no such file")

    def test_folder(self):
        self.refuse(self.root)

    def test_empty(self):
        self.refuse_text("")
        self.refuse_text("# only a comment\n")
        self.refuse_text("---\n...\n")

    def test_no_map(self):
        self.refuse_text("- a\n- b\n", "a graph file is a map")
        self.refuse_text("hello", "a graph file is a map")

    def test_binary(self):
        self.refuse_text(bytes(range(256)) * 10)
        self.refuse(self.good)
        self.refuse(support.program())

    def test_not_utf8(self):
        self.refuse_text(b"flowrun: 1\nname: sl\xe4de\nnodes: {a: {type: sl\xe4de}}\n")

    def test_deep_nesting(self):
        for text in ("[" * 100000, "{a: " * 100000, "- " * 100000, "[" * 400 + "]" * 400,
                     "".join(" " * depth + "a:\n" for depth in range(2000))):
            with self.subTest(start=text[:10]):
                self.refuse_text(f"flowrun: 1\nnodes: {text}\n")

    def test_alias_bomb(self):
        levels = ["  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        levels += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
        self.refuse_text("\n".join(["flowrun: 1", "params:", *levels, "nodes: {}", ""]), "more than")

    def test_alias_of_itself(self):
        for text in ("flowrun: 1\nnodes: &a {b: *a}\n", "flowrun: 1\nnodes: &a [*a]\n", "&a [*a]\n", "&a {*a : *a}\n"):
            with self.subTest(text=text):
                self.refuse_text(text)

    def test_aliases_of_a_long_text(self):
        self.refuse_text(f"flowrun: 1\nparams: {{x: &a '{'y' * 1000000}'}}\nnodes: [{'*a,' * 50000}]\n")

    def test_parameter_bomb(self):
        levels = [f"  {chr(98 + n)}: '{('${' + chr(97 + n) + '}') * 10}'" for n in range(10)]
        self.refuse_text("\n".join(["flowrun: 1", "params:", "  a: xxxxxxxxxx", *levels,
                                    "nodes: {slides: {type: read, path: '${k}'}}", ""]))

    def test_many_keys(self):
        self.refuse_text("flowrun: 1\nnodes: {}\nparams:\n" + "".join(f"  k{n}: x\n" for n in range(45000)))

    def test_duplicate_keys(self):
        self.refuse_text("flowrun: 1\nnodes:\n  a: {type: read, path: x}\n  a: {type: read, path: y}\n", ":4:3: ",
                         "'a' is given twice", "line 3")

    def test_tabs(self):
        self.refuse_text("flowrun: 1\nnodes:\n\ta: {type: read, path: x}\n", ":3:", "not valid YAML")

    def test_several_documents(self):
        self.refuse_text("flowrun: 1\nnodes: {a: {type: read, path: x}}\n---\nflowrun: 1\nnodes: {b: {type: raed}}\n")


if __name__ == "__main__":
    support.main()

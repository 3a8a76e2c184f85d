#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`flowrun collect` and the node: nothing is lost or replaced, whatever stands in the way."""
import fcntl
import json
import os
import pathlib
import pty
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import support
from collect_tree import JOURNAL, contents, digest, make_tree, state, write
from support import DONE, FAILED, INTERRUPTED, USAGE, differences, flowrun, synth

OTHER_DISK = pathlib.Path(tempfile.gettempdir())
if os.access("/dev/shm", os.W_OK):
    tempfile.tempdir = "/dev/shm"  # thousands of files are made and removed there in no time


class Places:
    """A source and its targets."""

    def __init__(self, folder, target=None):
        self.folder = folder
        self.source = folder / "source"
        self.slides = (target or folder) / "slides"
        self.logs = (target or folder) / "logs"
        self.all = (self.source, self.slides, self.logs)

    def collect(self, *more, **how):
        return flowrun("collect", self.source, "--slides", self.slides, "--logs", self.logs, *more, **how)

    def undo(self, *more, **how):
        return flowrun("collect", "--undo", self.slides, *more, **how)

    def state(self):
        return state(*self.all)


class CollectTest(support.ProgramTest):
    def places(self, **files):
        """Places with a small tree of `files`: path to content."""
        places = Places(self.fresh("places"))
        places.source.mkdir(parents=True)
        for number, (path, content) in enumerate(files.items()):
            write(places.source / path, content, number)
        return places

    def small(self):
        return self.places(**{"a/x.svs": "1", "b/x.svs": "2", "c/x.svs": "1", "a/logs/l": "log", "b/note.txt": "n"})

    def other_disk(self):
        """A folder on another file system."""
        if os.stat(OTHER_DISK).st_dev == os.stat(self.root).st_dev:
            self.skipTest("there is no second file system to copy to")
        folder = tempfile.TemporaryDirectory(prefix="flowrun-cli-", dir=OTHER_DISK)
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name)

    def mount(self, size):
        folder = self.fresh("disk")
        folder.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],
                                               capture_output=True).returncode != 0:
            self.skipTest("a small disk cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", folder])
        return folder


class Many(CollectTest):
    def test_thousands_of_files(self):
        places = Places(self.fresh("places"))
        make_tree(places.source, 20_000 if support.LONG else 4_000, seed=1)
        before, hashes = state(places.source), contents(places.source)

        would = places.collect("--dry-run", "--json")
        self.assert_ended(would, DONE)
        self.assert_same(state(places.source), before, "a dry run changes nothing")
        self.assertFalse(places.slides.exists() or places.logs.exists())

        ended = places.collect("--json")
        self.assert_ended(ended, DONE)
        did, would = json.loads(ended.out), json.loads(would.out)
        for key in ("slides", "logs", "renamed_apart", "duplicates", "folders", "left_alone"):
            self.assertEqual(did[key], would[key], key)
            self.assertTrue(did[key], key)
        self.assertEqual(contents(*places.all), hashes, "every content is still there, and no other")
        self.check_where_things_are(places, before, did)

        again = places.collect("--json")
        self.assert_ended(again, DONE)
        self.assertEqual(json.loads(again.out)["slides"] + json.loads(again.out)["logs"], [])
        self.assert_ended(places.undo(), DONE)
        self.assert_same(state(places.source), before, "undo restores the tree exactly")
        self.assertFalse(places.slides.exists() or places.logs.exists())

    def check_where_things_are(self, places, before, did):
        """Against what was there before, counted here anew."""
        files = {name[2:]: entry for name, entry in before.items() if entry[0].startswith("-")}
        slides = [name for name in files if name.lower().endswith((".svs", ".mrxs", ".ndpi"))]
        self.assertEqual(len(slides), len(did["slides"]) + sum("/logs/" not in one["from"] and not one["from"].endswith(
            ".log") for one in did["duplicates"]))
        left = {str(path.relative_to(places.source)) for path in places.source.rglob("*") if path.is_file()
                and not path.is_symlink()}
        self.assertEqual(left, {name for name in files if name.endswith("annotations.txt")})
        found = state(places.slides)
        for name in slides:
            if "/same" in name or "/mirax" in name:
                continue
            self.assertEqual(found["0/" + name.rsplit("/", 1)[-1]], before["0/" + name])
        for entry in ("link.svs", "broken", "pipe.svs"):
            self.assertTrue(os.path.lexists(places.source / entry))
        empty = [name for name, entry in before.items() if name.endswith(("empty", "empty too"))]
        self.assertTrue(empty)
        for name in empty:
            self.assertTrue((places.source / name[2:]).is_dir())
        for place, folders, names in os.walk(places.source):
            self.assertTrue(folders or names or place.endswith("empty too"), f"{place} is empty")


class Names(CollectTest):
    def test_names(self):
        places = self.small()
        ended = places.collect()
        self.assert_ended(ended, DONE)
        self.assertIn(f"named apart: {places.source}/b/x.svs -> {places.slides}/b_x.svs", ended.out)
        self.assertIn(f"duplicate: {places.source}/c/x.svs = {places.slides}/x.svs", ended.out)
        self.assertIn("2 slides moved, 1 logs moved, 1 named apart, 1 duplicates removed, 2 empty folders removed, "
                      "1 left alone, 0 deleted, 0 failures", ended.out)
        self.assertEqual((places.slides / "x.svs").read_text(), "1")
        self.assertEqual((places.slides / "b_x.svs").read_text(), "2")
        self.assertEqual((places.logs / "a_logs/l").read_text(), "log")
        self.assertEqual(sorted(path.name for path in places.source.rglob("*")), ["b", "note.txt"])

    def test_later_downloads(self):
        """Targets that exist count like files of the same run; undo takes back all runs."""
        places = self.small()
        first = state(places.source)
        self.assert_ended(places.collect(), DONE)
        for path, content in (("d/x.svs", "2"), ("e/x.svs", "3"), ("b/x.svs", "2")):
            write(places.source / path, content)
        self.assert_ended(places.collect(), DONE)
        texts = {path.name: path.read_text() for path in places.slides.glob("*.svs")}
        self.assertEqual(texts, {"x.svs": "1", "b_x.svs": "2", "e_x.svs": "3"})
        self.assertFalse((places.source / "b/x.svs").exists())
        again = places.undo()
        self.assert_ended(again, DONE)
        texts = {path: (places.source / path).read_text() for path in ("b/x.svs", "d/x.svs", "e/x.svs")}
        self.assertEqual(texts, {"b/x.svs": "2", "d/x.svs": "2", "e/x.svs": "3"})
        found = {name: entry for name, entry in state(places.source).items() if name in first and name != "0/b/x.svs"}
        self.assert_same(found, {name: entry for name, entry in first.items() if name != "0/b/x.svs"})

    def test_hard_links(self):
        places = self.places(**{"a/x.svs": "1"})
        (places.source / "b").mkdir()
        os.link(places.source / "a/x.svs", places.source / "b/x.svs")
        before = state(places.source)
        self.assert_ended(places.collect(), DONE)
        self.assertEqual((places.slides / "x.svs").read_text(), "1")
        self.assertEqual(list(places.source.iterdir()), [])
        self.assert_ended(places.undo(), DONE)
        self.assert_same(state(places.source), before)

    def test_targets_within_the_source_and_around_it(self):
        places = self.small()
        before = state(places.source)
        for slides, logs in ((places.source / "a/slides", places.source / "logs"),
                             (places.folder, places.folder / "logs")):
            ended = flowrun("collect", places.source, "--slides", slides, "--logs", logs)
            self.assert_ended(ended, DONE)
            self.assertEqual((slides / "x.svs").read_text() + (slides / "b_x.svs").read_text(), "12")
            self.assertEqual((logs / "a_logs/l").read_text(), "log")
            again = flowrun("collect", places.source, "--slides", slides, "--logs", logs, "--json")
            self.assertEqual(json.loads(again.out)["slides"], [])
            self.assert_ended(flowrun("collect", "--undo", slides), DONE)
            self.assert_same(state(places.source), before)

    def test_extensions(self):
        places = self.places(**{"a/x.svs": "1", "a/x.NDPI": "2", "a/x.czi": "3", "a/n.txt": "4"})
        ended = places.collect("--ext", ".czi,ndpi", "--delete-others", "--yes")
        self.assert_ended(ended, DONE)
        self.assertEqual(sorted(path.name for path in places.slides.glob("*.*")), [JOURNAL, "x.NDPI", "x.czi"])
        self.assertEqual([path.name for path in (places.source / "a").iterdir()], ["x.svs"])

    def test_without_logs(self):
        places = self.small()
        ended = flowrun("collect", places.source, "--slides", places.slides, "--delete-others", "--yes")
        self.assert_ended(ended, DONE)
        self.assertIn("a/logs: logs, and no folder for logs was given", ended.out)
        self.assertEqual((places.source / "a/logs/l").read_text(), "log")

    def test_logs_with_what_is_left_alone(self):
        """Links, sockets and hidden files stay where they are, and so does a folder of logs around them."""
        places = self.places(**{f"{one}/logs/deep/l": "log" for one in "abcde"}, **{"d/logs/x.svs": "1"})
        (places.source / "a/logs/latest").symlink_to("deep/l")
        os.mkfifo(places.source / "b/logs/deep/pipe")
        write(places.source / "c/logs/deep/.hidden", "h")
        (places.source / "d/logs/gone").symlink_to("/nowhere")
        before = state(places.source)
        ended = places.collect("--delete-others", "--yes")
        self.assert_ended(ended, DONE)
        for what in ("a/logs: logs with a symbolic link among them", "d/logs/gone: a symbolic link",
                     "b/logs: logs with something among them that is neither a file nor a folder",
                     "c/logs: logs with something hidden among them"):
            self.assertIn(what, ended.out)
        after = state(places.source)
        for folder in "abc":
            kept = {path: facts for path, facts in before.items() if f"/{folder}/" in f"/{path}"}
            self.assertGreaterEqual(len(kept), 2)
            self.assertEqual(kept, {path: after.get(path) for path in kept})
        self.assertEqual(os.readlink(places.source / "d/logs/gone"), "/nowhere")
        self.assertEqual([path.name for path in places.logs.glob("[!.]*")], ["e_logs"])
        self.assertEqual((places.slides / "x.svs").read_text(), "1")


class Deleting(CollectTest):
    def test_refused_without_a_terminal(self):
        places = self.small()
        before = places.state()
        ended = places.collect("--delete-others")
        self.assert_ended(ended, USAGE, "there is no terminal to ask on")
        self.assert_one_message(ended)
        self.assert_same(places.state(), before)

    def test_yes(self):
        places = self.small()
        would = places.collect("--delete-others", "--dry-run")
        self.assertIn(f"delete: {places.source}/b/note.txt", would.out)
        ended = places.collect("--delete-others", "--yes")
        self.assert_ended(ended, DONE, "b/note.txt")
        self.assertIn("1 deleted", ended.out)
        self.assertEqual(list(places.source.iterdir()), [])
        back = places.undo()
        self.assert_ended(back, DONE, "1 files were deleted by --delete-others and cannot come back")
        self.assertTrue((places.source / "b/x.svs").exists())
        self.assertFalse((places.source / "b/note.txt").exists())

    def on_terminal(self, places, answer):
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            support.command("collect", places.source, "--slides", places.slides, "--logs", places.logs,
                            "--delete-others"),
            stdin=follower, stderr=follower, stdout=subprocess.PIPE, env=support.environment())
        os.close(follower)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(leader, 1000)
        os.write(leader, answer)
        out = process.communicate(timeout=60)[0].decode()
        os.close(leader)
        return process.returncode, out, said.decode()

    def test_asks_on_a_terminal(self):
        for answer, gone in ((b"y\n", True), (b"n\n", False), (b"\n", False)):
            with self.subTest(answer=answer):
                places = self.small()
                code, out, said = self.on_terminal(places, answer)
                self.assertEqual(code, DONE)
                self.assertIn("b/note.txt", said)
                self.assertIn("2 slides moved", out)
                self.assertEqual((places.source / "b/note.txt").exists(), not gone)


class Refusals(CollectTest):
    def test_usage(self):
        places = self.small()
        file = self.write("x", "file")
        before = places.state()
        for arguments, said in ((["collect"], "SRC is required"),
                                (["collect", places.source], "--slides is required"),
                                (["collect", places.source, "--slides", places.source],
                                 "another folder than the source"),
                                (["collect", places.source, "--slides", places.slides, "--logs", places.source],
                                 "another folder than the source"),
                                (["collect", places.folder / "gone", "--slides", places.slides], "no such folder"),
                                (["collect", file, "--slides", places.slides], "is not a folder"),
                                (["collect", places.source, "--slides", file], "is not a folder"),
                                (["collect", places.source, "--slides", places.slides, "--ext", ".vms"], "parts"),
                                (["collect", places.source, "--slides", places.slides, "--ext", "a/b"], "no extension"),
                                (["collect", places.source, "--undo", places.slides], "--undo takes")):
            with self.subTest(said=said):
                ended = flowrun(*arguments)
                self.assert_ended(ended, USAGE, said)
                self.assert_one_message(ended)
        self.assert_ended(places.undo(), FAILED, "there is nothing to undo")
        self.assert_same(places.state(), before)
        self.assertFalse(places.slides.exists())

    def test_second_process(self):
        for held in ("slides", "logs"):
            with self.subTest(held=held):
                places = self.small()
                before = state(places.source)
                lock = places.folder / held / JOURNAL / "lock"
                lock.parent.mkdir(parents=True)
                with open(lock, "w") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    ended = places.collect()
                    self.assert_ended(ended, FAILED, "is in use by another flowrun collect")
                    self.assert_one_message(ended)
                self.assert_same(state(places.source), before)
                self.assert_ended(places.collect(), DONE)

    def test_special_files_stay(self):
        places = self.small()
        with socket.socket(socket.AF_UNIX) as one:
            here = os.getcwd()
            os.chdir(places.source)  # paths of sockets are short
            one.bind("s.svs")
            os.chdir(here)
        os.symlink("../source", places.source / "loop")
        ended = places.collect("--delete-others", "--yes")
        self.assert_ended(ended, DONE)
        self.assertIn("s.svs: neither a file nor a folder", ended.out)
        self.assertIn("loop: a symbolic link", ended.out)
        self.assertEqual(sorted(path.name for path in places.source.iterdir()), ["loop", "s.svs"])

    def as_nobody(self, places):
        """Root reads everything: what permissions forbid is tried as somebody else."""
        if os.geteuid() != 0:
            return None
        os.chmod(self.root, 0o755)
        for path in [places.folder, *places.folder.rglob("*")]:
            os.chown(path, 65534, 65534)
        return lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534))

    def test_unreadable_and_unwritable_folders(self):
        places = self.places(**{"a/x.svs": "1", "b/y.svs": "2", "c/z.svs": "3"})
        before = self.as_nobody(places)
        os.chmod(places.source / "a", 0)
        os.chmod(places.source / "b", 0o555)
        ended = places.collect(before=before)
        self.assert_ended(ended, FAILED, f"{places.source}/a", "Permission denied",
                          f"{places.source}/b: nothing can be moved out of this folder")
        self.assertEqual([path.name for path in places.slides.glob("*.svs")], ["z.svs"])
        os.chmod(places.source / "a", 0o755)
        os.chmod(places.source / "b", 0o755)
        self.assertEqual(contents(*places.all), contents(places.source, places.slides))
        self.assert_ended(places.collect(before=before), DONE)
        self.assertEqual(sorted(path.name for path in places.slides.glob("*.svs")), ["x.svs", "y.svs", "z.svs"])

    def test_a_slide_stays_with_its_folder(self):
        """The folder of a MIRAX slide cannot be moved: neither is its file."""
        places = self.places(**{"a/x.mrxs": "1", "a/x/Data.dat": "2", "a/y.svs": "3"})
        before = self.as_nobody(places)
        os.chmod(places.source / "a/x", 0o555)
        if before:
            os.chown(places.source / "a/x", 0, 0)
        ended = places.collect(before=before)
        if ended.code == DONE:
            self.skipTest("this file system lets it be moved")
        self.assert_ended(ended, FAILED, f"{places.source}/a/x")
        self.assertTrue((places.source / "a/x.mrxs").exists())
        self.assertEqual((places.slides / "y.svs").read_text(), "3")

    def test_read_only_source(self):
        disk = self.mount("1m")
        write(disk / "a/x.svs", "1")
        write(disk / "b/y.svs", "2")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        ended = flowrun("collect", disk, "--slides", self.fresh())
        self.assert_ended(ended, FAILED, "nothing can be moved out of", "Read-only file system")
        self.assert_one_message(ended)

    def test_full_disk(self):
        disk = self.mount("300k")
        places = Places(self.fresh("places"), target=disk)
        for number in range(10):
            write(places.source / f"{number}/{number}.svs", os.urandom(60_000), number)
        before = state(places.source)
        hashes = contents(places.source)
        ended = places.collect()
        self.assert_ended(ended, FAILED, "No space left", "make room and run it again")
        self.assert_one_message(ended)
        moved = len(list(places.slides.glob("*.svs")))
        self.assertGreater(moved, 0)
        self.assertEqual(len(list(places.source.rglob("*.svs"))), 10 - moved)
        self.assertEqual(contents(*places.all), hashes)
        self.assertEqual(list(places.slides.glob(JOURNAL + "-*")), [], "half a copy was left")
        subprocess.run(["mount", "-o", "remount,size=10m", disk], check=True)
        self.assert_ended(places.collect(), DONE)
        self.assertEqual(len(list(places.slides.glob("*.svs"))), 10)
        self.assert_ended(places.undo(), DONE)
        self.assert_same(state(places.source), before)

    def test_foreign_files_are_never_replaced(self):
        """What comes to stand where an interrupted run would write, or undo."""
        places = self.small()
        self.assert_ended(places.collect(), DONE)
        write(places.source / "a/x.svs", "foreign")
        ended = places.undo()
        self.assert_ended(ended, FAILED, "exists and is something else")
        self.assertEqual((places.source / "a/x.svs").read_text(), "foreign")
        self.assertEqual((places.slides / "x.svs").read_text(), "1")
        self.assertEqual((places.source / "b/x.svs").read_text(), "2")
        (places.source / "a/x.svs").unlink()
        self.assert_ended(places.undo(), DONE)
        self.assertEqual((places.source / "a/x.svs").read_text(), "1")

    def test_damaged_journal(self):
        places = self.small()
        self.assert_ended(places.collect(), DONE)
        plan = places.slides / JOURNAL / "0001.done"
        text = plan.read_text()
        for damage in ("", text[:40], text[:-30], text.replace('"b/x.svs"', '"../../b/x.svs"')):
            plan.write_text(damage)
            ended = places.undo()
            self.assert_ended(ended, FAILED, "is no plan of flowrun collect")
        plan.write_text(text)
        self.assert_ended(places.undo(), DONE)


    def test_a_foreign_journal_is_not_obeyed(self):
        places = self.small()
        self.assert_ended(places.collect(), DONE)
        plan = places.slides / JOURNAL / "0001.done"
        head, *steps = plan.read_text().splitlines(keepends=True)
        elsewhere = json.loads(head)
        elsewhere["slides"] = str(places.folder / "loot")
        plan.write_text(json.dumps(elsewhere) + "\n" + "".join(steps))
        self.assert_ended(places.undo(), FAILED, "0001.done", "is of another folder")
        plan.write_text(head + "".join(steps))
        real = plan.with_name("real")
        plan.rename(real)
        plan.symlink_to(real)
        self.assert_ended(places.undo(), FAILED, "is not a file of yours")
        plan.unlink()
        real.rename(plan.with_suffix(".plan"))
        other = places.folder / "other"
        (other / "sub").mkdir(parents=True)
        (other / "sub/y.svs").write_bytes(b"y")
        ended = flowrun("collect", other, "--slides", places.slides)
        self.assert_ended(ended, FAILED, "an interrupted run", "--undo")
        self.assertTrue((other / "sub/y.svs").exists())
        self.assert_ended(places.undo(), DONE)


class OtherDisk(CollectTest):
    def test_copies(self):
        places = Places(self.fresh("places"), target=self.other_disk())
        make_tree(places.source, 200, seed=3, largest=300_000)
        before, hashes = state(places.source), contents(places.source)
        as_renamed = Places(self.fresh("places"))
        shutil.copytree(places.source, as_renamed.source, symlinks=True, ignore=shutil.ignore_patterns("pipe.svs"))
        os.mkfifo(as_renamed.source / "pipe.svs")
        self.assert_ended(as_renamed.collect(), DONE)
        self.assert_ended(places.collect(), DONE)
        self.assert_same(places.state(), as_renamed.state(), "a copy is as a renamed file: bytes, times, permissions")
        self.assertEqual(contents(*places.all), hashes)
        self.assert_ended(places.undo(), DONE)
        self.assert_same(state(places.source), before)
        self.assertFalse(places.slides.exists() or places.logs.exists())


class Stopped(CollectTest):
    def test_interrupt(self):
        """The file in work is finished, then it stops; the same command goes on."""
        places, whole = (Places(self.fresh("places")) for _ in range(2))
        for one in (places, whole):
            make_tree(one.source, 20_000, seed=5)
        before = state(places.source)
        self.assert_ended(whole.collect(), DONE)
        for number in (signal.SIGINT, signal.SIGTERM):
            process = support.start("collect", places.source, "--slides", places.slides, "--logs", places.logs)
            while not list(places.slides.glob(JOURNAL + "/*.plan")) or len(os.listdir(places.slides)) < 20:
                self.assertIsNone(process.poll(), "it ended too early")
                time.sleep(0.001)
            process.send_signal(number)
            said = process.communicate(timeout=60)[1].decode()
            self.assertEqual(process.returncode, INTERRUPTED, said)
            self.assertIn("run the same command again", said)
            self.assertEqual(contents(*places.all), contents(*whole.all))
            if number == signal.SIGINT:
                self.assert_ended(places.undo(), DONE)
                self.assert_same(state(places.source), before)
        ended = places.collect()
        self.assert_ended(ended, DONE, "finishing an interrupted run")
        self.assertIn("done before", ended.out)
        self.assert_same(places.state(), whole.state())


class Killed(CollectTest):
    """Killed at any moment, then run again or undone: as if it had never been disturbed."""
    SEED = 20240711

    @staticmethod
    def start(arguments):
        """Without pipes, which nobody empties while it is watched."""
        return subprocess.Popen(support.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env=support.environment())

    @staticmethod
    def open_plans(places):
        """Plans with steps still to be taken."""
        return list(places.slides.glob(JOURNAL + "/*.plan"))

    def measured(self, places, arguments):
        """Seconds of an undisturbed run, and of its part that moves files."""
        started = begun = time.monotonic()
        process = self.start(arguments)
        while process.poll() is None and not self.open_plans(places):
            begun = time.monotonic()
        self.assertEqual(process.wait(), DONE)
        return time.monotonic() - started, time.monotonic() - begun

    def kill(self, places, arguments, seconds, rand):
        """Kills it at a random moment; of two kills one while it is moving files."""
        plans, (of_all, of_moving) = self.open_plans(places), seconds
        wait, share = rand.random() < 0.5 and not plans, rand.random()
        process = self.start(arguments)
        while wait and process.poll() is None and not self.open_plans(places):
            pass
        try:
            process.wait(timeout=share * (of_moving if wait else of_all))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return process.returncode == -signal.SIGKILL

    def check(self, make, target):
        """`target`: makes a folder to collect into."""
        rand, runs = random.Random(self.SEED), 50 if support.LONG else 10
        made = Places(self.fresh("made"))
        make(made.source)
        before, hashes = state(made.source), contents(made.source)

        def copy():
            places = Places(self.fresh("places"), target=target())
            subprocess.run(["cp", "-a", made.folder, places.folder], check=True)
            return places

        def arguments(places, more):
            return ["collect", places.source, "--slides", places.slides, "--logs", places.logs, *more]

        whole = {}
        for more in ((), ("--delete-others", "--yes")):
            places = copy()
            seconds = self.measured(places, arguments(places, more))
            whole[more] = places.state(), seconds
            shutil.rmtree(places.folder)
        killed = within = 0
        for run in range(runs):
            more = list(whole)[run % 4 == 3]
            expected, seconds = whole[more]
            places = copy()
            with self.subTest(run=run):
                undoing = run % 2 == 0  # then nothing is deleted: that cannot come back
                for attempt in range(1 + run % 3):
                    if undoing and attempt == 1:
                        command = ["collect", "--undo", places.slides]
                    else:
                        command = arguments(places, more)
                    killed += self.kill(places, command, seconds, rand)
                    within += bool(self.open_plans(places))
                    if not more:
                        self.assertEqual(contents(*places.all) - self.half_copies(places), hashes, "a file is lost")
                if undoing and run % 4 == 0 and list(places.slides.glob(JOURNAL + "/*.[pd]*[ne]")):
                    self.assert_ended(places.undo(), DONE)
                    self.assert_same(state(places.source), before)
                    self.assertEqual(contents(places.slides, places.logs), set())
                self.assert_ended(flowrun(*arguments(places, more)), DONE)
                self.assert_same(places.state(), expected)
                self.assertEqual(self.open_plans(places), [])
                self.assert_ended(places.undo(), DONE)
                if not more:
                    self.assert_same(state(places.source), before)
                for place in (places.slides, places.logs):
                    self.assertFalse(place.exists() and [path for path in place.rglob("*") if path.name != JOURNAL])
            shutil.rmtree(places.folder)
        print(f"seed {self.SEED}: {killed} kills, {within} of them within a plan, {runs} runs", flush=True)
        self.assertGreater(within, runs / 5)

    @staticmethod
    def half_copies(places):
        return {digest(path) for place in places.all for half in place.rglob(JOURNAL + "-*")
                for path in (half, *half.rglob("*")) if path.is_file()} - {
                    digest(path) for place in places.all for path in place.rglob("*")
                    if path.is_file() and not path.is_symlink() and JOURNAL + "-" not in str(path)}

    def test_one_disk(self):
        self.check(lambda source: make_tree(source, 3000, seed=7), lambda: None)

    def test_other_disk(self):
        def target():
            self.targets += 1
            (folder / str(self.targets)).mkdir()
            return folder / str(self.targets)

        folder, self.targets = self.other_disk(), 0
        self.check(lambda source: make_tree(source, 120, seed=8, largest=1_000_000), target)


class Node(CollectTest):
    GRAPH = """\
flowrun: 1
nodes:
  slides: {type: collect, source: source, slides: slides, logs: logs}
  tissue: {type: detect, from: slides}
  tiles: {type: extract, from: {slide: slides, mask: tissue}, size: 256}
  files: {type: save, from: {tile: tiles, slide: slides}, dir: out}
"""

    def test_in_a_graph(self):
        places = Places(self.fresh("places"))
        for number, path in enumerate(("a/one.svs", "b/two.svs", "c/one.svs")):
            synth(places.source / path, 1500, 1200, seed=number)
        write(places.source / "a/logs/x.parcel", "log")
        write(places.source / "b/note.txt", "note")
        graph = places.folder / "graph.yaml"
        graph.write_text(self.GRAPH)
        before = places.state()
        self.assert_ended(flowrun("check", graph), DONE)
        self.assert_same(places.state(), before, "a check moves nothing")
        ended = flowrun(graph)
        self.assert_ended(ended, DONE)
        self.assertIn("in all: 3 done\n", ended.out)
        self.assertEqual(sorted(path.name for path in places.slides.glob("*.svs")), ["c_one.svs", "one.svs", "two.svs"])
        self.assertTrue((places.logs / "a_logs/x.parcel").exists())
        self.assertTrue((places.source / "b/note.txt").exists())
        for slide in ("one", "two", "c_one"):
            self.assertTrue((places.folder / "out" / slide / "tiles.csv").exists())
        self.assertIn("in all: 3 done before", flowrun(graph).out)
        synth(places.source / "d/three.svs", 1500, 1200, seed=7)
        self.assertIn("in all: 1 done, 3 done before", flowrun(graph).out)

    def test_failures_are_told_and_the_rest_is_done(self):
        places = Places(self.fresh("places"))
        synth(places.source / "a/one.svs", 1500, 1200)
        write(places.source / "a/x/Data.dat", "data")
        write(places.slides / JOURNAL / "lock", "")
        graph = places.folder / "graph.yaml"
        graph.write_text(self.GRAPH)
        with open(places.slides / JOURNAL / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.assert_ended(flowrun(graph), FAILED, "is in use by another flowrun collect")
        if os.geteuid() == 0:
            os.chmod(self.root, 0o777)
            (places.source / "locked").mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", places.source / "locked"], check=False)
            self.addCleanup(subprocess.run, ["umount", "-l", places.source / "locked"], capture_output=True)
            write(places.source / "locked/two.svs", "no slide")
            if subprocess.run(["mount", "-o", "remount,ro", places.source / "locked"]).returncode != 0:
                self.skipTest("nothing can be mounted here")
            ended = flowrun(graph)
            self.assert_ended(ended, FAILED, "could not be collected", "nothing can be moved out of this folder")
            self.assertIn("1 done", ended.out)
            self.assertTrue((places.folder / "out/one/tiles.csv").exists())

    def test_mistakes(self):
        graph = self.write(self.GRAPH.replace("slides: slides,", "slides: source,"))
        self.assert_ended(flowrun("check", graph), USAGE, "must be another folder than the source")
        graph = self.write(self.GRAPH.replace("logs: logs", "extensions: [vms]"))
        self.assert_ended(flowrun("check", graph), USAGE, "name files beside them as their parts")


if __name__ == "__main__":
    support.main()

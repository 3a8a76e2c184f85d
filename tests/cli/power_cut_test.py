#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the journal calls done is whole after a power cut, and the next run ends with the same bytes. The output folders
lie on small file systems of their own; at many instants of a run their disks are copied as they are. Each copy is then
what a power cut at that instant leaves. Skipped where no file system can be mounted."""
import contextlib
import os
import pathlib
import random
import shutil
import sys
import tempfile

import disks
import support
from disks import CallListener, Disk
from support import DONE, flowrun, outputs, synth

SEED = 20240712
SYNCS = ("syncfs", "fsync", "fdatasync", "sync_file_range")

SLIDES = """\
flowrun: 1
params: {one: one, two: two, slides: slides, quality: 80}
nodes:
  slides: {type: read, path: "${slides}"}
  tissue: {type: detect, from: slides}
  tiles: {type: extract, from: {slide: slides, mask: tissue}, size: 256, stride: 256}
  files: {type: save, from: {tile: tiles, slide: slides, mask: tissue}, dir: "${one}"}
  small: {type: save, from: tiles, dir: "${two}", format: jpg, quality: "${quality}"}
"""


class PowerCut(support.ProgramTest):
    as_one = True  # all scopes write to all folders

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        holder = tempfile.TemporaryDirectory(prefix="flowrun-disks-", dir=disks.place())
        cls.addClassCleanup(holder.cleanup)
        cls.images = pathlib.Path(holder.name)
        cls.library = support.file_calls(cls.root)
        cls.slides = cls.root / "slides"
        for number in range(4):
            synth(cls.slides / f"slide{number}.svs", 1100, 900, seed=number,
                  annotations=cls.root / f"xml/slide{number}.xml")
        print(f"seed {SEED}", flush=True)
        cls.random = random.Random(SEED)

    def disks(self, *kinds):
        place = self.images / self.fresh("disks").name
        place.mkdir()
        return [Disk(kind, place / f"image{number}", place / f"disk{number}") for number, kind in enumerate(kinds)]

    @contextlib.contextmanager
    def mounted(self, all_disks):
        with contextlib.ExitStack() as stack:
            for disk in all_disks:
                stack.enter_context(disk.mounted())
            yield

    def test_what_is_not_synced_is_not_in_a_copy(self):
        """Else all that follows would show nothing."""
        for kind in disks.kinds():
            with self.subTest(kind=kind):
                (disk,) = self.disks(kind)
                disk.make()
                copies = [disk.image.with_suffix(f".{number}") for number in (1, 2, 3)]
                content = os.urandom(300000)
                with disk.mounted():
                    (disk.folder / "file").write_bytes(content)
                    disk.copy(copies[0])
                    disk.commit()
                    disk.copy(copies[1])
                    disk.sync()
                    disk.copy(copies[2])
                for copy, expected in zip(copies, (None, b"", content)):
                    os.replace(copy, disk.image)
                    with disk.mounted():
                        file = disk.folder / "file"
                        self.assertEqual(file.read_bytes() if file.exists() else None, expected)

    def cut(self, arguments, all_disks, commits=None, share=1.0):
        """Runs the program on mounted disks. The copies of the disks at each sync and, where `commits` names a disk that
        is committed each time, at each change of names; the last when the program has ended. Of all others only a
        share."""
        place = self.images / self.fresh("copies").name
        place.mkdir()
        copies, last = [], None

        def copy():
            nonlocal last
            images = [place / f"{len(copies)}-{number}" for number in range(len(all_disks))]
            if last == [disk.io() for disk in all_disks]:
                return
            last = [disk.copy(image) for disk, image in zip(all_disks, images)]
            copies.append(images)

        def heard(when, call):
            if call in SYNCS:
                if self.random.random() < 3 * share:
                    copy()
            elif commits is not None and when == "after" and (support.LONG or call == "rename" or
                                                              self.random.random() < 0.1):
                all_disks[commits].commit()
                if self.random.random() < share:
                    copy()

        with CallListener(self.root, heard) as listener:
            ended = flowrun(*arguments, variables={"LD_PRELOAD": str(self.library), "CALLS_SOCKET": listener.path})
        self.assert_ended(ended, DONE)
        copy()
        return copies

    def assert_whole(self, folder, wanted):
        """Of every scope that the journal calls done, and that is not under way, all files are those of one run."""
        found = outputs(folder)
        journal = folder / ".flowrun"
        under_way = {path.name.rsplit(".", 1)[0] for path in (journal / "publishing").glob("*.*")}
        done = 0
        for path in sorted((journal / "done").glob("*.json")):
            entry = support.journal_file(path)
            done += 1
            if path.stem in under_way:
                continue
            for unit in entry["outputs"]:
                def of_unit(files):
                    return {name: digest for name, digest in files.items() if f"{name}/".startswith(f"{unit}/")}

                self.assertTrue(of_unit(found), f"{path.stem} is done without its {unit}")
                if not path.stem.startswith("epochs."):  # what they hand on differs from one to the next
                    self.assertIn(of_unit(found), [of_unit(files) for files in wanted], f"{unit} of {path.stem}")
        return done

    def check(self, images, all_disks, folders, arguments, wanted):
        """`wanted`: by folder the outputs of undisturbed runs, last those of these arguments."""
        for disk, image in zip(all_disks, images):
            os.replace(image, disk.image)
        with self.mounted(all_disks):
            done = sum(self.assert_whole(folder, wanted[number]) for number, folder in enumerate(folders)
                       if (folder / ".flowrun").exists())
            if self.as_one:
                self.assert_published_as_one(folders)
            self.assert_ended(flowrun(*arguments), DONE)
            for folder, expected in zip(folders, wanted):
                self.assert_same(outputs(folder), expected[-1])
                self.assert_nothing_left(folder)
        return done

    def assert_survives(self, what, all_disks, folders, arguments, count, before=None, size=None, share=1.0):
        """Cuts a run with `arguments`, in the short form at `count` instants; `before` are those of a run before it."""
        wanted = []
        for disk in all_disks:
            disk.make(size)
        start = [disk.image.with_suffix(".start") for disk in all_disks]
        with self.mounted(all_disks):
            if before:
                self.assert_ended(flowrun(*before), DONE)
                wanted.append([outputs(folder) for folder in folders])
        for disk, image in zip(all_disks, start):
            disks.copy(disk.image, image)
        with self.mounted(all_disks):
            self.assert_ended(flowrun(*arguments), DONE)
            wanted.append([outputs(folder) for folder in folders])
        wanted = list(zip(*wanted))
        self.assertTrue(all(files for files in wanted[0]))
        for commits in (None, *range(len(all_disks))):
            for disk, image in zip(all_disks, start):
                disks.copy(image, disk.image)
            with self.mounted(all_disks):
                copies = self.cut(arguments, all_disks, commits, share)
            chosen = range(len(copies)) if support.LONG else sorted(self.random.sample(range(len(copies)),
                                                                                       min(count, len(copies))))
            done = []
            for number in chosen:
                with self.subTest(what=what, commits=commits, cut=number):
                    done.append(self.check(copies[number], all_disks, folders, arguments, wanted))
            shutil.rmtree(copies[0][0].parent)
            renames = "" if commits is None else f" with each change of names on disk {commits}"
            print(f"{what}{renames}: {len(chosen)} of {len(copies)} cuts, {sum(map(bool, done))} with scopes done, "
                  f"{sum(done)} of them in all", flush=True)

    def slide_arguments(self, folders, quality=80):
        return [self.write(SLIDES), "--threads", 2,
                *support.settings(slides=self.slides, one=folders[0], two=folders[1], quality=quality)]

    def test_two_folders_on_one_file_system(self):
        for kind in disks.kinds() if support.LONG else ["ext4"]:
            all_disks = self.disks(kind)
            folders = [all_disks[0].folder / name for name in ("one", "two")]
            self.assert_survives(f"two folders on {kind}", all_disks, folders, self.slide_arguments(folders), 5)

    def test_two_folders_on_two_file_systems(self):
        for kind in disks.kinds() if support.LONG else ["ext4"]:
            all_disks = self.disks("ext4", kind)
            folders = [disk.folder / "out" for disk in all_disks]
            self.assert_survives(f"two folders on ext4 and {kind}", all_disks, folders,
                                 self.slide_arguments(folders), 4)

    def test_what_is_made_again(self):
        """Units are removed before others take their place."""
        for kind in disks.kinds() if support.LONG else ["ext4"]:
            all_disks = self.disks("ext4", kind)
            folders = [disk.folder / "out" for disk in all_disks]
            self.assert_survives(f"made again on ext4 and {kind}", all_disks, folders,
                                 self.slide_arguments(folders, 50), 3, before=self.slide_arguments(folders))

    def test_what_epochs_hand_on(self):
        """graphs/train.yaml on one file system: four folders, and its epochs hand on the model's files."""
        if not support.LONG:
            self.skipTest("the long form only")
        if flowrun("nodes", "train").code != DONE:
            self.skipTest("no plugin has a node of type train")
        self.as_one = False
        for kind in disks.kinds():
            all_disks = self.disks(kind)
            folders = [all_disks[0].folder / f"out/{name}" for name in ("tiles", "model", "python", "predictions")]
            arguments = [support.SOURCE / "graphs/train.yaml", "--threads", 2,
                         *support.settings(slides=self.slides, annotations=f"{self.root}/xml/{{slide}}.xml",
                                           out=all_disks[0].folder / "out", size=32, stride=32, mpp=1, tiles=6,
                                           epochs=3, threads=1)]
            self.assert_survives(f"training on {kind}", all_disks, folders, arguments, 12, size=1 << 30, share=0.1)


if __name__ == "__main__":
    reason = disks.reason_to_skip()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    support.main()

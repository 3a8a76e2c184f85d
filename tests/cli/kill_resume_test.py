#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A run that is killed or interrupted goes on where it stopped and ends with the same bytes."""
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import time

import support
from support import DONE, INTERRUPTED, done_scopes, flowrun, outputs, stamps, start, synth

SEED = 20240711

GRAPH = """\
flowrun: 1
params: {{slides: slides, out: out, milliseconds: 0}}
nodes:
  slides: {{type: read, path: "${{slides}}"}}
  tissue: {{type: detect, from: slides}}
  tiles: {{type: extract, from: {{slide: slides, mask: tissue}}, size: 256, stride: 256}}
  slow: {{type: slow_tiles, from: tiles, milliseconds: "${{milliseconds}}"}}
  files: {{type: save, from: {{tile: slow, slide: slides, mask: tissue}}, dir: "${{out}}"}}
{more}"""
SECOND_FOLDER = '  small: {type: save, from: tiles, dir: "${out}.small", format: jpg}\n'


# Kills by their way, in the short form and in the long one; each trial has several.
KILLS_OF_SLIDES = [dict.fromkeys(("while_publishing", "before_a_call", "at_any_instant"), count) for count in (8, 294)]
KILLS_OF_TRAINING = [{"while_publishing": 8, "before_a_call": 6, "at_any_instant": 6},
                     {"while_publishing": 14, "before_a_call": 6, "at_any_instant": 200}]


def journal_folders(folders, kind):
    return [folder / ".flowrun" / kind for folder in folders]


def names_in(folder):
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


class Killer:
    """Kills runs, each in another way: at any instant, while something is published, before a call that changes a
    file system or waits for it."""

    def __init__(self, library, seed, scopes, kills):
        self.scopes = scopes  # that are done in the end
        self.random = random.Random(seed)
        self.library = library
        self.wanted = collections.Counter(kills)
        if not library:
            self.wanted["while_publishing"] += self.wanted.pop("before_a_call")
        self.hit, self.missed = collections.Counter(), 0
        self.most_missed = 4 * self.wanted.total()  # a run that goes on may end before its kill

    def is_done(self):
        return self.wanted <= self.hit

    def next_way(self):
        """Of which the largest share is still to come."""
        return max(self.wanted, key=lambda way: 1 - self.hit[way] / self.wanted[way])

    def count_calls(self, arguments, counted):
        """Runs to the end; the seconds and the calls of it."""
        before = time.monotonic()
        ended = flowrun(*arguments, variables=self.variables(CALLS_COUNT=counted))
        return ended, time.monotonic() - before, int(counted.read_text()) if self.library else 0

    def variables(self, **more):
        preload = {"LD_PRELOAD": str(self.library)} if self.library else {}
        return preload | {name: str(value) for name, value in more.items()}

    def kill(self, arguments, folders, seconds, calls):
        """Whether it was killed and did not end before."""
        way = self.next_way()
        process = getattr(self, way)(arguments, folders, seconds, calls)
        process.kill()
        process.communicate()
        killed = process.returncode == -signal.SIGKILL
        if killed:
            self.hit[way] += 1
        else:
            self.missed += 1
        return killed

    def at_any_instant(self, arguments, _folders, seconds, _calls):
        process = start(*arguments)
        self.wait(process, self.random.uniform(0.02, 0.9 * seconds), lambda: False)
        return process

    def while_publishing(self, arguments, folders, seconds, _calls):
        publishing = journal_folders(folders, "publishing")
        done = journal_folders(folders, "done")
        already = min(len(names_in(folder)) for folder in done)
        enough = already + self.random.randrange(max(1, self.scopes - already))

        def is_published():
            return (any(names_in(folder) for folder in publishing)
                    and min(len(names_in(folder)) for folder in done) >= enough)

        process = start(*arguments)
        self.wait(process, 10 * seconds + 10, is_published)
        time.sleep(self.random.choice((0, 0, self.random.uniform(0, 0.02))))
        return process

    def before_a_call(self, arguments, _folders, seconds, calls):
        process = start(*arguments, variables=self.variables(CALLS_KILL=self.random.randint(1, calls)))
        self.wait(process, 10 * seconds + 10, lambda: False)
        return process

    @staticmethod
    def wait(process, seconds, condition):
        end = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < end and not condition():
            time.sleep(0.0003)

    def __str__(self):
        ways = ", ".join(f"{count} {way}" for way, count in sorted(self.hit.items()))
        return f"{sum(self.hit.values())} kills ({ways}); {self.missed} runs ended before theirs"


class KillResume(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.library = None if support.sanitized() else support.file_calls(cls.root)
        cls.slides = cls.root / "slides"
        cls.names = [f"slide{number}" for number in range(6)]
        for number, name in enumerate(cls.names):
            synth(cls.slides / f"{name}.svs", 2200, 1800, seed=number)
        print(f"seed {SEED}", flush=True)

    def arguments(self, graph, out, *more, milliseconds=0):
        return [graph, "--plugin-dir", support.test_plugins(), "--threads", 2, *more,
                *support.settings(slides=self.slides, out=out, milliseconds=milliseconds)]

    def folders(self, out):
        return [folder for folder in (out, out.with_name(out.name + ".small")) if folder.exists()]

    def whole(self, graph, **values):
        """The outputs of an undisturbed run by output folder, and its seconds."""
        out = self.fresh()
        before = time.monotonic()
        self.assert_ended(flowrun(*self.arguments(graph, out, **values)), DONE)
        return [outputs(folder) for folder in self.folders(out)], time.monotonic() - before

    def assert_what_is_there_is_whole(self, folder, expected):
        """Every file that stands is right; of every slide that the journal calls done all files stand."""
        found = outputs(folder)
        self.assert_same(found, {name: digest for name, digest in expected.items() if name in found})
        for name in done_scopes(folder):
            of_slide = {file: digest for file, digest in expected.items() if file.startswith(name + "/")}
            self.assertEqual({file for file in found if file.startswith(name + "/")}, set(of_slide))

    def to_be_completed(self, folder):
        """The slides that are done here or have their intent here."""
        intents = [name.removeprefix("slides.").rsplit(".", 1) for name in names_in(folder / ".flowrun/publishing")]
        return done_scopes(folder) | {slide for slide, step in intents if step in ("json", "agreed")}

    def assert_resumes(self, graph, out, expected, **values):
        """A run completes what is there, leaves alone what is done, and leaves nothing behind."""
        before = {folder: {name: stamps(folder / name) for name in done_scopes(folder)}
                  for folder in self.folders(out)}
        done = set()
        if len(before) == len(expected):
            done = set.intersection(*(self.to_be_completed(folder) for folder in before))
        ended = flowrun(*self.arguments(graph, out, **values))
        self.assert_ended(ended, DONE)
        self.assertEqual(ended.out.count("done before"), len(done) + bool(done), ended.out)
        for folder, whole in zip(self.folders(out), expected, strict=True):
            self.assert_same(outputs(folder), whole)
            self.assert_nothing_left(folder)
            for name, stamp in before.get(folder, {}).items():
                if name in done:
                    self.assertEqual(stamps(folder / name), stamp, f"{name} was made again")

    def test_kill(self):
        killer = Killer(self.library, SEED, len(self.names), KILLS_OF_SLIDES[support.LONG])
        graphs = [self.write(GRAPH.format(more=more)) for more in (SECOND_FOLDER, "")]
        whole = []
        for graph in graphs:
            out = self.fresh()
            ended, seconds, calls = killer.count_calls(self.arguments(graph, out), self.fresh("calls"))
            self.assert_ended(ended, DONE)
            whole.append(([outputs(folder) for folder in self.folders(out)], seconds, calls))
        trial = 0
        while not killer.is_done():
            graph, (expected, seconds, calls) = graphs[trial % 4 == 3], whole[trial % 4 == 3]
            out = self.fresh()
            with self.subTest(trial=trial):
                for _ in range(1 + trial % 3):
                    folders = [out, out.with_name(out.name + ".small")][:len(expected)]
                    killer.kill(self.arguments(graph, out), folders, seconds, calls)
                    for folder, files in zip(folders, expected):
                        self.assert_what_is_there_is_whole(folder, files)
                    self.assert_published_as_one(folders)
                self.assert_resumes(graph, out, expected)
            for folder in self.folders(out):
                shutil.rmtree(folder)
            trial += 1
            self.assertLess(killer.missed, killer.most_missed)
        print(f"slides: {killer}, {trial} times to the end", flush=True)

    def test_kill_while_publishing(self):
        """The moments that a random one seldom hits: each step between staged and done."""
        graph = self.write(GRAPH.format(more=""))
        (expected,), _ = self.whole(graph)
        made = self.fresh()
        self.assert_ended(flowrun(*self.arguments(graph, made)), DONE)
        entry = (made / ".flowrun/done/slides.slide2.json").read_text()

        def published_until(folder, step, moved=False, entered=False, cut=None):
            """The slide with its intent at a step; `cut`: a torn one."""
            journal = folder / ".flowrun"
            intent = {"entry": json.loads(entry), "remove": [], "folder": str(folder), "folders": [str(folder)]}
            (journal / f"publishing/slides.slide2.{step}").write_text(json.dumps(intent)[:cut])
            if not entered:
                shutil.move(journal / "done/slides.slide2.json", journal / "publishing/slides.slide2.entry")
            if not moved:
                (journal / "staging/slides.slide2").mkdir()
                shutil.move(folder / "slide2", journal / "staging/slides.slide2")

        def drafted(folder):
            published_until(folder, "draft")

        def half_drafted(folder):
            published_until(folder, "draft", cut=40)

        def intended(folder):
            published_until(folder, "json")

        def half_intended(folder):
            published_until(folder, "json", cut=40)

        def agreed(folder):
            published_until(folder, "agreed")

        def moved(folder):
            published_until(folder, "agreed", moved=True)

        def entered(folder):
            published_until(folder, "agreed", moved=True, entered=True)

        def removed(folder):
            shutil.rmtree(folder / "slide2")

        def torn_entry(folder):
            """As power loss may leave it."""
            (folder / ".flowrun/done/slides.slide2.json").write_text(entry[:40])

        def empty_entry(folder):
            (folder / ".flowrun/done/slides.slide2.json").write_text("")

        for disturb, redone in ((drafted, 1), (half_drafted, 1), (intended, 0), (half_intended, 1), (agreed, 0),
                                (moved, 0), (entered, 0), (removed, 1), (torn_entry, 1), (empty_entry, 1)):
            with self.subTest(state=disturb.__name__):
                out = self.fresh()
                shutil.copytree(made, out)
                disturb(out)
                kept = {name: stamps(out / name) for name in self.names if name != "slide2"}
                ended = flowrun(*self.arguments(graph, out))
                self.assert_ended(ended, DONE)
                self.assertIn(f"in all: {redone} done, {6 - redone} done before" if redone else "in all: 6 done before",
                              ended.out)
                self.assert_same(outputs(out), expected)
                self.assert_nothing_left(out)
                self.assertEqual({name: stamps(out / name) for name in kept}, kept)

    def wait_until(self, condition, process):
        for _ in range(3000):
            if condition():
                return
            self.assertIsNone(process.poll(), "it ended too early")
            time.sleep(0.01)
        self.fail("it never came so far")

    def test_interrupt(self):
        graph = self.write(GRAPH.format(more=SECOND_FOLDER))
        values = {"milliseconds": 15}
        expected, _ = self.whole(graph, **values)
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number.name):
                out = self.fresh()
                process = start(*self.arguments(graph, out, **values))
                self.wait_until(lambda: len(done_scopes(out)) >= 2, process)
                process.send_signal(number)
                said = process.communicate(timeout=60)[1].decode()
                self.assertEqual(process.returncode, INTERRUPTED, said)
                self.assertIn("run the same command again", said)
                self.assertNotIn("error:", said)
                self.assertLess(len(done_scopes(out)), 6)
                for folder, files in zip(self.folders(out), expected, strict=True):
                    self.assert_nothing_left(folder)
                    self.assert_what_is_there_is_whole(folder, files)
                    whole = {name for name in self.names if (folder / name).exists()}
                    self.assertEqual(whole, done_scopes(folder))
                self.assert_resumes(graph, out, expected, **values)

    def test_second_interrupt_ends_at_once(self):
        graph = self.write(GRAPH.format(more=""))
        out = self.fresh()
        process = start(*self.arguments(graph, out, milliseconds=20000))
        self.wait_until(lambda: (out / ".flowrun/locks").exists(), process)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        self.assertIsNone(process.poll(), "the first one waits for what is under way")
        before = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=15)
        self.assertLess(time.monotonic() - before, 2)
        self.assertEqual(process.returncode, INTERRUPTED)
        (expected,), _ = self.whole(graph)
        self.assert_resumes(graph, out, [expected])

    def test_force(self):
        graph = self.write(GRAPH.format(more=""))
        out = self.fresh()
        self.assert_ended(flowrun(*self.arguments(graph, out)), DONE)
        files, before = outputs(out), {name: stamps(out / name) for name in self.names}
        again = flowrun(*self.arguments(graph, out))
        self.assertIn("in all: 6 done before", again.out)
        self.assertEqual({name: stamps(out / name) for name in self.names}, before)
        forced = flowrun(*self.arguments(graph, out, "--force"))
        self.assert_ended(forced, DONE)
        self.assertIn("in all: 6 done\n", forced.out)
        self.assert_same(outputs(out), files)
        self.assert_nothing_left(out)
        for name in self.names:
            for path, stamp in stamps(out / name).items():
                self.assertNotEqual(stamp, before[name][path], path)

    def test_what_changes_is_redone(self):
        """Another option redoes all, a slide made anew only that one, more slides only those."""
        graph = self.write(GRAPH.format(more=""))
        slides, out = self.fresh("slides"), self.fresh()
        shutil.copytree(self.slides, slides)
        (slides / "slide5.svs").unlink()

        def run(milliseconds=0):
            ended = flowrun(graph, "--plugin-dir", support.test_plugins(),
                            *support.settings(slides=slides, out=out, milliseconds=milliseconds))
            self.assert_ended(ended, DONE)
            return ended.out.splitlines()[-1]

        self.assertEqual(run(), "in all: 5 done")
        self.assertEqual(run(), "in all: 5 done before")
        shutil.copy(self.slides / "slide5.svs", slides)
        self.assertEqual(run(), "in all: 1 done, 5 done before")
        synth(slides / "slide3.svs", 2200, 1800, seed=33)
        self.assertEqual(run(), "in all: 1 done, 5 done before")
        self.assertEqual(run(milliseconds=1), "in all: 6 done")

    def test_changed_annotations_redo_their_slide(self):
        slides, xml, out = self.fresh("slides"), self.fresh("xml"), self.fresh()
        slides.mkdir()
        xml.mkdir()
        for name in self.names[:3]:
            shutil.copy(self.slides / f"{name}.svs", slides)
            (xml / f"{name}.xml").write_text("<Annotations/>")
        graph = self.write(f"""
flowrun: 1
nodes:
  slides: {{type: read, path: "{slides}"}}
  classes: {{type: mask, from: slides, annotations: "{xml}/{{slide}}.xml", classes: {{tumor: 1}}}}
  values: {{type: save_mask, from: {{slide: slides, classes: classes}}, dir: "{out}", downsample: 16}}
""")

        def run():
            ended = flowrun(graph)
            self.assert_ended(ended, DONE)
            return ended.out.splitlines()[-1]

        self.assertEqual(run(), "in all: 3 done")
        self.assertEqual(run(), "in all: 3 done before")
        (xml / "slide1.xml").write_text("<Annotations></Annotations>")
        self.assertEqual(run(), "in all: 1 done, 2 done before")


class KillTraining(support.ProgramTest):
    """graphs/train.yaml writes to four folders, and what its epochs hand on belongs to the last of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if flowrun("nodes", "train").code != DONE:
            raise support.unittest.SkipTest("no plugin has a node of type train")
        cls.library = None if support.sanitized() else support.file_calls(cls.root)
        for seed in (1, 2):
            synth(cls.root / f"slides/s{seed}.svs", 2000, 2000, seed=seed, annotations=cls.root / f"xml/s{seed}.xml")
        import torch  # which only this needs
        torch.manual_seed(1)
        layers = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
                                     torch.nn.Flatten(), torch.nn.Linear(8, 2))
        torch.jit.script(layers).save(str(cls.root / "layers.pt"))

    def arguments(self, out):
        return [support.SOURCE / "graphs/train.yaml", "--threads", 2,
                *support.settings(slides=self.root / "slides", annotations=f"{self.root}/xml/{{slide}}.xml", out=out,
                                  model=self.root / "layers.pt", size=32, stride=32, tiles=6, epochs=3, threads=1)]

    def epochs(self, out):
        """The epochs that are done, each with what tells whether it was made again."""
        done = {}
        for path in sorted((out / "model/.flowrun/done").glob("epochs.*.json")):
            done[path.name] = support.journal_file(path)["publication"]
        return done

    def test_kill(self):
        killer = Killer(self.library, SEED + 1, 3, KILLS_OF_TRAINING[support.LONG])
        whole = self.fresh()
        ended, seconds, calls = killer.count_calls(self.arguments(whole), self.fresh("calls"))
        self.assert_ended(ended, DONE)
        expected = outputs_of_all(whole)
        self.assertEqual(len(self.epochs(whole)), 3)
        in_order = list(self.epochs(whole))
        trial = amid_epochs = 0
        while not killer.is_done():
            out = self.fresh()
            with self.subTest(trial=trial):
                for _ in range(1 + trial % 4):
                    before = self.epochs(out)
                    killer.kill(self.arguments(out), [out / "model"], seconds, calls)
                    after = self.epochs(out)
                    self.assertEqual({name: after.get(name) for name in before}, before, "an epoch was lost or redone")
                    self.assertEqual(list(after), in_order[:len(after)])
                    amid_epochs += any("epochs." in name for name in names_in(out / "model/.flowrun/publishing"))
                before = self.epochs(out)
                ended = flowrun(*self.arguments(out))
                self.assert_ended(ended, DONE)
                after = self.epochs(out)
                self.assertEqual({name: after.get(name) for name in before}, before, "an epoch was lost or redone")
                self.assertGreaterEqual(ended.out.count(": done before"), len(before), ended.out)
                self.assert_same(outputs_of_all(out), expected)
                for folder in sorted(out.iterdir()):
                    self.assert_nothing_left(folder)
            shutil.rmtree(out)
            trial += 1
            self.assertLess(killer.missed, killer.most_missed)
        print(f"training: {killer}, {amid_epochs} amid the publishing of an epoch, {trial} times to the end",
              flush=True)


def outputs_of_all(out):
    """Of all folders in a folder."""
    return {f"{folder.name}/{name}": digest for folder in out.iterdir() for name, digest in outputs(folder).items()}


if __name__ == "__main__":
    support.main()

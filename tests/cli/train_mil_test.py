#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trainings of slides: folds, splits, bad files, early stopping, the same bits whenever they are killed."""
import collections
import json
import random
import re
import shutil
import signal
import subprocess
import time

import h5py
import numpy as np
import torch

import support
from mil_cohort import GRAPH, CohortTest
from support import DONE, FAILED, SKIPS, USAGE, done_scopes, flowrun, outputs, start


class Mil(CohortTest):
    def test_each_patient_is_tested_once_and_classes_are_dealt_alike(self):
        place = self.cohort(slides=24, patients=15, classes="abc")
        self.train(place, bags="folds: 5")
        tested = collections.defaultdict(list)
        for row in self.said(place):
            if row["split"] == "test":
                tested[row["fold"]].append((row["patient"], row["label"]))
        self.assertEqual(sorted(slide for fold in tested.values() for slide in fold),
                         sorted((f"p{i % 15:02}", "abc"[i % 15 % 3]) for i in range(24)))
        for fold in tested.values():
            self.assertEqual(sorted({label for _, label in fold}), ["a", "b", "c"])
            self.assertEqual(len({patient for patient, _ in fold}), 3)
        for fold in "01234":  # nobody is on two sides
            rows = [row for row in self.said(place) if row["fold"] == fold]
            self.assertFalse({r["patient"] for r in rows if r["split"] == "test"}
                             & {r["patient"] for r in rows if r["split"] == "val"})

    def test_splits_of_clam(self):
        place = self.cohort(slides=8)
        (place / "splits").mkdir()
        for fold, (train, val, test) in enumerate([([0, 1, 2, 3], [4, 5], [6, 7]), ([4, 5, 6, 7], [2, 3], [0, 1])]):
            lines = [",train,val,test"]
            for i in range(4):
                lines.append(",".join([str(i)] + [f"s{part[i]:02}" if i < len(part) else ""
                                                  for part in (train, val, test)]))
            (place / f"splits/splits_{fold}.csv").write_text("\n".join(lines) + "\n")
            (place / f"splits/splits_{fold}_bool.csv").write_text(",train,val,test\ns00,True,False,False\n")
        self.train(place, bags="splits: splits")
        self.assertEqual({(r["fold"], r["split"], r["slide"]) for r in self.said(place)},
                         {("0", "val", "s04"), ("0", "val", "s05"), ("0", "test", "s06"), ("0", "test", "s07"),
                          ("1", "val", "s02"), ("1", "val", "s03"), ("1", "test", "s00"), ("1", "test", "s01")})

    def test_held_out_slides_are_tested_by_all_folds(self):
        place = self.cohort()
        lines = (place / "labels.csv").read_text().splitlines()
        (place / "labels.csv").write_text("\n".join(lines[:-2]) + "\n")
        (place / "other.csv").write_text("\n".join([lines[0], *lines[-2:]]) + "\n")
        self.train(place, bags="folds: 2, test_labels: other.csv")
        by = [(r["fold"], r["split"]) for r in self.said(place) if r["slide"] in ("s10", "s11")]
        self.assertEqual(sorted(by), [("0", "test")] * 2 + [("1", "test")] * 2)

    def test_labels_of_patients(self):
        """STAMP's two tables."""
        place = self.cohort(slides=10, patients=6, hdf5=True)
        (place / "labels.csv").write_text("PATIENT,ER\n" + "".join(f"p{i:02},{'ab'[i % 2]}\n" for i in range(6)))
        (place / "slides.csv").write_text("PATIENT,FILENAME\n" + "".join(f"p{i % 6:02},s{i:02}.h5\n" for i in range(10)))
        self.train(place, bags="slide_table: slides.csv, label_column: ER, folds: 3")
        self.assertEqual({(r["slide"], r["patient"], r["label"]) for r in self.said(place) if r["split"] == "test"},
                         {(f"s{i:02}", f"p{i % 6:02}", "ab"[i % 6 % 2]) for i in range(10)})

    def test_features_that_cannot_be_read_any_more_are_told(self):
        """Those of one slide, or of all, are cut off once an epoch is done."""
        for bad, code, wanted in (((3,), SKIPS, r"error: epoch-(\d+): model: slide 's03' is left out: .*features/s03\.h5: cannot be read"),
                                  (range(12), FAILED, r"error: epoch-(\d+): model: fold \d had nothing to train with in an epoch; slide .*s\d\d\.h5: cannot be read")):
            place = self.cohort(hdf5=True)
            (place / "graph.yaml").write_text(GRAPH.format(bags="folds: 2", model="patience: 99", count=20, blocks="dimensions: 32, block_tiles: 20"))
            running = start("run", place / "graph.yaml", "--set", f"out={place / 'out'}")
            while running.poll() is None and not (place / "out/fold_0/metrics.csv").exists():
                time.sleep(0.001)
            for i in bad:
                file = place / f"features/s{i:02}.h5"
                (place / "cut").write_bytes(file.read_bytes()[:700])
                (place / "cut").replace(file)
            said = running.communicate()[1].decode()
            self.assertEqual(running.returncode, code, said)
            self.assertRegex(said, wanted)
            self.assertGreater(int(re.search(wanted, said)[1]), 0)

    def test_bad_files_are_left_out_and_told(self):
        place = self.cohort(hdf5=True)
        whole = self.cohort()
        bad = place / "features"
        (bad / "s00.h5").write_bytes((bad / "s00.h5").read_bytes()[:700])
        (bad / "s01.h5").write_text("nothing of the kind")
        (bad / "s02.h5").unlink()
        self.features(place, "s03", np.zeros((0, 8), np.float32))
        self.features(place, "s04", np.zeros((9, 7), np.float32))
        x = np.zeros((50, 8), np.float32)  # of more than a block, in the last one
        x[47, 3] = np.nan
        self.features(place, "s05", x)
        x = np.zeros((9, 8), np.float32)
        x[2, 0] = np.inf
        (bad / "s06.h5").unlink()
        torch.save(torch.from_numpy(x), bad / "s06.pt")
        with h5py.File(bad / "s07.h5", "w") as file:
            file["coords"] = np.zeros((3, 2))
        for i in range(12, 20):
            self.features(place, f"s{i}", np.random.default_rng(i).normal(size=(9, 8)).astype(np.float32) + i % 2)
        with open(place / "labels.csv", "a") as table:
            table.writelines(f"p{i},s{i},{'ab'[i % 2]}\n" for i in range(12, 19))
        ended = self.train(place, code=SKIPS)
        said = ended.out + ended.err
        for slide, what in (("s00", "features/s00.h5: cannot be read: "), ("s01", "features/s01.h5: it does not begin as HDF5"),
                            ("s03", "there is no tile in it"), ("s04", "it has 7 numbers a tile, most others have 8"),
                            ("s05", "the features of tile 47 are not finite"),
                            ("s06", "the features of tile 2 are not finite"),
                            ("s07", "there are no features: expected a dataset 'features' (CLAM, TRIDENT) or 'feats'")):
            self.assertRegex(ended.err, rf"error: epoch-0000: .*slide '{slide}' is left out: ", slide)
            for text in (ended.out, ended.err):
                self.assertEqual(text.count(f"slide '{slide}' is left out"), 1, text)
                self.assertIn(what, text)
        self.assertIn("1 of 19 slides in", said)
        self.assertIn("have no features: s02", said)
        self.assertIn("1 of 19 slides with features have no label: s19", said)
        self.assertEqual({r["slide"] for r in self.said(place) if r["split"] == "test"},
                         {f"s{i:02}" for i in range(8, 19)})
        self.assertEqual(flowrun("run", place / "graph.yaml", "--set", f"out={whole}/out", folder=whole).code, SKIPS)

    def test_a_training_that_goes_on_tells_what_it_leaves_out_too(self):
        place = self.cohort(hdf5=True)
        (place / "features/s00.h5").write_text("nothing of the kind")
        (place / "graph.yaml").write_text(
            GRAPH.format(bags="folds: 3", model="patience: 999", count=20, blocks="dimensions: 32, block_tiles: 20")
            .replace("features: features", f"features: {place}/features").replace("labels.csv", f"{place}/labels.csv"))
        arguments = ["run", place / "graph.yaml", "--set", f"out={place / 'out'}"]
        process = start(*arguments)
        while process.poll() is None and not done_scopes(place / "out", "bags"):
            time.sleep(0.01)
        process.kill()
        process.communicate()
        self.assertEqual(process.returncode, -signal.SIGKILL, "the training was over")
        ended = flowrun(*arguments)
        self.assert_ended(ended, SKIPS)
        self.assertRegex(ended.err, r"error: epoch-\d{4}: .*slide 's00' is left out: ")
        self.assertNotIn("epoch-0000", ended.err)
        self.assert_ended(flowrun(*arguments), DONE)  # of nothing that it did

    def test_memory_does_not_grow_with_slides(self):
        if support.sanitized():
            self.skipTest("a sanitizer takes memory of its own")
        peaks = {}
        for tiles in (2000, 60000):
            place = self.cohort(slides=2, hdf5=True)
            for name in ("s00", "s01"):  # 58 MiB each
                self.features(place, name, np.random.default_rng(1).normal(size=(tiles, 256)).astype(np.float32))
            self.train(place, bags="folds: 1, validation: 0", count=1, blocks="block_tiles: 1000, dimensions: 256")
            # By a shell, or the peak would be that of this process, which Linux hands on.
            ended = subprocess.run(["sh", "-c", '"$@"; exit $?', "sh",
                                    *support.command("run", place / "graph.yaml", "--set", f"out={place / 'again'}",
                                                     "--memory", "64MiB", "--json", "--quiet")],
                                   cwd=place, env=support.environment(), capture_output=True, check=True)
            summary = json.loads(ended.stdout)
            self.assertLessEqual(summary["peak_leased_bytes"], 64 << 20)
            peaks[tiles] = summary["peak_rss_bytes"]
        self.assertLess(peaks[60000] - peaks[2000], 16 << 20)

    def test_a_folder_of_clam_has_each_slide_once(self):
        place = self.cohort(hdf5=True)
        (place / "features/h5_files").mkdir()
        (place / "features/pt_files").mkdir()
        for file in list((place / "features").glob("*.h5")):
            file.rename(place / "features/h5_files" / file.name)
            torch.save(torch.zeros(3, 8), place / "features/pt_files" / f"{file.stem}.pt")
        self.train(place)
        self.assertEqual(sum(row["split"] == "test" for row in self.said(place)), 12)
        (place / "features/more").mkdir()
        (place / "features/more/s03.h5").write_bytes((place / "features/h5_files/s03.h5").read_bytes())
        self.assertIn("two files have features of slide 's03'", self.train(place, out="again", code=FAILED).err)

    def test_tensors_that_are_no_features(self):
        place = self.cohort(hdf5=True)
        bad = {"s01": ({"a": torch.zeros(3, 8)}, "no tensor"),
               "s02": (torch.zeros(3, 8, dtype=torch.int64), "floating-point"),
               "s03": (torch.rand(8, 3).T, r"save tensor.contiguous\(\)"),
               "s04": (torch.zeros(3, 8)[None], "tiles x dimensions")}
        for name, (value, _) in bad.items():
            (place / f"features/{name}.h5").unlink()
            torch.save(value, place / f"features/{name}.pt")
        (place / "features/s05.h5").unlink()
        torch.save(torch.rand(40, 8)[10:], place / "features/s05.pt")  # a part that lies within its storage
        ended = self.train(place, code=SKIPS)
        for name, (_, text) in bad.items():
            self.assertRegex(ended.out, f"slide '{name}' is left out: .*{text}")
        self.assertNotIn("slide 's05' is left out", ended.out)

    def test_mistakes(self):
        place = self.cohort()
        table = (place / "labels.csv").read_text()

        def refused(text, code=FAILED, **values):
            ended = self.train(place, out=self.fresh().name, code=code, **values)
            self.assertIn(text, ended.err)

        refused("12 patients are too few for 13 folds", bags="folds: 13")
        refused("label 'b' is none of the classes a, c", bags="classes: [a, c]")
        refused("one of classification, ordinal, regression, survival", code=USAGE, model="task: multilabel")
        refused("slide_auc", code=USAGE, model="metric: slide_auc")
        (place / "labels.csv").write_text(table + "p00,s00,b\n")
        refused("labels.csv:14: 's00' is here another than in")
        (place / "labels.csv").write_text(table.replace("case_id,slide_id", "who,what"))
        refused("there is no column that names slides or patients")
        (place / "labels.csv").write_text("slide,label\n" + "".join(f"s{i:02},a\n" for i in range(12)))
        refused("all slides are of class 'a'")
        (place / "labels.csv").write_text("slide,label\nx,a\ny,b\n")
        refused("no slide has a label and features")

    def test_classes_that_folds_leave_out_are_told_once(self):
        place = self.cohort(slides=9)
        (place / "labels.csv").write_text("slide,label\n" + "".join(f"s{i:02},{'b' if i == 8 else 'a'}\n" for i in range(9)))
        ended = self.train(place, bags="folds: 3")
        self.assertEqual((ended.out + ended.err).count("training has no slide of class 'b'"), 1)
        self.assertEqual((ended.out + ended.err).count("test has no slide of class 'b'"), 1)
        err = self.train(place, out="auto", bags="folds: 3", model="class_weights: auto", code=FAILED).err
        self.assertRegex(err, r"fold \d: class 'b' is never drawn, so class_weights: auto cannot weigh it")

    def test_models_of_more_folds_are_not_passed_on(self):
        place = self.cohort()
        self.train(place, bags="folds: 3", count=1)
        err = self.train(place, bags="folds: 2", count=1, code=FAILED).err
        self.assertRegex(err, r"fold_2/best\.pt is of an earlier training and this one, in 2 folds, would not replace it")
        shutil.rmtree(place / "out/fold_2")
        self.train(place, bags="folds: 2", count=1)

    def test_stops_when_all_folds_have(self):
        place = self.cohort()
        ended = self.train(place, model="patience: 2, metric: loss, schedule: constant", count=60)
        epochs = [len(csv_.splitlines()) - 1 for csv_ in
                  ((place / f"out/fold_{fold}/metrics.csv").read_text() for fold in range(3))]
        self.assertEqual(ended.out.count("stopped early: no better loss in 2 epochs"), 3, ended.out)
        self.assertLess(max(epochs), 60)
        self.assertEqual(len(done_scopes(place / "out", "bags")), max(epochs))
        again = self.train(place, model="patience: 2, metric: loss, schedule: constant", count=60)
        self.assertIn(f"in all: {max(epochs)} done before", again.out)

    def test_same_bytes_on_any_number_of_threads_and_however_it_is_killed(self):
        place = self.cohort(slides=14)
        values = {"bags": "folds: 3, max_tiles: 30", "model": "model: clam_sb, threads: 1, patience: 3, ema: 0.9, decay: weights", "count": 6}
        self.train(place, "whole", more=["--threads", 1], **values)
        expected = outputs(place / "whole")
        self.train(place, "threads", more=["--threads", 4, "--memory", "64MiB"], **values)
        self.assert_same(outputs(place / "threads"), expected)
        chance, killed = random.Random(3), 0
        arguments = ["run", place / "graph.yaml", "--set", f"out={place / 'killed'}"]
        graph = place / "graph.yaml"
        graph.write_text(graph.read_text().replace("features: features", f"features: {place}/features")
                         .replace("labels: labels.csv", f"labels: {place}/labels.csv"))
        for _ in range(12):
            process = start(*arguments)
            time.sleep(chance.uniform(0.3, 1.2))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
        self.assertGreater(killed, 0)
        self.assert_ended(flowrun(*arguments), DONE)
        self.assert_same(outputs(place / "killed"), expected)


if __name__ == "__main__":
    support.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Survival of slides: what is refused, what is told, what models say of other slides."""
import csv
import json
import shutil

import numpy as np

import support
from mil_cohort import CohortTest
from support import FAILED, USAGE, flowrun, outputs

BAGS = "folds: 2, validation: 0.4, seed: 2, targets: [time, event]"
COX = "task: survival, loss: cox, accumulate: 4, patience: 99"


class Survival(CohortTest):
    def subjects(self, events, times=None):
        place = self.cohort(slides=len(events))
        times = times or range(len(events))
        (place / "labels.csv").write_text("patient,slide,time,event\n" + "".join(
            f"p{i},s{i:02},{time},{event}\n" for i, (time, event) in enumerate(zip(times, events))))
        return place

    def refused(self, text, events=(1,) * 12, times=None, model=COX, code=FAILED, bags=BAGS):
        err = self.train(self.subjects(events, times), bags=bags, model=model, code=code).err
        self.assertIn(text, err)

    def test_what_is_refused(self):
        self.refused("loss: cox compares the slides of a step with each other, but a step is of 1", code=USAGE,
                     model=COX.replace("accumulate: 4", "accumulate: 1"))
        self.refused("loss: cox compares", code=USAGE, model="task: survival, loss: cox")
        for task in ("classification", "ordinal", "regression"):
            self.refused(f"'cox' is none of task: {task}", code=USAGE, model=f"task: {task}, loss: cox, accumulate: 4")
        self.refused("no slide had the event: 'event' is 0 for all", events=(0,) * 12)
        self.refused("slide 's00': the time 'time' is -1", times=[-1, *range(11)])
        self.refused("'event' is 2, expected 1", events=(2,) + (1,) * 11)
        self.refused("needs two `targets`", bags=BAGS.replace("[time, event]", "[time]"))
        self.refused("clam_sb", code=USAGE, model=COX + ", model: clam_sb")

    def test_steps_that_teach_nothing(self):
        """Of two slides a step compares some only where one had the event before the other was last seen."""
        place = self.subjects((1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0))
        (place / "splits_0.csv").write_text("train,val\n" + "".join(f"s{i:02},\n" for i in range(8))
                                            + "".join(f",s{i:02}\n" for i in range(8, 12)))
        said = self.train(place, bags="splits: splits_0.csv, targets: [time, event]",
                          model=COX.replace("accumulate: 4", "accumulate: 2"), count=3).out
        # The first slide had the event before anything is known of the others: one step of four compares.
        self.assertIn("fold 0: nothing is learnt from steps in which no slide had the event while another was at risk, "
                      "as of 6 slides in epoch 1: set accumulate higher", said)
        self.assertEqual(said.count("nothing is learnt from steps"), 1)
        with open(place / "out/fold_0/metrics.csv", encoding="utf-8") as file:
            self.assertEqual([row["steps"] for row in csv.DictReader(file)], ["1", "2", "3"])
        # Nobody is compared with anybody in the first fold's training: all censored.
        place = self.subjects((0,) * 11 + (1,), times=[5] * 12)
        (place / "splits_0.csv").write_text("train,val\n" + "".join(f"s{i:02},\n" for i in range(11)) + ",s11\n")
        err = self.train(place, bags="splits: splits_0.csv, targets: [time, event]", model=COX, code=FAILED).err
        self.assertIn("fold 0 had nothing to train with in an epoch: in no step one slide had the event", err)

    def test_validation_without_an_event(self):
        place = self.subjects((1,) * 8 + (0,) * 4)
        (place / "splits_0.csv").write_text("train,val\n" + "".join(f"s{i:02},\n" for i in range(8))
                                            + "".join(f",s{i:02}\n" for i in range(8, 12)))
        said = self.train(place, bags="splits: splits_0.csv, targets: [time, event]", model=COX).out
        self.assertIn("has no loss, so it cannot be the best: fold 0: no slide of validation had the event", said)

    def test_no_slide_of_validation(self):
        place = self.subjects((1,) * 12)
        said = self.train(place, bags="folds: 2, validation: 0, targets: [time, event]", model=COX).out
        self.assertIn("there is nothing to validate with", said)
        for row in (place / "out/fold_0/metrics.jsonl").read_text().splitlines():
            self.assertIsNone(json.loads(row)["loss"])

    def test_risks_of_different_models_are_not_compared(self):
        """The partial likelihood stays when a number is added to all risks (Cox 1972), so models have no common zero."""
        place = self.subjects((1,) * 12)
        (place / "splits_0.csv").write_text("train,val,test\n" + "".join(f"s{i:02},,\n" for i in range(6))
                                            + ",s06,\n,s07,\n" + "".join(f",,s{i:02}\n" for i in range(8, 12)))
        cox, nll = COX, "task: survival, loss: nll, patience: 99"
        for bags, group, model, known in ((BAGS, "pooled_test", cox, False), (BAGS, "pooled_test", nll, True),
                                          ("splits: splits_0.csv, targets: [time, event]", None, cox, True)):
            with self.subTest(bags=bags, model=model):
                shutil.rmtree(place / "out", ignore_errors=True)
                self.train(place, bags=bags, model=model)
                metrics = json.loads((place / "out/metrics.json").read_text())
                found = metrics[group] if group else metrics.get("pooled_test", metrics.get("held_out"))
                self.assertEqual(found["c_index"]["value"] is not None, known)
                if not known:
                    self.assertIsNone(found["c_index"]["interval"])
                for fold in metrics["folds"]:
                    self.assertIsNotNone(fold["test"]["c_index"]["value"])

    def test_models_say_risks_and_go_on_to_the_same_bits(self):
        place = self.subjects((1, 1, 0) * 4, times=[3, 3, 3, 7, 7, 2, 9, 4, 4, 1, 1, 8])
        self.train(place, bags=BAGS, model=COX + ", dropout: 0.25", count=4)
        (place / "predict.yaml").write_text(
            "flowrun: 1\nnodes:\n  slides: {type: read_features, features: features}\n"
            "  said: {type: predict_mil, from: {slide: slides}, models: out, dir: said}\n")
        self.assert_ended(flowrun("run", place / "predict.yaml", folder=place), support.DONE)
        rows = (place / "said/predictions.csv").read_text().splitlines()
        self.assertEqual(rows[0], "slide,risk")
        risks = [float(row.split(",")[1]) for row in rows[1:]]
        self.assertEqual(len(risks), 12)
        self.assertTrue(np.isfinite(risks).all() and np.std(risks) > 0)
        # Of folds whose validation or test had a slide, what train_mil says: larger blocks change no more than digits. (adamw would
        # magnify what rounding leaves of the bias' gradient, which is 0.)
        self.train(place, out="whole", bags=BAGS, model=COX + ", dropout: 0, optimizer: sgd", count=2, blocks="dimensions: 32, block_tiles: 500")
        self.train(place, out="blocks", bags=BAGS, model=COX + ", dropout: 0, optimizer: sgd", count=2, blocks="dimensions: 32, block_tiles: 7")
        for one, other in zip(self.said(place, "whole"), self.said(place, "blocks"), strict=True):
            self.assertEqual(one["slide"], other["slide"])
            self.assertAlmostEqual(float(one["risk"]), float(other["risk"]), delta=1e-4)
        first = outputs(place / "out")
        self.train(place, out="again", bags=BAGS, model=COX + ", dropout: 0.25", count=4)
        self.assert_same({name: digest for name, digest in outputs(place / "again").items() if "events" not in name},
                         {name: digest for name, digest in first.items() if "events" not in name})


if __name__ == "__main__":
    support.main()

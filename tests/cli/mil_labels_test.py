#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whose slides are and what they are labelled, as tables say it: well, not at all, or against each other."""
import json

import support
from mil_cohort import CohortTest
from support import FAILED, USAGE


class Labels(CohortTest):
    def table(self, place, header, rows, name="labels.csv"):
        (place / name).write_text("\n".join([header, *rows]) + "\n")

    def slides_tested(self, place, out="out"):
        return {(r["slide"], r["patient"]) for r in self.said(place, out) if r["split"] == "test"}

    def refused(self, place, text, code=FAILED, **values):
        err = self.train(place, out=self.fresh().name, code=code, **values).err
        for part in [text] if isinstance(text, str) else text:
            self.assertIn(part, err)

    def test_slides_without_a_patient(self):
        place = self.cohort()
        rows = [f"p{i % 6},s{i:02},{'ab'[i % 2]}" for i in range(12)]
        self.table(place, "case_id,slide_id,label", [*rows[:4], ",s04,a", *rows[5:]])
        self.refused(place, ("labels.csv:6: slide 's04' has no patient", "give it one here"))
        self.table(place, "case_id,slide_id,label", [*rows[:4], '"  ",s04,a', *rows[5:]])
        self.refused(place, "labels.csv:6: slide 's04' has no patient")
        for none in ("NA", "nan", "None"):
            self.table(place, "case_id,slide_id,label", [*rows[:4], f"{none},s04,a", *rows[5:]])
            self.refused(place, "labels.csv:6: slide 's04' has no patient")
        # Another table may say it.
        self.table(place, "patient,slide", ["p4,s04.svs"], "slides.csv")
        self.train(place, bags="folds: 3, slide_table: slides.csv")
        self.assertEqual(self.slides_tested(place), {(f"s{i:02}", f"p{i % 6}") for i in range(12)})
        self.table(place, "slide,label", [f"s{i:02},{'ab'[i % 2]}" for i in range(12)])
        self.refused(place, ("labels.csv:2: slide 's00' has no patient", "give it one here or in ", "slides.csv"),
                     bags="folds: 3, slide_table: slides.csv")
        self.refused(place, ("labels.csv:1: ", "'case'"), bags="folds: 3, patient_column: case")

    def test_blanks_around_names(self):
        place = self.cohort()
        self.table(place, "case_id,slide_id,label",
                   [f'"p{i % 6}{" " * (i // 6)}"," s{i:02} ",{"ab"[i % 2]}' for i in range(12)])
        self.train(place)
        self.assertEqual(self.slides_tested(place), {(f"s{i:02}", f"p{i % 6}") for i in range(12)})

    def test_patients_that_are_one_number(self):
        """As a spreadsheet writes them: 3 and 3.0."""
        place = self.cohort()
        rows = [f"{i % 6}{'.0' if i == 9 else ''},s{i:02}" for i in range(12)]
        self.table(place, "patient,slide,label", [f"{row},{'ab'[i % 2]}" for i, row in enumerate(rows)])
        self.refused(place, "labels.csv:11: the patient '3.0' is the same number as '3' in line 5")
        self.table(place, "patient,slide", rows, "slides.csv")
        self.table(place, "patient,label", [f"{i},{'ab'[i % 2]}" for i in range(6)])
        self.refused(place, "slides.csv:11: the patient '3.0' is the same number as '3' in line 5",
                     bags="slide_table: slides.csv")

    def test_each_slide_a_patient_is_told_once(self):
        place = self.cohort()
        for name, slides in (("labels.csv", range(8)), ("other.csv", range(8, 12))):
            self.table(place, "slide,who,label", [f"s{i:02},p{i % 6},{'ab'[i % 2]}" for i in slides], name)
        said = self.train(place, bags="folds: 2, test_labels: other.csv").out
        self.assertEqual(said.count("each slide is taken as of a patient of its own; name the column: patient_column"), 1)
        self.assertNotIn("of its own", self.train(place, out="b", bags="folds: 2, patient_column: who").out)
        for out, drawn, of in (("out", "slides", 8), ("b", "patients", 6)):
            tested = json.loads((place / out / "metrics.json").read_text())["pooled_test"]
            self.assertEqual((tested["slides"], tested["drawn"], tested["draws_of"]), (8, drawn, of))
            self.assertEqual("patients" in tested, drawn == "patients")

    def test_slides_of_two_patients(self):
        place = self.cohort()
        self.table(place, "patient,slide", [*(f"p{i},s{i:02}" for i in range(12)), "p2,s05.svs"], "slides.csv")
        for of_patients in (False, True):
            self.table(place, "patient,label" if of_patients else "slide,label",
                       [f"{'p' + str(i) if of_patients else f's{i:02}'},{'ab'[i % 2]}" for i in range(12)])
            self.refused(place, "slides.csv:14: slide 's05' is of patient 'p2' here, and of 'p5' in line 7",
                         bags="folds: 3, slide_table: slides.csv")
        self.table(place, "patient,slide", [f"p{i + (i == 7)},s{i:02}" for i in range(12)], "slides.csv")
        self.table(place, "patient,slide,label", [f"p{i},s{i:02},{'ab'[i % 2]}" for i in range(12)])
        with self.subTest("another than the labels' own"):
            err = self.train(place, out="c", bags="folds: 3, slide_table: slides.csv", code=FAILED).err
            self.assertRegex(err, r"slides.csv:9: slide 's07' is of patient 'p8' here, and of 'p7' in \S*labels.csv:9")

    def test_slides_of_held_out_patients_are_told(self):
        place = self.cohort()
        self.table(place, "patient,slide,label", [f"p{i % 6},s{i:02},{'ab'[i % 2]}" for i in range(11)])
        self.table(place, "patient,slide,label", ["p5,s11,b"], "other.csv")
        said = self.train(place, bags="folds: 2, test_labels: other.csv").out
        self.assertRegex(said, r"1 slides in \S*labels.csv are left out of training, as \S*other.csv has others of "
                               r"their patients: s05")
        self.assertNotIn("s05", {r["slide"] for r in self.said(place)})
        self.table(place, "slide,label", ["s11,b"], "other.csv")
        self.refused(place, ("labels.csv says of whom slides are, but ", "other.csv does not", "patient_column"),
                     bags="folds: 2, test_labels: other.csv")
        self.table(place, "slide,label", [f"s{i:02},{'ab'[i % 2]}" for i in range(11)])
        self.table(place, "patient,slide,label", ["p5,s11,b"], "other.csv")
        self.refused(place, "other.csv says of whom slides are, but ", bags="folds: 2, test_labels: other.csv")

    def test_reasons_are_told(self):
        place = self.cohort()
        self.table(place, "PATIENT,label", [f"P-{i},{'ab'[i % 2]}" for i in range(12)])
        self.table(place, "PATIENT,FILENAME", [f"p{i},s{i:02}.h5" for i in range(12)], "slides.csv")
        with_slides = "folds: 3, slide_table: slides.csv"
        self.refused(place, ("labels.csv: the table has no labels", "12 of 12 patients with a label in ",
                             "have no slide in ", "slides.csv: P-0, P-1, P-10 and 9 more",
                             "12 of 12 patients in ", "have no label in "), bags=with_slides)
        self.table(place, "PATIENT,label", [f"p{i},{'ab'[i % 2]}" for i in range(13)])
        said = self.train(place, bags=with_slides).out
        self.assertRegex(said, r"1 of 13 patients with a label in \S*labels.csv have no slide in \S*slides.csv: p12")
        self.table(place, "train,val,test", ["x1,x2,x3", "x4,x5,x6"], "splits_0.csv")
        self.refused(place, ("fold 0 has nothing to train with", "6 slides of ", "splits_0.csv have no features or label: x1"),
                     bags="slide_table: slides.csv, splits: splits_0.csv")
        self.table(place, "PATIENT,FILENAME", ["p0,s00.h5", "p1,y"], "slides.csv")
        self.refused(place, ("1 patients are too few for 3 folds", "have no features: y"),
                     bags=with_slides + ", classes: [a, b]")

    def test_labels_that_are_none(self):
        place = self.cohort()
        none = ["NA", "N/A", "nan", "NaN", "null", "None", ""]
        rows = [f"p{i},s{i:02},{none[i] if i < 7 else 'ab'[i % 2]}" for i in range(12)]
        self.table(place, "patient,slide,label", rows)
        said = self.train(place, bags="folds: 2").out
        self.assertEqual(len({s for s, _ in self.slides_tested(place)}), 5)
        self.assertRegex(said, r"7 of 12 slides in \S*labels.csv have no label: s00, s01, s02 and 4 more")
        # Named, it is a class: the grade "None".
        said = self.train(place, out="named", bags="folds: 2, classes: [a, b, None]").out
        self.assertIn("6 of 12 slides in", said)
        self.assertEqual({r["label"] for r in self.said(place, "named")}, {"a", "b", "None"})
        rows = [f"p{i},s{i:02},{none[i] if i < 7 else i}" for i in range(12)]
        self.table(place, "patient,slide,age", rows)
        said = self.train(place, out="numbers", bags="folds: 2, targets: [age]", model="task: regression").out
        self.assertRegex(said, r"7 of 12 slides in \S*labels.csv have no label")
        self.table(place, "patient,slide,label", rows[:7])
        self.refused(place, ("labels.csv: the table has no labels", "7 of 7 slides in "))

    def test_names_that_are_there_twice(self):
        place = self.cohort()
        self.refused(place, ("classes", "'a' is there twice"), USAGE, bags="classes: [a, b, a]")
        self.refused(place, ("targets", "'age' is there twice"), USAGE, bags="targets: [age, age]",
                     model="task: regression")

    def test_classes_that_weigh_nothing(self):
        """A class of weight 0 is as one that the training has not."""
        place = self.cohort(classes="abc")
        for name, model in (("whole", "model: clam_sb"), ("blocks", "model: mean")):
            self.train(place, out=name, model=f"{model}, class_weights: [1, 1, 0], patience: 99")
            self.assertEqual({r["label"] for r in self.said(place, name)}, {"a", "b", "c"})
        for weights in ("[0, 0, 0]", "[0, 0.0, -0]"):
            self.refused(place, ("class_weights", "all are 0"), USAGE, model=f"class_weights: {weights}")
        for weight in ("nan", "inf", "-1"):
            self.refused(place, f"'{weight}' is no weight", USAGE, model=f"class_weights: [1, '{weight}', 1]")

    def test_weight_of_zero_is_as_without_the_slides(self):
        place = self.cohort(classes="abc")
        for name, train in (("with", range(9)), ("without", [i for i in range(9) if i % 3 < 2])):
            (place / "splits_0.csv").write_text(
                "train,val\n" + "".join(f"s{i:02},\n" for i in train) + ",s09\n,s10\n,s11\n")
            self.train(place, out=name, count=3, bags="splits: splits_0.csv, classes: [a, b, c]",
                       model="class_weights: [1, 2, 0], accumulate: 2, threads: 1")
        first, second = ((place / name / "fold_0/metrics.csv").read_text() for name in ("with", "without"))
        self.assertEqual(first, second)

    def test_concordance_of_many(self):
        """Pair by pair (Harrell et al. 1982), with times and risks that several have."""
        place = self.cohort(slides=60)
        for i in range(0, 60, 4):  # of two slides one is like the other
            (place / f"features/s{i:02}.pt").write_bytes((place / f"features/s{i + 1:02}.pt").read_bytes())
        self.table(place, "patient,slide,time,event", [f"p{i},s{i:02},{(i * 7) % 13},{int(i % 3 > 0)}" for i in range(60)])
        self.train(place, bags="folds: 2, targets: [time, event]", model="task: survival, intervals: 3")
        found = json.loads((place / "out/metrics.json").read_text())
        for fold, of in enumerate(found["folds"]):
            for split in ("val", "test"):
                rows = [(float(r["time"]), r["event"] == "1", float(r["risk"])) for r in self.said(place)
                        if r["fold"] == str(fold) and r["split"] == split]
                pairs = right = 0
                for time, event, risk in rows:
                    for later, other_event, other in rows:
                        if event and (later > time or (later == time and not other_event)):
                            pairs += 1
                            right += (risk > other) + 0.5 * (risk == other)
                self.assertGreater(pairs, 100 if split == "test" else 0)
                self.assertEqual(of[split]["c_index"]["value"], right / pairs)


if __name__ == "__main__":
    support.main()

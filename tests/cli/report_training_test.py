#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What reports say of trainings and predictions, against the files that these write."""
import csv
import json
import re

import support
from mil_cohort import CohortTest
from report_page import Page
from support import DONE, SOURCE, flowrun, settings, synth

PREDICT = """flowrun: 1
nodes:
  slides: {type: read_features, features: features}
  said: {type: predict_mil, from: {slide: slides}, models: out, dir: said}
"""


def rows(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


class Training(CohortTest):
    def chart(self, page, title):
        """The words for those who cannot see a chart: {curve: range}."""
        for part in page.one("section", id="results").all("div"):
            for heading, plot in zip(part.all("h4"), part.all("svg", class_="plot")):
                if heading.text == title:
                    words = plot.attributes["aria-label"].split("; ")
                    self.assertEqual(words[0], title)
                    return dict(re.fullmatch(r"(.*): ([^:]*)", each).groups() for each in words[1:])
        raise AssertionError(f"there is no chart '{title}'")

    def assert_last(self, words, value):
        self.assertEqual(words.rsplit(", at last ", 1)[1], "–" if value == "" else f"{float(value):.4g}")

    def test_a_training_of_tiles_and_its_predictions(self):
        for seed in (1, 2):
            synth(self.root / f"slides/s{seed}.svs", 4000, 4000, seed, self.root / f"xml/s{seed}.xml")
        out = self.root / "trained"
        ended = flowrun("run", SOURCE / "graphs/train.yaml",
                        *settings(slides=self.root / "slides", annotations=self.root / "xml/{slide}.xml", out=out,
                                  epochs=2, tiles=40))
        self.assert_ended(ended, DONE)
        packets = json.loads((out / "model/.flowrun/series.json").read_text())["packets"]
        self.assertEqual(packets, sorted(packets))  # always of one node
        page = Page(out / "model/report.html")
        self.assertIn(f"{packets[-1]} batches in ", page.one("p", class_="verdict").text)
        header, *epochs = rows(out / "model/metrics.csv")
        self.assertEqual(len(epochs), 2)
        loss = self.chart(page, "loss")
        self.assertEqual(set(loss), {"validation", "training"})
        self.assert_last(loss["validation"], epochs[-1][header.index("loss")])
        self.assert_last(loss["training"], epochs[-1][header.index("train_loss")])
        self.assert_last(self.chart(page, "accuracy")["accuracy"], epochs[-1][header.index("accuracy")])
        self.assertEqual(page.table("confusion (rows: what is right)"), rows(out / "model/confusion.csv"))
        self.assertEqual(len(self.chart(page, "ROC")), 1)
        self.assertIn("ECE 0.", " ".join(self.chart(page, "calibration")))
        self.check_predictions(out)

    def check_predictions(self, out):
        page = Page(out / "predictions/report.html")
        header, *slides = rows(out / "predictions/slides.csv")
        for slide in slides:
            values = dict(zip(header, slide))
            said = page.numbers(values["slide"])
            numbers = {name: value for name, value in values.items() if name.startswith(("p_", "share_"))}
            self.assertEqual(len(numbers), 4)
            for name, value in numbers.items():
                self.assertAlmostEqual(float(said[name]), float(value), delta=1e-3)
            pictures = [figure.one("figcaption").text for figure in page.cards()[values["slide"]].all("figure")
                        if list(figure.all("img"))]
            self.assertEqual(len(pictures), 1)
            self.assertRegex(pictures[0], "^heat map: probability of ")

    def test_a_training_of_slides_in_folds_and_its_predictions(self):
        place = self.cohort()
        self.train(place)
        page = Page(place / "out/report.html")
        loss = self.chart(page, "loss")
        self.assertEqual(set(loss), {f"fold {fold}: {of}" for fold in range(3) for of in ("training", "validation")})
        for fold in range(3):
            header, *epochs = rows(place / f"out/fold_{fold}/metrics.csv")
            self.assert_last(loss[f"fold {fold}: training"], epochs[-1][header.index("train_loss")])
            self.assertEqual(page.table(f"validation of fold {fold}: confusion (rows: what is right)"),
                             rows(place / f"out/fold_{fold}/confusion.csv"))
        self.assertEqual(page.table("tests of all folds: confusion (rows: what is right)"),
                         rows(place / "out/confusion.csv"))
        self.assertEqual(len(self.chart(page, "tests of all folds: ROC")), 1)
        self.assertFalse(list(page.all("li", class_="scope")), "epochs have no cards")
        (place / "predict.yaml").write_text(PREDICT)
        self.assert_ended(flowrun("run", "predict.yaml", folder=place), DONE)
        header, *slides = rows(place / "said/predictions.csv")
        said = Page(place / "said/report.html")
        self.assertEqual(len(slides), 12)
        for slide in slides:
            values = dict(zip(header, slide))
            for name in "ab":
                self.assertAlmostEqual(float(said.numbers(values["slide"])[name]), float(values[f"probability_{name}"]),
                                       delta=1e-3)


if __name__ == "__main__":
    support.main()

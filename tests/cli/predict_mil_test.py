#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What models of slides say of slides with many tiles, without places, or without tiles; and of held-out slides."""
import csv
import json

import h5py
import numpy as np
import torch

import support
from mil_cohort import CohortTest
from support import DONE, FAILED, USAGE, flowrun

GRAPH = """\
flowrun: 1
nodes:
  slides: {{type: read_features, features: {features}}}
  said: {{type: predict_mil, from: {{slide: slides}}, models: {models}, dir: said{options}}}
"""
OF_SLIDES = """\
flowrun: 1
nodes:
  slides: {{type: read, path: slides}}
  tiles: {{type: extract, from: slides, size: {size}}}
  features: {{type: embed, from: tiles, model: encoder.pt, batch: 1}}
  files: {{type: save_features, from: features, dir: "files_{size}"}}
  of_files: {{type: read_features, from: files}}
  said: {{type: predict_mil, from: {{slide: of_files}}, models: out, dir: said}}
"""
IN_GRAPH = """\
flowrun: 1
nodes:
  bags: {{type: bags, features: features, labels: labels.csv, count: 1, folds: 6}}
  model: {{type: train_mil, from: bags, hidden: 16, attention: 8, dir: trained}}
  slides: {{type: read_features, features: features}}
  said: {{type: predict_mil, from: {{slide: slides, models: model}}, dir: said{options}}}
"""


class Means(torch.nn.Module):
    def forward(self, x):
        return x.mean([2, 3]).repeat(1, 3)[:, :8]


class Said(CohortTest):
    def predict(self, place, options="", features="features", models="out", code=DONE, more=(), graph=GRAPH):
        (place / "predict.yaml").write_text(graph.format(features=features, models=models, options=options))
        ended = flowrun("run", place / "predict.yaml", *more, folder=place)
        self.assert_ended(ended, code)
        return ended

    @staticmethod
    def rows(place, name="predictions.csv"):
        with open(place / "said" / name, encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def test_slides_that_are_gone_are_said_nothing_of(self):
        place = self.cohort(hdf5=True)
        self.train(place)
        self.predict(place)
        self.assertEqual(len(self.rows(place)), 12)
        for i in range(12):
            self.features(place, f"s{i:02}", np.zeros((0, 8), np.float32))
        ended = self.predict(place)
        self.assertFalse((place / "said/predictions.csv").exists())
        self.assertIn("no slide has a tile, so there is no predictions.csv", ended.out)

    def test_no_slide_has_features(self):
        """All slides are smaller than a tile, so that none is opened by its features."""
        place = self.cohort()
        self.train(place)
        (place / "slides").mkdir()
        self.assert_ended(flowrun("synth", place / "slides/a.svs", "--width", 1000, "--height", 1000), DONE)
        torch.jit.script(Means()).save(str(place / "encoder.pt"))
        for size in (128, 1100):
            (place / "slides.yaml").write_text(OF_SLIDES.format(size=size))
            ended = flowrun("run", place / "slides.yaml", folder=place)
            self.assert_ended(ended, DONE)
            self.assertEqual((place / "said/predictions.csv").exists(), size == 128)
        self.assertIn("there was no slide, so there is no predictions.csv", ended.out)

    def test_more_tiles_than_memory_is_reserved_for(self):
        place = self.cohort(slides=6, hdf5=True)
        self.train(place, bags="folds: 2")
        tiles = np.random.default_rng(1).normal(size=(2000, 8)).astype(np.float32)
        self.features(place, "s00", tiles)
        ended = self.predict(place, ", most_tiles: 1999", code=FAILED)
        self.assertIn("the slide has 2000 tiles, said by 2 models, but memory is reserved for 1999: set most_tiles "
                      "to 2000", ended.err)
        self.predict(place, ", most_tiles: 2000")
        self.assertEqual(len(self.rows(place, "attention/s00.csv")), 2000)
        # Of models that come from the graph it is not known how many they are.
        ended = self.predict(place, ", most_tiles: 1000", code=FAILED, graph=IN_GRAPH)
        wanted = int(ended.err.split("set most_tiles to ")[1].split()[0])
        self.assertIn("2000 tiles, said by 6 models", ended.err)
        self.predict(place, f", most_tiles: {wanted - 2}", code=FAILED, graph=IN_GRAPH)
        self.predict(place, f", most_tiles: {wanted}", graph=IN_GRAPH)

    def test_models_are_counted_in_memory(self):
        place = self.cohort(slides=4)
        # 2 * (1025 + 1) * 4096 numbers of attention: 32 MiB.
        self.train(place, bags="folds: 1", count=1)
        self.train(place, out="large", bags="folds: 1", count=1, model="accumulate: 1",
                   blocks="dimensions: 8, block_tiles: 50")
        (place / "graph.yaml").write_text((place / "graph.yaml").read_text().replace("hidden: 16, attention: 8",
                                                                                     "hidden: 1024, attention: 4096"))
        self.assert_ended(flowrun("run", place / "graph.yaml", "--set", f"out={place / 'large'}", "--force",
                                  folder=place), DONE)
        small = ", block_tiles: 1, most_tiles: 100"
        self.predict(place, small, models="out", more=["--memory", "16MiB"])
        err = self.predict(place, small, models="large", more=["--memory", "32MiB"], code=USAGE).err
        self.assertIn("memory", err)
        self.predict(place, small, models="large", more=["--memory", "48MiB"])

    def test_places_are_optional(self):
        place = self.cohort(slides=6, hdf5=True)
        self.train(place, bags="folds: 2")
        self.predict(place)
        expected = self.rows(place)
        self.assertEqual(self.rows(place, "attention/s01.csv")[0]["x"], "0")
        for i in range(6):
            with h5py.File(place / f"features/s{i:02}.h5", "a") as file:
                del file["coords"]
        self.predict(place)
        self.assertEqual(self.rows(place), expected)
        self.assertEqual({(r["x"], r["y"]) for r in self.rows(place, "attention/s01.csv")}, {("", "")})
        with h5py.File(place / "said/attention/s01.h5") as file:
            self.assertEqual(list(file), ["attention"])
        with h5py.File(place / "features/s02.h5", "a") as file:
            file["coords"] = np.zeros((4, 2), np.int32)
        self.assertIn("'coords' must be numbers of shape (21, 2)", self.predict(place, code=FAILED).err)

    def test_held_out_slides_count_once(self):
        place = self.cohort()
        lines = (place / "labels.csv").read_text().splitlines()
        (place / "labels.csv").write_text("\n".join(lines[:-4]) + "\n")
        (place / "other.csv").write_text("\n".join([lines[0], *lines[-4:]]) + "\n")
        self.train(place, bags="folds: 3, test_labels: other.csv")
        found = json.loads((place / "out/metrics.json").read_text())
        self.assertEqual((found["pooled_test"]["slides"], found["held_out"]["slides"]), (8, 4))
        tested = [row for row in self.said(place) if row["split"] == "test"]
        for name, slides in (("pooled_test", range(8)), ("held_out", range(8, 12))):
            right = []
            for i in slides:
                said = np.mean([[float(r["probability_a"]), float(r["probability_b"])] for r in tested
                                if r["slide"] == f"s{i:02}"], 0)
                right.append(int(said.argmax()) == i % 2)
            self.assertEqual(found[name]["accuracy"]["value"], np.mean(right), name)
        self.train(place, out="none")
        self.assertNotIn("held_out", json.loads((place / "none/metrics.json").read_text()))

    def test_slides_of_several_splits_count_once(self):
        """CLAM's splits are drawn anew for each fold, so that a slide may be tested by several."""
        place = self.cohort()
        for fold, test in enumerate(([8, 9, 10], [9, 10, 11])):
            others = [i for i in range(12) if i not in test]
            (place / f"splits_{fold}.csv").write_text("train,val,test\n" + "".join(f"s{i:02},,\n" for i in others[:7])
                                                      + "".join(f",s{i:02},\n" for i in others[7:])
                                                      + "".join(f",,s{i:02}\n" for i in test))
        (place / "splits").mkdir()
        for fold in range(2):
            (place / f"splits_{fold}.csv").rename(place / f"splits/splits_{fold}.csv")
        self.train(place, bags="splits: splits")
        found = json.loads((place / "out/metrics.json").read_text())
        self.assertEqual((found["pooled_test"]["slides"], found["held_out"]["slides"]), (2, 2))


if __name__ == "__main__":
    support.main()

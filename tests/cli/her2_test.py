#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From slides whose label shows in a minority of tiles to models that find it, in one graph (graphs/her2.yaml)."""
import csv
import json
import xml.etree.ElementTree as ElementTree

import torch

import support
from support import DONE, SOURCE, flowrun, settings, stamps

COUNT, SIDE, MPP = 12, 128, 1


AGAIN = """\
flowrun: 1
nodes:
  slides: {{type: read, path: {place}/slides}}
  tissue: {{type: detect, from: slides}}
  tiles: {{type: extract, from: {{slide: slides, mask: tissue}}, mpp: {mpp}, size: {size}, min_coverage: 0.5}}
  stained: {{type: normalize, from: tiles, scope: tile}}
  features: {{type: embed, from: stained, model: {place}/encoder.pt, batch: 16}}
  said: {{type: predict_mil, from: {{features: features}}, models: {place}/out/models, dir: {place}/again}}
"""


class Colours(torch.nn.Module):
    """What takes no training: means and deviations of colours, and how much neighbours differ."""

    def forward(self, x):
        along = (x[..., 1:] - x[..., :-1]).abs().mean([2, 3])
        down = (x[..., 1:, :] - x[..., :-1, :]).abs().mean([2, 3])
        return 2 * torch.cat([x.mean([2, 3]), x.std([2, 3]), along, down], 1)


def tumors(annotations):
    """Polygons of the class tumor, without holes."""
    found = [annotation for annotation in ElementTree.parse(annotations).getroot().iter("Annotation")
             if annotation.get("Name") == "tumor"]
    return [[(float(v.get("X")), float(v.get("Y"))) for v in region.iter("Vertex")]
            for annotation in found for region in annotation.iter("Region") if region.get("NegativeROA") != "1"]


def is_inside(polygon, x, y):
    inside, before = False, polygon[-1]
    for corner in polygon:
        if (corner[1] > y) != (before[1] > y) and \
                x < (before[0] - corner[0]) * (y - corner[1]) / (before[1] - corner[1]) + corner[0]:
            inside = not inside
        before = corner
    return inside


def files_of(folder):
    return {path: stamp for path, stamp in stamps(folder).items() if path.suffix == ".h5"}


class Her2(support.ProgramTest):
    def test_from_slides_to_attention(self):
        place = self.fresh()
        (place / "slides").mkdir(parents=True)
        (place / "xml").mkdir()
        rows = ["slide,label"]
        for i in range(COUNT):
            positive = i % 2
            made = flowrun("synth", place / f"slides/s{i:02}.svs", "--width", 3200, "--height", 3200, "--seed", i + 1,
                           "--tumors", positive, "--annotations", place / f"xml/s{i:02}.xml")
            self.assert_ended(made, DONE)
            self.assertEqual(len(tumors(place / f"xml/s{i:02}.xml")), positive)
            rows.append(f"s{i:02},{['low', 'high'][positive]}")
        (place / "labels.csv").write_text("\n".join(rows) + "\n")
        torch.jit.script(Colours()).save(str(place / "encoder.pt"))
        arguments = ["run", SOURCE / "graphs/her2.yaml", "--threads", 2,
                     *settings(slides=place / "slides", labels=place / "labels.csv", encoder=place / "encoder.pt",
                               out=place / "out", size=SIDE, mpp=MPP)]
        ended = flowrun(*arguments, limit=600)
        self.assert_ended(ended, DONE)
        self.assertNotIn("drawn", ended.out)  # each slide's attention is, as it should be
        for ending in ("heatmap.jpg", "heatmap.tif", "geojson", "tiles.jpg"):
            self.assertEqual(len(list((place / "out/slides/attention").glob(f"*.{ending}"))), COUNT)

        metrics = json.loads((place / "out/models/metrics.json").read_text())["pooled_test"]
        self.assertEqual(metrics["slides"], COUNT)
        self.assertGreaterEqual(metrics["auc"]["value"], 0.9)
        for i in range(1, COUNT, 2):
            with self.subTest(slide=i):
                polygons = tumors(place / f"xml/s{i:02}.xml")
                there, elsewhere = [], []
                middle = SIDE * MPP / 0.5 / 2  # level-0 pixels; synthetic slides have 0.5 microns each
                with open(place / f"out/slides/attention/s{i:02}.csv", encoding="utf-8") as file:
                    for row in csv.DictReader(file):
                        at = float(row["x"]) + middle, float(row["y"]) + middle
                        (there if any(is_inside(p, *at) for p in polygons) else elsewhere).append(float(row["attention"]))
                self.assertLess(len(there), len(elsewhere))
                self.assertGreater(sum(there) / len(there), 5 * sum(elsewhere) / len(elsewhere))

        # The same from tiles that have just been embedded, with the models' folder.
        graph = place / "again.yaml"
        graph.write_text(AGAIN.format(place=place, size=SIDE, mpp=MPP))
        self.assert_ended(flowrun("run", graph), DONE)
        first, second = (list(csv.DictReader((place / name / "predictions.csv").read_text().splitlines()))
                         for name in ("out/slides", "again"))
        for one, other in zip(first, second, strict=True):
            self.assertEqual((one["slide"], one["prediction"]), (other["slide"], other["prediction"]))
            self.assertAlmostEqual(float(one["probability_high"]), float(other["probability_high"]), delta=1e-5)

        before = files_of(place / "out/features")
        again = flowrun(*arguments, limit=600)  # slides that are done are still bags
        self.assert_ended(again, DONE)
        self.assertNotIn(" done,", again.out.splitlines()[-1])
        self.assertIn("done before", again.out)
        self.assertEqual(files_of(place / "out/features"), before)
        # More epochs' worth of training from features that an earlier run has made.
        more = flowrun(*arguments, *settings(epochs=2, out=place / "out"), limit=600)
        self.assert_ended(more, DONE)
        self.assertEqual(files_of(place / "out/features"), before)


if __name__ == "__main__":
    support.main()

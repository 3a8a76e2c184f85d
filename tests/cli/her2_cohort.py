# SPDX-License-Identifier: Apache-2.0
"""Synthetic slides, every other one with a tumor, as graphs/her2.yaml takes them; and what its models look at."""
import csv
import xml.etree.ElementTree as ElementTree

import torch

from support import SOURCE, flowrun, settings

SIDE, MPP = 128, 1
LABELS = ("low", "high")


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


def make_cohort(place, count):
    """Slides, their annotations, labels and an encoder in a folder."""
    (place / "slides").mkdir(parents=True)
    (place / "xml").mkdir()
    rows = ["slide,label"]
    for i in range(count):
        positive = i % 2
        made = flowrun("synth", place / f"slides/s{i:02}.svs", "--width", 3200, "--height", 3200, "--seed", i + 1,
                       "--tumors", positive, "--annotations", place / f"xml/s{i:02}.xml")
        assert made.code == 0, made.out + made.err
        assert len(tumors(place / f"xml/s{i:02}.xml")) == positive
        rows.append(f"s{i:02},{LABELS[positive]}")
    (place / "labels.csv").write_text("\n".join(rows) + "\n")
    torch.jit.script(Colours()).save(str(place / "encoder.pt"))


def arguments(place, out, **values):
    """Of a run of the graph."""
    return ["run", SOURCE / "graphs/her2.yaml", "--threads", 2,
            *settings(slides=place / "slides", labels=place / "labels.csv", encoder=place / "encoder.pt", out=out,
                      size=SIDE, mpp=MPP, **values)]


def attention(place, out, slide):
    """Of tiles whose middle is in a tumor, and of all others."""
    polygons = tumors(place / f"xml/{slide}.xml")
    there, elsewhere = [], []
    middle = SIDE * MPP / 0.5 / 2  # level-0 pixels; synthetic slides have 0.5 microns each
    with open(out / f"slides/attention/{slide}.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            at = float(row["x"]) + middle, float(row["y"]) + middle
            (there if any(is_inside(p, *at) for p in polygons) else elsewhere).append(float(row["attention"]))
    return there, elsewhere

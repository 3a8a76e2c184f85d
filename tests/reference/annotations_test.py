#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Annotations against NumPy in Python: class masks must be what exact geometry fills (with OpenCV 4.6 cv2.fillPoly, too),
and tiles that lie within the annotations the ones that a plain script would keep.

usage: annotations_test.py --build BUILD_FOLDER
"""
import argparse
import csv
import gzip
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import openslide
import shapely.geometry
import shapely.ops

import polygons

PROGRAM = None
VALUES = {"tumor": 1, "stroma": 2}

GRAPH = """
flowrun: 1
nodes:
  slides: {{type: read, path: "{slide}"}}
  classes: {{type: mask, from: slides, annotations: "{xml}", classes: {{tumor: 1, stroma: 2}}}}
  values: {{type: save_mask, from: {{slide: slides, classes: classes}}, dir: "{out}/values", format: png, downsample: 8}}
  full: {{type: save_mask, from: {{slide: slides, classes: classes}}, dir: "{out}"}}
  tiles: {{type: extract, from: {{slide: slides, classes: classes}}, size: {size}, min_class_coverage: 0.1}}
  files: {{type: save, from: tiles, dir: "{out}", format: none}}
"""


def whole(points):
    return np.asarray(points).astype(np.int32).tolist()


def drawn(slide, xml, downsample):
    """Regions in the order of the file, each filled with the value of its class, or with 0 where it is negative."""
    width, height = slide.dimensions
    mask = np.zeros((int(height / downsample), int(width / downsample)), np.uint8)
    for annotation in ET.parse(xml).getroot().iter("Annotation"):
        for region in annotation.iter("Region"):
            points = [(float(v.get("X")), float(v.get("Y"))) for v in region.iter("Vertex")]
            value = 0 if region.get("NegativeROA") == "1" else VALUES[annotation.get("Name")]
            polygons.fill(mask, [whole(np.array(points) / downsample)], value)
    return mask


def kept_tiles(slide, mask, size, least):
    width, height = slide.dimensions
    fx, fy = width / mask.shape[1], height / mask.shape[0]
    for y in range(0, height - size + 1, size):
        for x in range(0, width - size + 1, size):
            window = mask[int(y / fy):min(int((y + size) / fy), mask.shape[0]),
                          int(x / fx):min(int((x + size) / fx), mask.shape[1])]
            if (window > 0).mean() >= least:
                counts = np.bincount(window.ravel(), minlength=3)
                yield x, y, ["", "tumor", "stroma"][int(counts.argmax())]


OUTLINES = """
flowrun: 1
nodes:
  slides: {{type: read, path: "{slide}"}}
  classes: {{type: mask, from: slides, annotations: "{file}", classes: {{a: 1, b: 2, cut: 0}}{more}}}
  values: {{type: save_mask, from: {{slide: slides, classes: classes}}, dir: "{out}/values", format: png}}
  outlines: {{type: save_outlines, from: {{slide: slides, classes: classes}}, dir: "{out}/outlines"}}
"""


def blob(dice, x, y, radius, points, jitter):
    """A ring around a place; with much jitter it crosses itself."""
    turns = (2 * math.pi * i / points + dice.uniform(0, jitter) for i in range(points))
    return [(x + radius * dice.uniform(0.7, 1) * math.cos(t), y + radius * dice.uniform(0.7, 1) * math.sin(t))
            for t in turns]


def odd(rings):
    """What an odd number of rings encloses: the faces of all their edges, each asked by a ray from a point in it."""
    lines = shapely.ops.unary_union([shapely.geometry.LineString(list(ring) + [ring[0]]) for ring in rings])
    faces = shapely.ops.polygonize(lines)

    def inside(point):
        crossed = 0
        for ring in rings:
            for (ax, ay), (bx, by) in zip(ring, list(ring[1:]) + [ring[0]]):
                if (ay > point.y) != (by > point.y):
                    crossed += point.x < ax + (point.y - ay) / (by - ay) * (bx - ax)
        return crossed % 2 == 1
    return shapely.ops.unary_union([f for f in faces if inside(f.representative_point())])


def image_scope(layers):
    """layers: name, and regions as (ring, hole)."""
    def region(ring, hole):
        return '<Region Type="0" NegativeROA="%d"><Vertices>%s</Vertices></Region>' % (
            hole, "".join('<Vertex X="%r" Y="%r"/>' % point for point in ring))
    return "<Annotations>%s</Annotations>" % "".join(
        '<Annotation Name="%s"><Regions>%s</Regions></Annotation>' % (name, "".join(region(*r) for r in regions))
        for name, regions in layers)


class Annotations(unittest.TestCase):
    def run_outlines(self, folder, file, text, more=""):
        """The mask, and shapes by class of what save_outlines wrote."""
        path, out = os.path.join(folder, "s.svs"), os.path.join(folder, "out")
        if not os.path.exists(path):
            subprocess.run([PROGRAM, "synth", path, "--width", "1000", "--height", "800"], check=True)
        file = os.path.join(folder, file)
        with gzip.open(file, "wt") if file.endswith(".gz") else open(file, "w") as to:
            to.write(text)
        graph = os.path.join(folder, "graph.yaml")
        with open(graph, "w") as to:
            to.write(OUTLINES.format(slide=path, file=file, out=out, more=more))
        subprocess.run([PROGRAM, graph, "--quiet", "--force"], check=True)
        with open(os.path.join(out, "outlines", "s.geojson")) as written:
            features = json.load(written)["features"]
        shapes = []
        for feature in features:
            shape = shapely.geometry.shape(feature["geometry"])
            self.assertTrue(shape.is_valid, feature)
            for polygon in getattr(shape, "geoms", [shape]):
                self.assertTrue(polygon.exterior.is_ccw)  # RFC 7946, 3.1.6
                self.assertFalse(any(hole.is_ccw for hole in polygon.interiors))
            shapes.append((feature["properties"]["classification"]["name"], shape))
        return cv2.imread(os.path.join(out, "values", "s.classes.png"), cv2.IMREAD_UNCHANGED), shapes

    def assert_same_area(self, came, expected):
        off = came.symmetric_difference(expected).area
        self.assertLess(off, 0.02 * (came.length + expected.length) + 0.1)  # two decimals are written

    def test_outlines_of_layers_with_holes(self):
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(6):
                dice = random.Random(seed)
                jitter = 0.05 if seed < 3 else 0.6
                layers = []
                for name in ("a", "b", "cut"):
                    regions = [(blob(dice, dice.uniform(200, 800), dice.uniform(200, 600), dice.uniform(80, 200), 30,
                                     jitter), False) for _ in range(2)]
                    regions += [(blob(dice, dice.uniform(100, 900), dice.uniform(100, 700), dice.uniform(10, 60), 12,
                                      jitter), True) for _ in range(12)]
                    dice.shuffle(regions)
                    layers.append((name, regions))
                expected = []
                cover = {name: (shapely.ops.unary_union([odd([ring]) for ring, hole in regions if hole]), regions)
                         for name, regions in layers}
                cut = shapely.ops.unary_union([odd([ring]) for ring, hole in layers[2][1] if not hole])
                cut = cut.difference(cover["cut"][0])
                for name in "ab":
                    holes, regions = cover[name]
                    expected += [(name, odd([ring]).difference(holes).difference(cut))
                                 for ring, hole in regions if not hole]
                dice.shuffle(layers)
                if layers[0][0] != "a" and layers[1][0] != "a":
                    layers.reverse()
                _, shapes = self.run_outlines(folder, "s.xml", image_scope(layers))
                expected = [e for name, _ in layers for e in expected if e[0] == name]
                expected = [e for e in expected if not e[1].is_empty]
                self.assertEqual([name for name, _ in shapes], [name for name, _ in expected])
                for (_, came), (_, right) in zip(shapes, expected):
                    self.assert_same_area(came, right)

    def test_geojson_compressed_with_many_rings(self):
        """Rings that lie in each other, cross, touch, and run either way; gzip; there and back again."""
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(6):
                dice = random.Random(100 + seed)
                rings = [blob(dice, 500, 400, 350, 60, 0.02 if seed % 2 else 0.5)]
                rings += [blob(dice, dice.uniform(150, 850), dice.uniform(100, 700), dice.uniform(5, 40), 9, 0.3)
                          for _ in range(40)]
                dice.shuffle(rings)
                feature = {"type": "Feature", "properties": {"classification": {"name": "a"}},
                           "geometry": {"type": "Polygon", "coordinates": [r + [r[0]] for r in rings]}}
                mask, shapes = self.run_outlines(folder, "s.geojson.gz", json.dumps(feature))
                drawn = polygons.fill(np.zeros_like(mask), [whole(r) for r in rings], 1)
                np.testing.assert_array_equal(mask, drawn)
                self.assertEqual(len(shapes), 1)
                self.assert_same_area(shapes[0][1], odd(rings))
                with open(os.path.join(folder, "out", "outlines", "s.geojson")) as written:
                    _, again = self.run_outlines(folder, "again.geojson", written.read())
                self.assert_same_area(shapely.ops.unary_union([s for _, s in again]), odd(rings))

    def test_asap_as_its_own_conversion(self):
        """Classes in the order of a list; what an outline goes around twice is inside."""
        star = [(500 + 300 * math.sin(0.8 * i * math.pi), 400 - 300 * math.cos(0.8 * i * math.pi)) for i in range(5)]
        box = [(450, 350), (550, 350), (550, 450), (450, 450)]

        def annotation(group, ring):
            points = "".join('<Coordinate Order="%d" X="%r" Y="%r"/>' % (i, *p) for i, p in enumerate(ring))
            return ('<Annotation Name="x" Type="Polygon" PartOfGroup="%s"><Coordinates>%s</Coordinates></Annotation>'
                    % (group, points))
        pieces = {"a": annotation("a", star), "b": annotation("b", box)}
        hull = polygons.fill(np.zeros((800, 1000), np.uint8), [whole(star)], 1)
        outside = np.zeros((802, 1002), np.uint8)
        flooded = hull.copy()
        cv2.floodFill(flooded, outside, (0, 0), 5)
        star_mask = (flooded != 5).astype(np.uint8)
        with tempfile.TemporaryDirectory() as folder:
            for names in ("ab", "ba"):
                text = "<ASAP_Annotations><Annotations>%s</Annotations></ASAP_Annotations>" % "".join(
                    pieces[n] for n in names)
                for order in ("", "ab", "ba"):
                    more = ", order: [%s]" % ", ".join(order) if order else ""
                    mask, _ = self.run_outlines(folder, "s.xml", text, more)
                    expected = np.zeros_like(mask)
                    for name in order or names:
                        if name == "a":
                            expected[star_mask > 0] = 1
                        else:
                            expected[350:451, 450:551] = 2
                    np.testing.assert_array_equal(mask, expected)

    def test_masks_and_tiles(self):
        with tempfile.TemporaryDirectory() as folder:
            path, xml = os.path.join(folder, "s.svs"), os.path.join(folder, "s.xml")
            subprocess.run([PROGRAM, "synth", path, "--width", "6000", "--height", "5000", "--annotations", xml],
                           check=True)
            slide = openslide.OpenSlide(path)
            for size in (512, 200):
                out, graph = os.path.join(folder, f"out{size}"), os.path.join(folder, "graph.yaml")
                with open(graph, "w") as file:
                    file.write(GRAPH.format(slide=path, xml=xml, out=out, size=size))
                subprocess.run([PROGRAM, graph, "--quiet"], check=True)
                mask = drawn(slide, xml, 8)
                np.testing.assert_array_equal(cv2.imread(os.path.join(out, "values", "s.classes.png"), cv2.IMREAD_UNCHANGED),
                                              mask)
                with open(os.path.join(out, "s", "tiles.csv"), newline="") as table:
                    rows = [(int(r["x"]), int(r["y"]), r["label"]) for r in csv.DictReader(table)]
                self.assertEqual(rows, list(kept_tiles(slide, mask, size, 0.1)))
                self.assertGreater(len({label for _, _, label in rows}), 1)
                full = openslide.OpenSlide(os.path.join(out, "s.classes.tif"))
                self.assertEqual(full.dimensions, slide.dimensions)
                pixels = np.array(full.read_region((0, 0), 0, full.dimensions))[:, :, 0]
                np.testing.assert_array_equal(pixels, drawn(slide, xml, 1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.join(os.path.abspath(arguments.build), "bin", "flowrun")
    unittest.main(argv=[sys.argv[0]] + rest, verbosity=2)

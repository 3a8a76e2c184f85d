#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Slides with an ICC profile, read in sRGB: against the formulas of a matrix profile (ICC.1, F.3) in NumPy, and against
Little CMS as Pillow calls it."""
import csv
import io
import struct

import h5py
import numpy as np
from PIL import Image, ImageCms

import tiffs
from drawn_slides import DrawnSlides, support
from support import DONE, FAILED, flowrun
from tiffs import DEFLATE, JPEG, page

# Adobe RGB (1998): gamma, and columns of its matrix to XYZ under D50.
GAMMA = 563 / 256
TO_XYZ = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB_TO_XYZ = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])

GRAPH = """
flowrun: 1
params: {slide: s, out: out, size: 256, color: icc, backend: auto, format: png}
nodes:
  slides: {type: read, path: "${slide}", color: "${color}", backend: "${backend}"}
  tiles: {type: extract, from: slides, size: "${size}"}
  files: {type: save, from: {tile: tiles, slide: slides}, dir: "${out}", format: "${format}"}
"""
COORDS = """
flowrun: 1
params: {slide: s, out: out}
nodes:
  slides: {type: read, path: "${slide}", color: icc}
  tiles: {type: extract, from: slides, size: 256}
  coords: {type: save_h5, from: tiles, dir: "${out}"}
"""
AGAIN = """
flowrun: 1
params: {slide: s, table: t, out: out}
nodes:
  epochs: {type: epochs, train_csv: "${table}", slides: "${slide}", count: 1}
  samples: {type: load, from: epochs, size: 256}
  files: {type: save, from: samples, dir: "${out}"}
"""


def profile(space=b"RGB ", name=b"Scanner X"):
    """A matrix profile, version 2.1."""
    def s15(values):
        return b"".join(struct.pack(">i", round(v * 65536)) for v in values)
    xyz = lambda values: b"XYZ \0\0\0\0" + s15(values)  # noqa: E731
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(GAMMA * 256)) + b"\0\0"
    text = name + b"\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78
    tags = {b"desc": described + b"\0" * (-len(described) % 4), b"wtpt": xyz((0.9642, 1, 0.8249)),
            b"cprt": b"text\0\0\0\0none\0\0\0\0"}
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        for colour, column in zip(b"rgb", TO_XYZ.T):
            tags[bytes([colour]) + b"XYZ"] = xyz(column)
            tags[bytes([colour]) + b"TRC"] = curve
    table, data, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">II", at + len(data), len(content))
        data += content
    head = struct.pack(">I4sI4s4s4s12s4s4s", 128 + len(table) + len(data), b"lcms", 0x02100000, b"scnr", space,
                       b"XYZ ", b"\x07\xea\0\1\0\1\0\0\0\0\0\0", b"acsp", b"\0\0\0\0") + b"\0" * 20
    head = head.ljust(64, b"\0") + struct.pack(">I", 1) + s15((0.9642, 1, 0.8249))  # relative colorimetric
    return head.ljust(128, b"\0") + table + data


def in_srgb(pixels):
    light = (pixels / 255) ** GAMMA @ TO_XYZ.T @ np.linalg.inv(SRGB_TO_XYZ).T
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def rows(table):
    with open(table, newline="") as file:
        return list(csv.DictReader(file))


class Icc(DrawnSlides):
    graph = GRAPH

    def run_graph(self, graph, **values):
        out = self.fresh()
        self.assert_ended(flowrun("run", self.write(graph), *support.settings(out=out, **values)), DONE)
        return out

    def drawn(self, codec=DEFLATE, icc=None, **more):
        pixels = tiffs.picture(600, 400)
        return pixels, self.slide(page(pixels, codec, t34675=icc, **more))

    def test_pixels_are_those_of_the_formulas_and_of_little_cms(self):
        pixels, slide = self.drawn(icc=profile())
        self.assertGreater(np.abs(in_srgb(pixels) - pixels).max(), 10)  # there is something to be done
        theirs = np.array(ImageCms.profileToProfile(Image.fromarray(pixels), io.BytesIO(profile()),
                                                    ImageCms.createProfile("sRGB"), renderingIntent=1))
        for backend in ("tiff", "openslide"):
            found, _ = self.tiles(slide, backend=backend)
            self.assertEqual(sorted(found), [(0, 0), (256, 0)])
            for (x, y), tile in found.items():
                window = np.s_[y:y + 256, x:x + 256]
                np.testing.assert_allclose(tile, in_srgb(pixels[window]), atol=1)
                np.testing.assert_allclose(tile, theirs[window].astype(int), atol=1)

    def test_aperio_slides_have_it_too_and_jpeg_tiles_are_not_copied(self):
        pixels = np.kron(tiffs.picture(75, 50), np.ones((8, 8, 1), np.uint8))  # flat blocks of a JPEG
        slide = self.slide(page(pixels, JPEG, t34675=profile(), t270=tiffs.APERIO % 0.5,
                                encode=lambda part: tiffs.jpeg(part, quality=100), t530=[1, 1]))
        for kind in ("png", "jpg"):
            for (x, y), tile in self.tiles(slide, format=kind)[0].items():
                error = np.abs(tile - in_srgb(pixels[y:y + 256, x:x + 256]))
                self.assertLess(np.mean(error), 2)
                self.assertLess(np.mean(error), np.mean(np.abs(tile - pixels[y:y + 256, x:x + 256])) / 3)

    def test_what_is_written_says_so_and_is_read_again_so(self):
        _, slide = self.drawn(icc=profile())
        out = self.run_graph(GRAPH, slide=slide)
        written = rows(out / "s/tiles.csv")
        self.assertEqual([row["color"] for row in written], ["icc", "icc"])
        table = self.root / "labelled.csv"
        with open(table, "w", newline="") as file:
            to = csv.DictWriter(file, written[0].keys())
            to.writeheader()
            to.writerows(row | {"label": "ab"[number]} for number, row in enumerate(written))
        (again,) = self.run_graph(AGAIN, slide=slide, table=table).glob("*/tiles.csv")
        self.assertEqual(len(rows(again)), 2)
        for row in rows(again):
            (same,) = (r for r in written if (r["x"], r["y"]) == (row["x"], row["y"]))
            self.assertEqual(row["color"], "icc")
            np.testing.assert_array_equal(Image.open(again.parent / row["path"]), Image.open(out / "s" / same["path"]))
        table.write_text(table.read_text().replace("icc", "srgb"))
        ended = flowrun("run", self.write(AGAIN), *support.settings(slide=slide, table=table, out=self.fresh()))
        self.assert_ended(ended, FAILED, "labelled.csv:2", "'color': expected stored or icc, found 'srgb'")
        out = self.run_graph(COORDS, slide=slide)
        with h5py.File(out / "patches/s.h5") as file:
            self.assertEqual(file["coords"].attrs["color"], "icc")

    def test_samples_of_slides_with_and_without_a_profile(self):
        slides = {"with": self.drawn(icc=profile())[1], "without": self.drawn()[1]}
        folder, lines = slides["with"].parent, ["slide,x,y,level,label,color"]
        for name, slide in slides.items():
            slides[name] = slide.rename(folder / f"{name}.tif")
            lines += [f"{slides[name]},{x},0,0,{'ab'[x > 0]},{'icc' * (name == 'with')}" for x in (0, 256)]
        table = self.write("\n".join(lines), "mixed.csv")
        (found,) = self.run_graph(AGAIN, slide=folder, table=table).glob("*/tiles.csv")
        self.assertEqual({(row["slide"], row["color"]) for row in rows(found)}, {("with", "icc"), ("without", "stored")})

    def test_without_it_nothing_changes_and_nothing_is_said(self):
        pixels, slide = self.drawn(icc=profile())
        for (x, y), tile in self.tiles(slide, color="stored")[0].items():
            np.testing.assert_array_equal(tile, pixels[y:y + 256, x:x + 256])
        self.assertNotIn("color", rows(self.run_graph(GRAPH, slide=slide, color="stored") / "s/tiles.csv")[0])

    def test_slides_without_a_profile_or_with_one_of_no_use(self):
        pixels, slide = self.drawn()
        found, said = self.tiles(slide)
        self.assertIn("no ICC profile was found", said)
        np.testing.assert_array_equal(found[0, 0], pixels[:256, :256])
        self.assertNotIn("color", rows(self.run_graph(GRAPH, slide=slide) / "s/tiles.csv")[0])
        for icc, why in ((profile()[:200], "damaged ICC profile"), (b"no profile at all", "damaged ICC profile"),
                         (profile(b"GRAY"), "an ICC profile of colours 'GRAY', expected 'RGB'")):
            _, said = self.tiles(self.drawn(icc=icc)[1], FAILED)
            self.assertIn(why, said)
            self.assertIn("`color: stored`", said)

    def test_the_profile_is_shown(self):
        self.assertEqual(self.said(self.drawn(icc=profile())[1])["ICC profile"], "Scanner X")
        self.assertEqual(self.said(self.drawn()[1])["ICC profile"], "none")
        self.assertIn("damaged", self.said(self.drawn(icc=b"nothing of the kind")[1])["ICC profile"])


if __name__ == "__main__":
    support.main()

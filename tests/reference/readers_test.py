#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How TIFFs are read that other programs write, whole and damaged ones: compared with the drawing, with what Pillow
decodes, and with OpenSlide.

usage: readers_test.py --build BUILD_FOLDER
"""
import csv
import io
import pathlib
import random
import re
import sys

import numpy as np
import openslide
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import support  # noqa: E402
import tiffs  # noqa: E402
from drawn_slides import DrawnSlides  # noqa: E402
from support import DONE, FAILED, SKIPS, flowrun  # noqa: E402
from tiffs import DEFLATE, JPEG, JPEG_2000, LZW, NONE, page, write  # noqa: E402

GRAPH = """
flowrun: 1
params: {slide: x, backend: auto, level: 0, size: 256, out: out}
nodes:
  slides: {type: read, path: "${slide}", backend: "${backend}"}
  tiles: {type: extract, from: slides, size: "${size}", edge: pad, level: "${level}", on_error: skip}
  files: {type: save, from: tiles, dir: "${out}"}
"""
COPY = """
flowrun: 1
nodes:
  slides: {type: read, path: "${slide}"}
  tiles: {type: extract, from: slides, size: "${size}", edge: pad}
  files: {type: save, from: {tile: tiles, slide: slides}, dir: "${out}", format: jpg, on_error: skip}
params: {slide: x, size: 256, out: out}
"""
CONVERT = """
flowrun: 1
params: {slide: x, kind: save_tiff, out: out}
nodes:
  slides: {type: read, path: "${slide}"}
  copies: {type: "${kind}", from: {slide: slides}, dir: "${out}"}
"""


def half_lost(data):
    return data[:len(data) // 2] + bytes(len(data) - len(data) // 2)


def cut_off(data):
    return data[:len(data) // 2]


def ended_early(data):
    return data[:len(data) // 2] + b"\xff\xd9"


def overwritten(data):
    bad, noise = bytearray(data), random.Random(1)
    for i in range(len(bad) // 2, len(bad) // 2 + 200):
        bad[i] = noise.randrange(256)
    return bytes(bad)


def one_bit(data):
    bad = bytearray(data)
    bad[len(bad) // 2] ^= 16
    return bytes(bad)


def with_precincts(data, exponent, in_tile_part=False):
    """The JPEG 2000 data with precincts of 2^exponent pixels a side (ISO 15444-1, A.6.1), said in the main header or in
    that of the first tile-part."""
    at = data.index(b"\xff\x52")
    length, levels = int.from_bytes(data[at + 2:at + 4], "big"), data[at + 9]
    segment = bytearray(data[at:at + 2 + length] + bytes([exponent * 17] * (levels + 1)))
    segment[2:4] = (length + levels + 1).to_bytes(2, "big")
    segment[4] |= 1
    if not in_tile_part:
        return data[:at] + bytes(segment) + data[at + 2 + length:]
    tile = data.index(b"\xff\x90")
    part = int.from_bytes(data[tile + 6:tile + 10], "big") + len(segment)
    return data[:tile + 6] + part.to_bytes(4, "big") + data[tile + 10:tile + 12] + bytes(segment) + data[tile + 12:]


class Readers(DrawnSlides):
    graph = GRAPH

    def test_the_stream_says_how_it_is_sampled(self):
        drawn = tiffs.picture(600, 500)
        for subsampling, tag, tile in ((0, [2, 2], (256, 256)), (1, [1, 1], (240, 176)), (2, [2, 1], (256, 208)),
                                       (2, None, (128, 128)), (0, None, (16, 48))):
            with self.subTest(subsampling=subsampling, tag=tag, tile=tile):
                def encode(pixels):
                    return tiffs.jpeg(pixels, subsampling=subsampling)
                slide = self.slide(page(drawn, JPEG, tile, encode, t530=tag))
                rows = [[np.array(Image.open(io.BytesIO(encode(part)))) for part in
                         tiffs.cut(drawn[y:y + tile[1]], *tile)] for y in range(0, 500, tile[1])]
                wanted = np.vstack([np.hstack(row) for row in rows])[:500, :600].astype(int)
                self.assertLessEqual(abs(self.mosaic(slide, 600, 500) - wanted).max(), 1)
                self.assertEqual(self.said(slide)["read by"], "tiff")

    def test_tiles_that_are_left_out_are_background(self):
        drawn = tiffs.picture(600, 500)
        for codec in (NONE, LZW, DEFLATE, JPEG):
            with self.subTest(codec=codec):
                slide = self.slide(page(drawn, codec, change={0: lambda _: None, 4: lambda _: None}))
                whole = self.slide(page(drawn, codec))
                wanted = np.array(openslide.OpenSlide(whole).read_region((0, 0), 0, (600, 500)).convert("RGB"))
                wanted[:256, :256] = wanted[256:, 256:512] = 255
                np.testing.assert_array_equal(self.mosaic(slide, 600, 500), wanted)

    def test_a_predictor_of_floating_point_numbers_is_not_for_bytes(self):
        slide = self.slide(page(tiffs.picture(600, 500), DEFLATE, t317=3))
        self.assertIn("cannot read level 0 at x=0, y=0", self.tiles(slide, SKIPS)[1])

    def test_a_list_of_tiles_that_is_too_short_is_damage(self):
        for name, more in (("s.tif", {}), ("s.svs", {"t270": tiffs.APERIO % 0.5})):
            tags, tiles = page(tiffs.picture(600, 500), JPEG, **more)
            _, said = self.tiles(self.slide((tags, tiles[:4]), name=name), FAILED)
            self.assertIn("damaged slide: ", said)

    def test_aperio_makes_them_from_the_finer_level(self):
        drawn = tiffs.picture(1024, 1024)
        for missing in ((0, 0), (1, 1)):
            with self.subTest(missing=missing):
                pages = [page(part, JPEG, change={missing[1]: lambda _: None} if missing[0] == level else None,
                              t270=tiffs.APERIO % 0.5) for level, part in enumerate((drawn, drawn[::2, ::2]))]
                slide = self.slide(*pages, name="s.svs")
                self.assertEqual(self.said(slide)["read by"], "openslide" if missing[0] else "tiff")
                side = 1024 >> missing[0]
                region = openslide.OpenSlide(slide).read_region((0, 0), missing[0], (side, side))
                wanted = Image.new("RGB", region.size, "white")
                wanted.paste(region, mask=region)
                came = self.mosaic(slide, side, side, 1 << missing[0], level=missing[0])
                self.assertLessEqual(abs(came - np.array(wanted).astype(int)).max(), 1)

    def test_a_damaged_tile_costs_that_tile_and_no_other(self):
        drawn = tiffs.picture(1024, 768)
        optimized, progressive, restarts = (
            lambda pixels, options=options: tiffs.jpeg(pixels, **options) for options in
            ({"optimize": True}, {"progressive": True}, {"restart_marker_blocks": 4}))
        other_size, grey = (lambda _: tiffs.jpeg(drawn[:128, :128]),
                            lambda _: tiffs.jpeg(Image.fromarray(drawn[:256, :256]).convert("L")))
        cases = [(JPEG, encode, damage) for encode in (tiffs.jpeg, optimized, progressive, restarts)
                 for damage in (half_lost, cut_off, ended_early, overwritten)]
        cases += [(JPEG, None, other_size), (JPEG, None, grey), (LZW, None, half_lost), (LZW, None, cut_off),
                  (DEFLATE, None, half_lost), (DEFLATE, None, cut_off), (DEFLATE, None, one_bit),
                  (NONE, None, cut_off), (JPEG_2000, None, half_lost), (JPEG_2000, None, cut_off)]
        for number, (codec, encode, damage) in enumerate(cases):
            with self.subTest(number=number, codec=codec, damage=damage):
                more = {"t270": tiffs.APERIO % 0.5} if codec == JPEG_2000 else {}
                slide = self.slide(page(drawn, codec, encode=encode, change={5: damage}, **more))
                whole, _ = self.tiles(self.slide(page(drawn, codec, encode=encode, **more)))
                for backend in ("tiff", "openslide"):
                    if backend == "openslide" and damage not in (cut_off, other_size):
                        continue  # OpenSlide 3 does not see all of it
                    found, said = self.tiles(slide, SKIPS, backend=backend)
                    self.assertEqual(sorted(set(whole) - set(found)), [(256, 256)])
                    self.assertRegex(said, "cannot read level 0 at x=256, y=256: ")
                    for place, tile in found.items():
                        np.testing.assert_array_equal(tile, whole[place])

    def test_a_damaged_tile_is_not_copied(self):
        drawn = tiffs.picture(1024, 768)
        whole, _ = self.tiles(self.slide(page(drawn, JPEG)), graph=COPY)
        for (x, y), tile in whole.items():
            own = Image.open(io.BytesIO(tiffs.jpeg(drawn[y:y + 256, x:x + 256])))
            np.testing.assert_array_equal(tile, np.array(own).astype(int))
        for damage in (half_lost, cut_off, ended_early, overwritten):
            with self.subTest(damage=damage):
                found, said = self.tiles(self.slide(page(drawn, JPEG, change={5: damage})), SKIPS, graph=COPY)
                self.assertEqual(sorted(set(whole) - set(found)), [(256, 256)])
                self.assertRegex(said, "cannot read level 0 at x=256, y=256: damaged JPEG tile")
                self.assertIn("overview.jpg does not show the slide", said)

    def test_a_picture_larger_than_its_tile_is_refused_by_its_header(self):
        drawn, flat = tiffs.picture(512, 256), np.full((4096, 4096, 3), 200, np.uint8)
        good = tiffs.jpeg_2000(drawn[:, :256])
        many = bytearray(good)
        many[24:32] = b"\0\0\0\1" * 2  # tiles of 1 x 1 pixel
        for codec, data in ((JPEG_2000, tiffs.jpeg_2000(flat)), (JPEG, tiffs.jpeg(flat)), (JPEG_2000, bytes(many)),
                            (JPEG_2000, with_precincts(good, 1)), (JPEG_2000, with_precincts(good, 1, in_tile_part=True))):
            why = r"4096 x 4096 |cut into more than (1024 tiles|131072 precincts)"
            first, last = (self.slide(page(drawn, codec, change={number: lambda _, data=data: data},
                                           t270=tiffs.APERIO % 0.5)) for number in (0, 1))
            found, said = self.tiles(first, SKIPS)
            self.assertEqual(list(found), [(256, 0)])
            self.assertRegex(said, why)
            if codec == JPEG_2000:
                found, said = self.tiles(last, SKIPS, backend="openslide")
                self.assertEqual(list(found), [(0, 0)])
                self.assertRegex(said, why)
                self.assertRegex(self.tiles(first, FAILED, backend="openslide")[1], why)

    def test_openslide_is_not_given_a_header_that_takes_memory_from_a_finer_level_either(self):
        drawn = tiffs.picture(1024, 512)
        many = bytearray(tiffs.jpeg_2000(drawn[:256, :256]))
        many[24:32] = b"\0\0\0\1" * 2
        base = page(drawn, JPEG_2000, change={1: lambda _: bytes(many)}, t270=tiffs.APERIO % 0.5)
        smaller = page(drawn[::2, ::2].copy(), JPEG_2000, change={0: lambda _: None}, t270="Aperio")
        found, said = self.tiles(self.slide(base, smaller), SKIPS, level=1)
        self.assertEqual(list(found), [(512, 0)])
        self.assertIn("cannot read level 0 at x=256, y=0: JPEG 2000 data that are cut into more than 1024 tiles", said)

    def test_jpeg_2000_of_brightness_and_colour_differences_is_what_openslide_reads(self):
        drawn = tiffs.picture(512, 256)
        as_differences = lambda part: tiffs.jpeg_2000(np.array(Image.fromarray(part).convert("YCbCr")))  # noqa: E731
        slide = self.slide(page(drawn, 33003, encode=as_differences, t270=tiffs.APERIO % 0.5))
        self.assertEqual(self.said(slide)["read by"], "openslide")
        wanted = np.array(openslide.OpenSlide(slide).read_region((0, 0), 0, (512, 256)).convert("RGB"))
        np.testing.assert_allclose(wanted.astype(int), drawn, atol=3)
        np.testing.assert_array_equal(self.mosaic(slide, 512, 256, 1), wanted)

    def test_turned_pages_are_refused(self):
        drawn = tiffs.picture(300, 300)
        for orientation in (2, 3, 6):
            slide = self.slide(page(drawn, DEFLATE, t274=orientation))
            for backend in ("auto", "openslide"):
                _, said = self.tiles(slide, FAILED, backend=backend)
                self.assertIn(f"its tag Orientation is {orientation}, expected 1", said)
        slide = self.slide(page(drawn, DEFLATE), page(drawn[::2, ::2], DEFLATE, t254=1, t274=8))
        self.assertIn("page 1 is turned", self.tiles(slide, FAILED)[1])

    def test_levels_are_the_pages_that_openslide_takes(self):
        red, blue, green = (np.full((512, 512, 3), colour, np.uint8)
                            for colour in ((200, 60, 60), (60, 60, 200), (60, 200, 60)))
        big = page(np.tile(red, (2, 2, 1)), DEFLATE)
        for pages, reader in (((big, page(blue, DEFLATE), page(red, DEFLATE, t254=1)), "tiff"),
                              ((big, page(green[:256, :256], DEFLATE, t254=1), page(red, DEFLATE, t254=1)), "tiff"),
                              ((big, page(red, DEFLATE, t254=1), page(blue, DEFLATE)), "tiff"),
                              ((page(red, DEFLATE), (big[0] | {254: 1}, big[1])), "tiff"),
                              ((big, page(red, DEFLATE, t254=1), page(red, DEFLATE, t254=1)), "openslide")):
            slide = self.slide(*pages)
            self.assertEqual(self.said(slide)["read by"], reader)
            wanted = np.array(openslide.OpenSlide(slide).read_region((0, 0), 1, (512, 512)).convert("RGB"))
            self.assertEqual(wanted[9, 9].tolist(), [200, 60, 60])
            np.testing.assert_array_equal(self.mosaic(slide, 512, 512, 2, level=1), wanted)

    def test_resolutions_per_inch_and_centimetre(self):
        drawn = tiffs.picture(300, 300)
        for x, y, unit, mpp, note in (
                (50800, 50800, 2, "0.5", None), (20000, 20000, 3, "0.5", None), (101600, 101600, None, "0.25", None),
                (72, 72, 2, "unknown", "count as unknown"), (10, 10, 3, "unknown", "count as unknown"),
                (1, 1, 3, "unknown", "count as unknown"), (28, 28, 3, "unknown", "count as unknown"),
                (300, 300, 2, "unknown", "count as unknown"), (50800, 50800, 1, "unknown", None),
                (200, 200, 3, "50", "hardly a slide's"), (400000, 400000, 3, "0.025", "hardly a slide's"),
                (20000, 25000, 3, "0.45", "no squares"), (20000, 20400, 3, "0.4950980392156863", None)):
            with self.subTest(x=x, unit=unit):
                said = self.said(self.slide(page(drawn, DEFLATE, t282=x, t283=y, t296=unit)))
                self.assertEqual(said["MPP"], mpp)
                self.assertRegex(said.get("note", ""), note or "^$")
        for text, mpp, note in (("inf", "unknown", None), ("nan", "unknown", None), ("0,2527", "0.2527", None),
                                ("252", "252", "hardly a slide's")):
            said = self.said(self.slide(page(drawn, JPEG, t270=tiffs.APERIO % text), name="s.svs"))
            self.assertEqual(said["MPP"], mpp)
            self.assertRegex(said.get("note", ""), note or "^$")

    def test_doubts_are_in_the_summary(self):
        slide = self.slide(page(tiffs.picture(300, 300), DEFLATE, t282=72, t283=72, t296=2))
        self.assertRegex(self.tiles(slide)[1], r"slides: s: its resolution, 72 pixels per inch, is what programs")

    def test_levels_that_are_too_wide_for_a_picture_are_refused_in_words(self):
        tile = tiffs.jpeg(np.full((16, 4096, 3), 180, np.uint8))
        slide = self.slide(tiffs.page_of(3_000_000_000, 16, JPEG, (4096, 16), [tile], t270=tiffs.APERIO % 0.5))
        for kind in ("save_tiff", "save_dzi"):
            out = self.fresh("out")
            ended = flowrun("run", self.write(CONVERT), *support.settings(slide=slide, kind=kind, out=out))
            self.assert_ended(ended, FAILED, "a picture of 3000000000 x 16 pixels cannot be written; at most 2147483647")


if __name__ == "__main__":
    support.main()

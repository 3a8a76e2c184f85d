#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A click on a tile shows, in a real browser, its pixels on the slide and the image that the run saved of it."""
import base64
import io
import time

import numpy
import openslide
import PIL.Image

import browser
import support
from browser import Browser
from support import DONE, flowrun, synth
from view_server import Server

SIZE = 256
GRAPH = """\
flowrun: 1
nodes:
  slides: {{type: read, path: "{slide}"}}
  tiles: {{type: extract, from: slides, size: {size}, {at}}}
  even: {{type: normalize, from: {{tile: tiles, slide: slides}}, method: macenko, scope: tile}}
  files: {{type: save, from: {{tile: {saved}, slide: slides}}, dir: "{out}", format: {format}}}
"""


class ViewTiles(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser()
        cls.slide = synth(cls.root / "slides/demo.svs", 3000, 2500)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        super().tearDownClass()

    def saved(self, saved="tiles", at="level: 0", format="png"):
        """The output folder of a run."""
        out = self.fresh()
        graph = self.write(GRAPH.format(slide=self.slide, out=out, size=SIZE, saved=saved, at=at, format=format))
        self.assert_ended(flowrun(graph, "--quiet"), DONE)
        return out

    def pictures(self, out, x, y):
        """By caption the pixels of the pictures that a click on level-0 pixel (x, y) shows."""
        with Server(out) as server:
            self.browser.open("about:blank")
            self.browser.open(f"{server.link}#slide=0&x={x}&y={y}&zoom=4")
            self.wait("return document.querySelectorAll('#layers fieldset').length > 0 && "
                      "document.querySelector('.leaflet-tile-loaded') !== null")
            self.browser.click("#map")
            self.wait("return [...document.querySelectorAll('#values img')].every(i => i.complete)")
            found = self.browser.run("""
                return [...document.querySelectorAll('#values figure')].map(figure => {
                  const image = figure.querySelector('img'), canvas = document.createElement('canvas');
                  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
                  canvas.getContext('2d').drawImage(image, 0, 0);
                  return [figure.textContent, canvas.toDataURL().split(',')[1]];
                })""")
            self.assertEqual(self.browser.console(), [])
        return {text: numpy.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")).astype(int)
                for text, png in found}

    def wait(self, condition):
        for _ in range(150):
            if self.browser.run(condition):
                return
            time.sleep(0.1)
        self.fail(f"never so: {condition}; {self.browser.console()}")

    def of_slide(self, x, y, size=SIZE):
        with openslide.OpenSlide(self.slide) as slide:
            return numpy.asarray(slide.read_region((x, y), 0, (size, size)).convert("RGB")).astype(int)

    def tissue(self):
        """The place of the darkest tile, of those on the grid."""
        return min(((x, y) for x in range(0, 3000 - SIZE, SIZE) for y in range(0, 2500 - SIZE, SIZE)),
                   key=lambda place: self.of_slide(*place).mean())

    def image(self, out, x, y, ending="png"):
        return numpy.asarray(PIL.Image.open(out / f"demo/demo_x{x}_y{y}.{ending}").convert("RGB")).astype(int)

    def test_before_and_after_normalisation(self):
        out = self.saved("even")
        x, y = self.tissue()
        shown = self.pictures(out, x + 100, y + 150)
        self.assertEqual(list(shown), ["on the slide", "as the run saved it"])
        self.assertLess(abs(shown["on the slide"] - self.of_slide(x, y)).mean(), 0.5)
        numpy.testing.assert_array_equal(shown["as the run saved it"], self.image(out, x, y))
        self.assertGreater(abs(shown["as the run saved it"] - shown["on the slide"]).mean(), 3)

    def test_a_plain_tile_is_the_same_twice(self):
        out = self.saved()
        x, y = self.tissue()
        shown = self.pictures(out, x + 100, y + 150)
        self.assertLess(abs(shown["on the slide"] - self.of_slide(x, y)).mean(), 0.5)
        numpy.testing.assert_array_equal(shown["as the run saved it"], shown["on the slide"])
        shown = self.pictures(self.saved(format="jpg"), x + 100, y + 150)
        self.assertLess(abs(shown["as the run saved it"] - shown["on the slide"]).mean(), 6)

    def test_a_tile_that_was_scaled_down(self):
        """By a ratio that no level has."""
        with openslide.OpenSlide(self.slide) as slide:
            mpp = float(slide.properties[openslide.PROPERTY_NAME_MPP_X])
        out = self.saved(at=f"mpp: {mpp * 1.5}")
        x, y = round(SIZE * 1.5) * 3, round(SIZE * 1.5) * 2
        shown = self.pictures(out, x + 100, y + 150)
        numpy.testing.assert_array_equal(shown["as the run saved it"], shown["on the slide"])
        blocks = self.of_slide(x, y, round(SIZE * 1.5))[:, :, :].reshape(SIZE // 2, 3, SIZE // 2, 3, 3).mean(axis=(1, 3))
        found = shown["on the slide"].reshape(SIZE // 2, 2, SIZE // 2, 2, 3).mean(axis=(1, 3))
        self.assertLess(abs(found - blocks).mean(), 1)

    def test_tiles_without_files_are_cut_only(self):
        out = self.saved(format="none")
        self.assertEqual(list(self.pictures(out, 5 * SIZE + 100, 4 * SIZE + 150)), ["on the slide"])

    def test_only_saved_tiles_can_be_had(self):
        out = self.saved()
        (out / "demo/demo_x1_y1.png").symlink_to(self.slide)
        with Server(out) as server:
            layer = server.json("/slides/0.json")["layers"].index("tiles.csv")
            at = f"/slides/0/layers/{layer}/tiles"
            self.assertEqual(server.get(f"{at}/1280/1024")[2], (out / "demo/demo_x1280_y1024.png").read_bytes())
            for path in (f"{at}/1/1", f"{at}/2/2", f"{at}/-1/2", f"{at}/1280/1024.png", f"/slides/0/layers/{layer + 1}/tiles/1280/1024",
                         "/slides/0/cut/0/0/0/256/0.png", "/slides/0/cut/0/0/0/0/256.png", "/slides/0/cut/0/0/0/256/1025.png",
                         "/slides/0/cut/0/0/0/16385/1024.png", "/slides/0/cut/99/0/0/256/256.png",
                         "/slides/0/cut/0/3000/0/256/256.png", "/slides/0/cut/0/0/2500/256/256.png",
                         "/slides/1/cut/0/0/0/256/256.png"):
                self.assertEqual(server.get(path)[0], 404, path)
            self.assertEqual(server.get("/slides/0/cut/0/2999/2499/16384/1024.png")[0], 200)


if __name__ == "__main__":
    browser.main()

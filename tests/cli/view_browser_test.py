#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The viewer in a real browser: pixels and layers lie where the slide and the run's files have them."""
import io
import json
import math
import subprocess
import time

import cv2
import numpy
import PIL.Image

import browser
import support
from browser import Browser
from support import DONE, flowrun
from view_server import Server

BLOCK, COLUMNS, ROWS = 200, 15, 11  # of one colour each; the slide's sides are no multiples of a tile's
PREDICTED = {"p_low": lambda column, row: (column + row) % 5 / 8, "p_high": lambda column, row: 1 - column / 20}

GRAPH = """\
flowrun: 1
nodes:
  slides: {{type: read, path: "{slides}"}}
  tiles: {{type: extract, from: slides, size: {block}, level: 0}}
  files: {{type: save, from: {{tile: tiles, slide: slides}}, dir: "{out}", format: none}}
"""


def color_of(column, row):
    return numpy.array([30 + 14 * column, 40 + 17 * row, 60 + 120 * ((column + row) % 2)])


def write_slide(path):
    """A tiled TIFF of one level, blocks of known colours, 0.25 microns a pixel."""
    pixels = numpy.zeros((ROWS * BLOCK, COLUMNS * BLOCK, 3), numpy.uint8)
    for row in range(ROWS):
        for column in range(COLUMNS):
            pixels[row * BLOCK:(row + 1) * BLOCK, column * BLOCK:(column + 1) * BLOCK] = color_of(column, row)
    strips = path.with_suffix(".strips")
    PIL.Image.fromarray(pixels).save(strips, "TIFF", x_resolution=40000, y_resolution=40000, resolution_unit="cm")
    subprocess.run(["tiffcp", "-t", "-w", "256", "-l", "256", "-c", "lzw", strips, path], check=True)
    strips.unlink()


class ViewInBrowser(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        slides, cls.out = cls.root / "slides", cls.root / "out"
        slides.mkdir()
        for name in ("first", "second"):
            write_slide(slides / f"{name}.tif")
        graph = cls.root / "graph.yaml"
        graph.write_text(GRAPH.format(slides=slides, block=BLOCK, out=cls.out))
        ended = flowrun(graph, "--quiet")
        assert ended.code == DONE, ended.err
        table = (cls.out / "first/tiles.csv").read_text().splitlines()
        assert len(table) == 1 + COLUMNS * ROWS, len(table)
        header, *rows = table
        column_of = header.split(",").index
        said = [",".join([header, *PREDICTED])]
        for line in rows:
            x, y = (int(line.split(",")[column_of(name)]) for name in "xy")
            said.append(",".join([line, *(str(value(x // BLOCK, y // BLOCK)) for value in PREDICTED.values())]))
        # As save_predictions and save_geojson write them.
        (cls.out / "first/predictions.csv").write_text("\n".join(said) + "\n")
        square = [[1000, 1000], [1800, 1000], [1800, 1600], [1000, 1600], [1000, 1000]]
        (cls.out / "first/regions.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [
            {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [square]},
             "properties": {"classification": {"name": "tumour", "color": [255, 0, 255]}}}]}))
        cls.server = Server(cls.out)
        cls.browser = Browser()
        cls.finest = math.ceil(math.log2(COLUMNS * BLOCK / 256))

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.server.__exit__()
        super().tearDownClass()

    def show(self, slide=0, x=1500, y=1100, zoom=None):
        """Opens a link; x, y come to lie in the middle of the map."""
        self.x, self.y, self.zoom = x, y, self.finest if zoom is None else zoom
        self.browser.open("about:blank")
        self.browser.console()
        self.browser.open(f"{self.server.link}#slide={slide}&x={x}&y={y}&zoom={self.zoom}")
        layers = 4 if slide == 0 else 1
        self.wait("return document.querySelector('.leaflet-tile-loaded') !== null && "
                  "document.querySelector('.leaflet-tile:not(.leaflet-tile-loaded)') === null && "
                  f"document.querySelectorAll('#layers fieldset').length === {layers}")

    def wait(self, condition):
        for _ in range(150):
            if self.browser.run(condition):
                time.sleep(0.4)  # tiles fade in
                return
            time.sleep(0.1)
        self.fail(f"never so: {condition}; {self.browser.console()}")

    def pixels(self):
        shown = numpy.asarray(PIL.Image.open(io.BytesIO(self.browser.screenshot())).convert("RGB")).astype(int)
        left, top, width, height = self.browser.run(
            "const r = document.getElementById('map').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]")
        return shown, (left, top, width, height)

    def seen(self):
        """The colours of the screen in the middle of each block that is in sight, by column and row."""
        shown, (left, top, width, height) = self.pixels()
        scale = 2.0 ** (self.zoom - self.finest)
        found = {}
        for row in range(ROWS):
            for column in range(COLUMNS):
                # Not in the middle, where a shift by half a block would not be seen: near the upper left corner.
                at_x = left + width / 2 + ((column + 0.25) * BLOCK - self.x) * scale
                at_y = top + height / 2 + ((row + 0.25) * BLOCK - self.y) * scale
                if left + 60 < at_x < left + width - 60 and top + 90 < at_y < top + height - 60:
                    found[column, row] = shown[int(at_y), int(at_x)]
        self.assertTrue(found)
        return found

    def layer(self, name):
        """The number of the layer whose label has this name."""
        labels = self.browser.run("return [...document.querySelectorAll('#layers label')].map(l => l.textContent)")
        (found,) = [i for i, label in enumerate(labels) if name in label]
        return found

    def switch(self, **opacities):
        """Shows the layers that are named, with their opacities, and no other."""
        wanted = {self.layer(name): opacity for name, opacity in opacities.items()}
        self.browser.run("""
            for (const [i, field] of [...document.querySelectorAll('#layers fieldset')].entries()) {
              const box = field.querySelector('[type=checkbox]'), range = field.querySelector('[type=range]');
              if (box.checked !== (i in arguments[0])) box.click();
              if (i in arguments[0]) { range.value = arguments[0][i]; range.dispatchEvent(new Event('input')); }
            }""", wanted)
        time.sleep(0.5)

    def values(self):
        return dict(self.browser.run("return [...document.querySelectorAll('#values tr')]"
                                     ".map(r => [r.cells[0].textContent, r.cells[1].textContent])"))

    def click(self, x, y):
        """A place in level-0 pixels, in sight."""
        self.show(x=x, y=y)
        self.browser.click("#map")
        time.sleep(0.3)

    def test_pixels_lie_right_at_every_zoom(self):
        for zoom in (self.finest - 2, self.finest - 1, self.finest, self.finest + 1):
            self.show(zoom=zoom, x=1390, y=1010)
            self.switch()
            for place, color in self.seen().items():
                self.assertLess(abs(color - color_of(*place)).max(), 12, (zoom, place))
        self.assertEqual(self.browser.console(), [])

    def test_a_heat_map_lies_right(self):
        scale = cv2.applyColorMap(numpy.arange(256, dtype=numpy.uint8)[:, None], cv2.COLORMAP_TURBO)[:, 0, ::-1].astype(int)
        for zoom in (self.finest - 2, self.finest - 1, self.finest):
            self.show(zoom=zoom)
            for name, value in PREDICTED.items():
                self.switch(**{name: 1})
                for place, color in self.seen().items():
                    expected = scale[round(255 * value(*place))]
                    self.assertLess(abs(color - expected).max(), 16, (zoom, name, place))
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('.ends span')].map(s => s.textContent)"),
                         ["0", "1", "0", "1"])

    def test_opacity_mixes(self):
        self.show()
        self.switch()
        plain = self.seen()
        self.switch(p_low=1)
        full = self.seen()
        self.switch(p_low=0.5)
        for place, color in self.seen().items():
            self.assertLess(abs(color - (plain[place] + full[place]) / 2).max(), 12, place)

    def test_kept_tiles_are_outlined_where_they_lie(self):
        self.show(x=1300, y=1100, zoom=self.finest + 2)  # in the middle of tiles
        self.switch()
        plain, (left, top, width, height) = self.pixels()
        self.switch(**{"kept tiles": 1})
        lined, _ = self.pixels()
        changed = abs(lined - plain).sum(axis=2)
        row = changed[int(top + height / 2) - 40, int(left):int(left + width)]
        columns = changed[int(top):int(top + height), int(left + width / 2) - 40]
        for strip, middle, place in ((row, width / 2, 1300), (columns, height / 2, 1100)):
            inside = numpy.median(strip)
            lines = [i for i in range(len(strip)) if strip[i] > inside + 60]
            expected = [middle + (edge - place) * 4 for edge in range(0, 3200, BLOCK)]
            expected = [at for at in expected if 10 < at < len(strip) - 10]
            self.assertTrue(expected and lines, (expected, lines))
            for at in expected:
                self.assertLess(min(abs(at - line) for line in lines), 3, (expected, lines))
            for line in lines:
                self.assertLess(min(abs(at - line) for at in expected), 3, (expected, lines))

    def test_a_region_lies_right(self):
        self.show(x=1400, y=1300, zoom=self.finest - 1)
        self.switch()
        plain = self.seen()
        self.switch(tumour=1)
        for (column, row), color in self.seen().items():
            within = 1000 < (column + 0.25) * BLOCK < 1800 and 1000 < (row + 0.25) * BLOCK < 1600
            self.assertEqual(abs(color - plain[column, row]).sum() > 15, within, (column, row))

    def test_a_click_shows_the_values_of_what_is_there(self):
        self.click(2300, 500)
        values = self.values()
        self.assertEqual({name: values.get(name) for name in ("slide", "x", "y", "p_low", "class")},
                         {"slide": "first", "x": "2200", "y": "400", "p_low": str(PREDICTED["p_low"](11, 2)), "class": None})
        self.click(1100, 1100)
        self.assertEqual((self.values().get("class"), self.values().get("x")), ("tumour", "1000"))
        self.switch(tumour=1)
        self.browser.click("#map")
        self.assertEqual(self.values(), {"class": "tumour"})
        self.switch()
        self.browser.click("#map")
        self.assertEqual(self.values(), {})

    def test_keys_and_links_lead_to_slides(self):
        self.show()
        self.assertEqual(self.browser.run("return document.getElementById('name').textContent"), "first")
        self.browser.press("n")
        self.wait("return document.getElementById('name').textContent === 'second' && "
                  "document.querySelector('.leaflet-tile-loaded') !== null")
        self.assertIn("slide=1", self.browser.run("return location.hash"))
        self.browser.press("p")
        self.wait("return document.getElementById('name').textContent === 'first'")
        self.browser.type("#search", "sec")
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('#slides a')].map(a => a.textContent)"),
                         ["second"])
        self.browser.click("#slides a")
        self.wait("return document.getElementById('name').textContent === 'second'")
        self.assertIn("3000 x 2200 pixels, 0.25 µm", self.browser.run("return document.getElementById('facts').textContent"))

    def test_no_request_leaves_the_server(self):
        self.browser.requests()
        self.show()
        asked = [address for address in self.browser.requests() if not address.startswith(("data:", "about:"))]
        self.assertGreater(len(asked), 5)
        self.assertEqual([address for address in asked if not address.startswith(self.server.link)], [])
        self.assertEqual(self.browser.console(), [])


if __name__ == "__main__":
    browser.main()

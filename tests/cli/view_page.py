# SPDX-License-Identifier: Apache-2.0
"""The viewer's page in a browser: what a test does there, and what colours it sees."""
import csv
import io
import json
import math
import subprocess
import time

import cv2
import numpy
import PIL.Image

import support
from browser import Browser

BLOCK, COLUMNS, ROWS = 200, 15, 11  # of one colour each; the slide's sides are no multiples of a tile's

PREDICTED = {"p_low": lambda column, row: (column + row) % 5 / 8, "p_high": lambda column, row: 1 - column / 20}
TURBO = cv2.applyColorMap(numpy.arange(256, dtype=numpy.uint8)[:, None], cv2.COLORMAP_TURBO)[:, 0, ::-1].astype(int)


def color_of(column, row):
    return numpy.array([30 + 14 * column, 40 + 17 * row, 60 + 120 * ((column + row) % 2)])


def block_image():
    pixels = numpy.zeros((ROWS * BLOCK, COLUMNS * BLOCK, 3), numpy.uint8)
    for row in range(ROWS):
        for column in range(COLUMNS):
            pixels[row * BLOCK:(row + 1) * BLOCK, column * BLOCK:(column + 1) * BLOCK] = color_of(column, row)
    return PIL.Image.fromarray(pixels)


def write_blocks(path, smaller=()):
    """A tiled TIFF of blocks of known colours, 0.25 microns a pixel, with `smaller` levels of these sizes."""
    image, strips = block_image(), path.with_suffix(".strips")
    levels = [image, *(image.resize(size, PIL.Image.Resampling.BOX) for size in smaller)]
    levels[0].save(strips, "TIFF", x_resolution=40000, y_resolution=40000, resolution_unit="cm", save_all=True,
                   append_images=levels[1:])
    subprocess.run(["tiffcp", "-t", "-w", "256", "-l", "256", "-c", "lzw", strips, path], check=True)
    strips.unlink()
    for number in range(1, len(levels)):  # NewSubfileType 1: a smaller version of another image of the file
        subprocess.run(["tiffset", "-d", str(number), "-s", "254", "1", path], check=True)


def add_predictions(folder, extent=BLOCK):
    """Writes predictions.csv beside tiles.csv, as save_predictions does, and gives the number of tiles; these are
    squares of `extent` level-0 pixels."""
    with (folder / "tiles.csv").open() as table:
        rows = list(csv.DictReader(table))
    with (folder / "predictions.csv").open("w") as table:
        writer = csv.DictWriter(table, [*rows[0], *PREDICTED])
        writer.writeheader()
        for row in rows:
            place = [round(int(row[axis]) / extent) for axis in "xy"]
            writer.writerow(row | {name: value(*place) for name, value in PREDICTED.items()})
    return len(rows)


def rank_of(column, row):
    return (7 * column + 3 * row) % 11 / 10


def add_attention(folder, name):
    """Writes attention to a slide, and the journal's entry, as predict_mil does of files of features."""
    squares = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            left, top = column * BLOCK, row * BLOCK
            ring = [[left, top], [left + BLOCK, top], [left + BLOCK, top + BLOCK], [left, top + BLOCK], [left, top]]
            squares.append({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]},
                            "properties": {"objectType": "detection", "color": TURBO[round(255 * rank_of(column, row))].tolist(),
                                           "measurements": {"attention": 0.01, "rank": rank_of(column, row)}}})
    for part in ("attention", ".flowrun/done"):
        (folder / part).mkdir(parents=True)
    (folder / f"attention/{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": squares}))
    for features in ("h5", "hdf5", "pt"):
        (folder / f".flowrun/done/{features}.{name}.json").write_text(json.dumps(
            {"kind": "slide", "scope": name, "input": {"path": f"/features/{name}.{features}"},
             "outputs": [f"attention/{name}.geojson", f"attention/../../{name}.geojson"] if features == "h5" else []}))


def add_region(folder, left, top, right, bottom):
    """Writes regions.geojson, as save_geojson does."""
    ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    (folder / "regions.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]},
         "properties": {"classification": {"name": "tumour", "color": [255, 0, 255]}}}]}))


class ViewerPageTest(support.ProgramTest):
    """A test of self.server in self.browser; `layers` says how many slides have, by number."""
    layers = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
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
        self.wait("return document.querySelector('.leaflet-tile-loaded') !== null && "
                  "document.querySelector('.leaflet-tile:not(.leaflet-tile-loaded)') === null && "
                  f"document.querySelectorAll('#layers fieldset').length === {self.layers[slide]}")

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

    def seen(self, extent=BLOCK, columns=COLUMNS, rows=ROWS):
        """The colours of the screen in each square of `extent` level-0 pixels that is in sight, by column and row."""
        shown, (left, top, width, height) = self.pixels()
        scale = 2.0 ** (self.zoom - self.finest)
        found = {}
        for row in range(rows):
            for column in range(columns):
                # Not in the middle, where a shift by half a square would not be seen: near the upper left corner.
                at_x = left + width / 2 + ((column + 0.25) * extent - self.x) * scale
                at_y = top + height / 2 + ((row + 0.25) * extent - self.y) * scale
                if left + 60 < at_x < left + width - 60 and top + 90 < at_y < top + height - 60:
                    found[column, row] = shown[int(at_y), int(at_x)]
        self.assertTrue(found)
        return found

    def assert_outlined(self, name, extent, columns, rows):
        """The lines of a layer are those of squares of `extent` level-0 pixels, and no others; the middle of the map lies
        within a square."""
        self.switch()
        plain, (left, top, width, height) = self.pixels()
        self.switch(**{name: 1})
        lined, _ = self.pixels()
        changed = abs(lined - plain).sum(axis=2)
        scale = 2.0 ** (self.zoom - self.finest)
        across = changed[int(top + height / 2) - 40, int(left):int(left + width)]
        down = changed[int(top):int(top + height), int(left + width / 2) - 40]
        for strip, middle, place, squares in ((across, width / 2, self.x, columns), (down, height / 2, self.y, rows)):
            inside = numpy.median(strip)
            lines = [i for i in range(len(strip)) if strip[i] > inside + 60]
            expected = [middle + (edge * extent - place) * scale for edge in range(squares + 1)]
            expected = [at for at in expected if 10 < at < len(strip) - 10]
            self.assertTrue(expected and lines, (expected, lines))
            for at in expected:
                self.assertLess(min(abs(at - line) for line in lines), 3, (expected, lines))
            for line in lines:
                self.assertLess(min(abs(at - line) for at in expected), 3, (expected, lines))

    def assert_heat(self, name, extent=BLOCK, columns=COLUMNS, rows=ROWS, number=None):
        """A layer has the colours of PREDICTED, or of `number`, in squares of `extent` level-0 pixels."""
        number = number or PREDICTED[name]
        self.switch(**{name: 1})
        for place, color in self.seen(extent, columns, rows).items():
            self.assertLess(abs(color - TURBO[round(255 * number(*place))]).max(), 16, (self.zoom, name, place))

    def assert_filled(self, name, left, top, right, bottom):
        """A layer changes the colours of blocks within a rectangle in level-0 pixels, and no others."""
        self.switch()
        plain = self.seen()
        self.switch(**{name: 1})
        for (column, row), color in self.seen().items():
            within = left < (column + 0.25) * BLOCK < right and top < (row + 0.25) * BLOCK < bottom
            self.assertEqual(abs(color - plain[column, row]).sum() > 15, within, (name, column, row))

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

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The viewer in a real browser: pixels and layers lie where the slide and the run's files have them."""
import accessibility
import browser
from support import DONE, flowrun
from view_page import (BLOCK, COLUMNS, PREDICTED, ROWS, ViewerPageTest, add_attention, add_predictions, add_region,
                       color_of, rank_of, write_blocks)
from view_server import Server

ENTER = "\ue007"

GRAPH = """\
flowrun: 1
nodes:
  slides: {{type: read, path: "{slides}"}}
  tiles: {{type: extract, from: slides, size: {block}, level: 0}}
  files: {{type: save, from: {{tile: tiles, slide: slides}}, dir: "{out}", format: none}}
"""


class ViewInBrowser(ViewerPageTest):
    layers = {0: 5, 1: 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        slides, cls.out = cls.root / "slides", cls.root / "out"
        slides.mkdir()
        for name in ("first", "second"):
            write_blocks(slides / f"{name}.tif")
        graph = cls.root / "graph.yaml"
        graph.write_text(GRAPH.format(slides=slides, block=BLOCK, out=cls.out))
        ended = flowrun(graph, "--quiet")
        assert ended.code == DONE, ended.err
        assert add_predictions(cls.out / "first") == COLUMNS * ROWS
        add_region(cls.out / "first", 1000, 1000, 1800, 1600)
        add_attention(cls.root / "said", "first")
        cls.server = Server(cls.out, cls.root / "said")

    def test_pixels_lie_right_at_every_zoom(self):
        for zoom in (self.finest - 2, self.finest - 1, self.finest, self.finest + 1):
            self.show(zoom=zoom, x=1390, y=1010)
            self.switch()
            for place, color in self.seen().items():
                self.assertLess(abs(color - color_of(*place)).max(), 12, (zoom, place))
        self.assertEqual(self.browser.console(), [])

    def test_a_heat_map_lies_right(self):
        for zoom in (self.finest - 2, self.finest - 1, self.finest):
            self.show(zoom=zoom)
            for name in PREDICTED:
                self.assert_heat(name)
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('.ends span')].map(s => s.textContent)"),
                         ["0", "1"] * 3)

    def test_attention_lies_right(self):
        self.show(zoom=self.finest - 1)
        self.assert_heat("attention", number=rank_of)
        self.click(2300, 500)
        self.switch(attention=1)
        self.browser.click("#map")
        self.assertEqual(self.values(), {"attention": "0.01", "rank": str(rank_of(11, 2))})
        self.show(1)  # of which there is none

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
        self.assert_outlined("kept tiles", BLOCK, COLUMNS, ROWS)

    def test_a_region_lies_right(self):
        self.show(x=1400, y=1300, zoom=self.finest - 1)
        self.assert_filled("tumour", 1000, 1000, 1800, 1600)

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

    def test_it_can_be_read_by_everybody(self):
        self.click(2300, 500)
        self.assertEqual(accessibility.problems(self.browser), [])

    def test_what_keeps_people_from_reading_is_found(self):
        """The check itself, by mistakes that a page may have."""
        self.show()
        for mistake, told in (("document.documentElement.lang = ''", "no lang"),
                              ("document.querySelector('label[for]').remove();"
                               "document.getElementById('search').placeholder = ''", "searchbox has no name"),
                              ("document.body.append(document.createElement('button'))", "button has no name"),
                              ("document.querySelector('#layers [type=range]').removeAttribute('aria-label')", "slider has no name"),
                              ("document.getElementById('facts').style.color = '#999'", "contrast of 2."),
                              ("document.getElementById('facts').style.opacity = 0.4", "contrast of"),
                              ("document.getElementById('name').outerHTML = '<h3>x</h3>'", "headings of level 1"),
                              ("document.getElementById('more').id = 'name'", "name is there twice")):
            self.show()
            self.browser.run(mistake)
            said = accessibility.problems(self.browser)
            self.assertTrue(any(told in problem for problem in said), (told, said))

    def test_the_slide_is_asked_by_the_keyboard(self):
        """Enter on the slide shows the values of its middle, as a click there does."""
        self.show(x=2300, y=500)
        self.browser.run("document.getElementById('map').focus()")
        self.browser.press(ENTER)
        self.assertEqual({name: self.values().get(name) for name in ("x", "y")}, {"x": "2200", "y": "400"})

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

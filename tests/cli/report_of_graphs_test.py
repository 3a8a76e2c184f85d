#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reports of the graphs that come with flowrun, in a real browser; what normalize, save and fit_stains say in them."""
import csv
import json

import browser
import support
from browser import Browser
from report_page import Page
from support import DONE, FAILED, SOURCE, flowrun, settings, synth

NORMALIZED = """flowrun: 1
params: {slides: , out: , scope: slide}
nodes:
  slides: {type: read, path: "${slides}"}
  tissue: {type: detect, from: slides}
  tiles: {type: extract, from: {slide: slides, mask: tissue}, size: 256, level: 0}
  even: {type: normalize, from: {tile: tiles, slide: slides, mask: tissue}, scope: "${scope}"}
  files: {type: save, from: {tile: even, slide: slides}, dir: "${out}/tiles"}
  stains: {type: fit_stains, from: {slide: slides, mask: tissue}, dir: "${out}/stains"}
"""


class ReportsOfGraphs(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.slides = cls.root / "slides"
        for seed in (1, 2):
            synth(cls.slides / f"s{seed}.svs", 4000, 4000, seed, cls.root / f"xml/s{seed}.xml")
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        super().tearDownClass()

    def graph(self, name, slides, out, **more):
        return flowrun("run", SOURCE / f"graphs/{name}.yaml",
                       *settings(slides=slides, annotations=self.root / "xml/{slide}.xml", out=out, **more))

    def opened(self, report):
        self.browser.console(), self.browser.requests()
        self.browser.open(report)
        self.assertEqual(self.browser.console(), [])
        self.assertEqual([at for at in self.browser.requests() if not at.startswith("data:")], [report.as_uri()])
        for complete, width in self.browser.run("return [...document.images].map(i => [i.complete, i.naturalWidth])"):
            self.assertTrue(complete and width > 50)
        return Page(report)

    def shown(self):
        return self.browser.run("return [...document.querySelectorAll('.scope')].filter(s => !s.hidden)"
                                ".map(s => s.dataset.name)")

    def test_cohort(self):
        slides = self.fresh("cohort")
        slides.mkdir()
        for slide in self.slides.iterdir():
            (slides / slide.name).symlink_to(slide)
        (slides / "torn.svs").write_bytes((self.slides / "s1.svs").read_bytes()[:20000])
        out = self.fresh()
        self.assert_ended(self.graph("cohort", slides, out), FAILED)
        page = self.opened(out / "tiles/report.html")
        self.assertEqual(sorted(self.shown()), ["s1", "s2", "torn"])
        self.browser.choose("[name=status]", "failed")
        self.assertEqual(self.shown(), ["torn"])
        self.browser.choose("[name=status]", "")
        counts = {}
        for name in ("s1", "s2"):
            with open(out / f"tiles/{name}/tiles.csv", newline="") as file:
                labels = [row["label"] for row in csv.DictReader(file)]
            self.assertGreater(len(set(labels)), 1)
            said = page.numbers(name)
            for label in set(labels):
                self.assertEqual(said[f"tiles of class {label}"], str(labels.count(label)))
            counts[name] = labels.count("tumor")
        self.assertNotEqual(*counts.values())
        option = self.browser.run("return [...document.querySelector('[name=sort]').options]"
                                  ".find(o => o.textContent.startsWith('tiles of class tumor')).value")
        self.browser.choose("[name=sort]", option)
        self.assertEqual(self.shown(), sorted(counts, key=counts.get) + ["torn"])

    def test_train(self):
        out = self.fresh()
        self.assert_ended(self.graph("train", self.slides, out, epochs=2, tiles=40), DONE)
        page = self.opened(out / "model/report.html")
        titles = [heading.text for heading in page.one("section", id="results").all("h4")]
        for title in ("loss", "accuracy", "ROC"):
            self.assertIn(title, titles)
        widths = self.browser.run("return [...document.querySelectorAll('#results svg.plot')]"
                                  ".map(plot => plot.getBoundingClientRect().width)")
        self.assertGreaterEqual(len(widths), len(titles) - 1)
        self.assertGreater(min(widths), 100)

    def test_stains(self):
        graph = self.write(NORMALIZED)
        of_slides, of_tiles = self.fresh("a"), self.fresh("b")
        self.assert_ended(flowrun(graph, *settings(slides=self.slides, out=of_slides)), DONE)
        page = self.opened(of_slides / "tiles/report.html")
        for name in ("s1", "s2"):
            said = page.numbers(name)
            stains = json.loads((of_slides / f"tiles/.flowrun/done/slides.{name}.json").read_text())["report"]
            by_node = {node: {item["quantity"]: item["value"] for item in items if "quantity" in item}
                       for node, items in stains.items()}
            for quantity in ("hematoxylin red", "hematoxylin blue", "eosin red", "eosin blue"):
                for node in ("even", "stains"):
                    self.assertEqual(said[f"{node}: {quantity}"].split()[0], f"{by_node[node][quantity]:.4g}")
                # Found by two nodes, of windows at other places.
                self.assertAlmostEqual(by_node["even"][quantity], by_node["stains"][quantity], delta=0.05)
            self.assertGreater(by_node["even"]["hematoxylin red"], by_node["even"]["eosin red"])
        self.assert_ended(flowrun(graph, *settings(slides=self.slides, out=of_tiles, scope="tile")), DONE)
        page = self.opened(of_tiles / "tiles/report.html")
        tiles = 0
        for name in ("s1", "s2"):
            with open(of_tiles / f"tiles/{name}/tiles.csv", newline="") as file:
                tiles += sum(1 for _ in csv.DictReader(file))
        scopes = [json.loads(line) for line in (of_tiles / "tiles/.flowrun/scopes.jsonl").read_text().splitlines()]
        unstained = sum(scope["counts"]["even"]["notes"]["tiles without stain are as they were"] for scope in scopes)
        charts = [div for div in page.all("div") if any("hematoxylin maximum" in h.text for h in div.all("h3"))]
        bars = [int(bar.one("title").text.rsplit(": ", 1)[1]) for bar in charts[-1].all("rect", class_="bar")]
        self.assertEqual(sum(bars), tiles - unstained)


if __name__ == "__main__":
    browser.main()

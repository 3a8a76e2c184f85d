#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The report of a run: what it says against what the run wrote, and what it does with what it cannot read."""
import base64
import csv
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import time

import numpy
import PIL.Image

import support
from report_page import Page, picture
from support import DONE, FAILED, USAGE, extract, flowrun, settings, synth

TWO_FOLDERS = """flowrun: 1
params: {slides: , out: }
nodes:
  slides: {type: read, path: "${slides}"}
  tissue: {type: detect, from: slides}
  tiles: {type: extract, from: {slide: slides, mask: tissue}, size: 256}
  files: {type: save, from: {tile: tiles, slide: slides, mask: tissue}, dir: "${out}/tiles"}
  places: {type: save_geojson, from: tiles, dir: "${out}/places"}
"""
FILTERED = """flowrun: 1
params: {slides: , out: }
nodes:
  slides: {type: read, path: "${slides}"}
  tiles: {type: extract, from: slides, size: 256}
  good: {type: filter, from: tiles, min_sharpness: 100}
  files: {type: save, from: {tile: good.tile, slide: slides}, dir: "${out}"}
"""
NAMES = ["a", "b <script>alert(1)<&script>", "c"]


def entry_of(out, name):
    return out / f".flowrun/done/slides.{name}.json"


class Report(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.slides = cls.root / "slides"
        for seed, name in enumerate(NAMES):
            synth(cls.slides / f"{name}.tif", 1500 + 500 * seed, 1400, seed)
        (cls.slides / "broken.tif").write_bytes(b"no slide")
        cls.out = cls.root / "done"
        cls.ended = flowrun(*extract(cls.slides, cls.out))
        cls.page = Page(cls.out / "report.html") if (cls.out / "report.html").exists() else None

    def copy(self):
        out = self.fresh()
        shutil.copytree(self.out, out)
        return out

    def rows(self, name):
        with open(self.out / name / "tiles.csv", newline="") as file:
            return list(csv.DictReader(file))

    def summary(self):
        return json.loads((self.out / ".flowrun/summary.json").read_text())

    def test_every_scope_has_a_card_with_what_became_of_it(self):
        self.assert_ended(self.ended, FAILED)
        cards = self.page.cards()
        self.assertEqual({name: card.attributes["data-status"] for name, card in cards.items()},
                         {**{name: "done" for name in NAMES}, "broken": "failed"})
        message = self.summary()["failures"][0]["message"]
        self.assertIn(message, cards["broken"].text)
        self.assertIn(message, [row[2] for row in self.page.table("Failures")[1:]])

    def test_numbers_are_those_of_the_outputs(self):
        for name in NAMES:
            rows, said = self.rows(name), self.page.numbers(name)
            self.assertEqual(said["tiles"], str(len(rows)))
            mask = numpy.asarray(PIL.Image.open(self.out / name / "mask.png").convert("L")) > 0
            self.assertAlmostEqual(float(said["tissue share"].split()[0]), 100 * mask.mean(), delta=0.01)
            self.assertEqual(said["tissue share"].split()[1], "%")

    def test_the_histogram_of_coverage_has_each_tile_once(self):
        coverages = [float(row["coverage"]) for name in NAMES for row in self.rows(name)]
        expected = numpy.histogram(coverages, bins=numpy.linspace(0, 1, 21))[0]
        charts = [div for div in self.page.all("div") if any("coverage" in h.text for h in div.all("h3"))]
        bars = [bar.one("title").text for bar in charts[-1].all("rect", class_="bar")]
        self.assertEqual([int(bar.rsplit(": ", 1)[1]) for bar in bars], expected.tolist())

    def test_the_verdict_and_the_nodes_are_those_of_the_summary(self):
        summary = self.summary()
        verdict = self.page.one("p", class_="verdict").text
        self.assertIn("Something failed: of 4 slides 3 done, 1 failed.", verdict)
        self.assertIn(f"{sum(len(self.rows(name)) for name in NAMES)} tiles in ", verdict)
        table = self.page.table("Nodes: packets, and seconds summed over them")
        self.assertEqual([row[:6] for row in table[1:]],
                         [[node["name"], node["type"], *(str(node[key]) for key in ("in", "out", "dropped", "failed"))]
                          for node in summary["nodes"]])
        graph = self.page.one("svg", class_="graph")
        self.assertEqual(sorted(text.text.split(" ")[0] for text in graph.all("text", class_="name")),
                         sorted(node["name"] for node in summary["nodes"]))
        self.assertEqual({(edge["from"], edge["output"], edge["to"], edge["input"]) for edge in summary["edges"]},
                         {("slides", "slide", "tissue", "slide"), ("slides", "slide", "tiles", "slide"),
                          ("tissue", "mask", "tiles", "mask"), ("tiles", "tile", "files", "tile"),
                          ("slides", "slide", "files", "slide"), ("tissue", "mask", "files", "mask")})
        self.assertEqual(len(list(graph.all("path", class_="edge"))), len(summary["edges"]))

    def test_pictures_are_the_overviews_scaled_down(self):
        for name in NAMES:
            figure = self.page.cards()[name].one("figure")
            self.assertEqual(figure.one("figcaption").text, "tissue and tiles")
            image = figure.one("img")
            self.assertEqual(image.attributes["alt"], f"{name}: tissue and tiles")
            small, whole = picture(image), PIL.Image.open(self.out / name / "overview.jpg").convert("RGB")
            self.assertEqual(small.size, (int(image.attributes["width"]), int(image.attributes["height"])))
            self.assertLessEqual(max(small.size), 320)
            self.assertAlmostEqual(small.width / small.height, whole.width / whole.height, delta=0.03)
            expected = numpy.asarray(whole.resize(small.size, PIL.Image.BOX), float)
            self.assertLess(abs(numpy.asarray(small, float) - expected).mean(), 8)

    def test_the_page_needs_nothing_else_and_lets_nothing_in(self):
        policy = self.page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
        for kind in ("style", "script"):
            digest = base64.b64encode(hashlib.sha256(self.page.one(kind).text.encode()).digest()).decode()
            self.assertIn(f"{kind}-src 'sha256-{digest}'", policy)
        self.assertTrue(policy.startswith("default-src 'none'; img-src data:;"), policy)
        for element in self.page.all():
            self.assertNotIn("style", element.attributes)
            self.assertFalse([name for name in element.attributes if name.startswith("on")], element.attributes)
            for name in ("src", "href"):
                self.assertRegex(element.attributes.get(name, "#"), "^(data:|#)")
        self.assertEqual(len(list(self.page.all("script"))), 1)
        self.assertEqual(self.page.one("h1").text, "Run of " + self.summary()["name"])

    def test_the_report_made_anew_is_the_same_and_goes_where_it_is_told_to(self):
        out = self.copy()
        before = (out / "report.html").read_bytes()
        (out / "report.html").unlink()
        self.assert_ended(flowrun("report", out), DONE)
        self.assertEqual((out / "report.html").read_bytes(), before)
        there = self.fresh() / "to mail.html"
        there.parent.mkdir()
        ended = flowrun("report", out, "--output", there)
        self.assert_ended(ended, DONE)
        self.assertEqual(ended.out, f"{there}\n")
        self.assertEqual(there.read_bytes(), before)

    def test_figures_are_found_after_the_folder_was_moved(self):
        out = self.copy()
        shutil.move(out, moved := self.fresh("moved"))
        self.assert_ended(flowrun("report", moved), DONE)
        self.assertEqual(len(list(Page(moved / "report.html").all("img"))), len(NAMES))

    def test_figures_of_another_output_folder_are_in_it_and_stay_when_both_are_moved(self):
        place = self.fresh()
        ended = flowrun("run", self.write(TWO_FOLDERS), *settings(slides=self.slides / "a.tif", out=place))
        self.assert_ended(ended, DONE)
        shutil.move(place, moved := self.fresh("moved"))
        for name in ("tiles", "places"):
            report = moved / name / "report.html"
            before = report.read_bytes()
            page = Page(report)
            self.assertEqual(len(list(page.all("img"))), 1)
            numbers = page.numbers("a")
            self.assertEqual(numbers["files: tiles"], numbers["places: tiles"])
            self.assert_ended(flowrun("report", moved / name), DONE)
            self.assertEqual(report.read_bytes(), before)

    def test_a_filter_says_how_sharp_tiles_are_and_what_it_dropped(self):
        out = self.fresh()
        ended = flowrun("run", self.write(FILTERED), *settings(slides=self.slides / "a.tif", out=out))
        self.assert_ended(ended, DONE)
        counts = json.loads(entry_of(out, "a").read_text())["counts"]["good"]
        kept, dropped = counts["out"], counts["dropped"]
        self.assertTrue(kept > 0 and dropped > 0, counts)
        page = Page(out / "report.html")
        self.assertEqual(page.numbers("a")["dropped"], f"{100 * dropped / (kept + dropped):.4g} %")
        self.assertIn(f"good dropped {dropped} as blurred", page.cards()["a"].text)
        self.assertIn(f"good dropped {dropped} ({dropped} as blurred)", page.one("p", class_="verdict").text)
        sharp = float(page.numbers("a")["mean sharpness"])
        chart = next(div for div in page.all("div") for heading in div.children
                     if getattr(heading, "name", "") == "h3" and heading.text == "sharpness: packets of good")
        bars = [re.fullmatch(r"(\S+) to (\S+): (\d+)", bar.one("title").text).groups()
                for bar in chart.all("rect", class_="bar")]
        self.assertEqual(sum(int(count) for _, _, count in bars), kept + dropped)
        of_bins = sum((float(low) + float(high)) / 2 * int(count) for low, high, count in bars) / (kept + dropped)
        self.assertAlmostEqual(sharp, of_bins, delta=10)  # half a bin

    def test_slides_of_one_name_from_two_sources_have_each_its_own_failure(self):
        out, slides = self.fresh(), self.fresh("sources")
        nodes = []
        for source in ("first", "second"):
            (slides / source).mkdir(parents=True)
            (slides / source / "same.tif").write_bytes(b"no slide")
            nodes.append(f"""\
  {source}: {{type: read, path: "{slides}/{source}"}}
  {source}_tiles: {{type: extract, from: {source}, size: 256}}
  {source}_files: {{type: save, from: {source}_tiles, dir: "{out}/{source}", format: none}}
""")
        graph = self.write("flowrun: 1\nnodes:\n" + "".join(nodes))
        self.assert_ended(flowrun(graph, "--quiet"), FAILED)
        cards = [card.text for card in Page(out / "first/report.html").all("li", class_="scope")]
        self.assertEqual(len(cards), 2)
        told = [[source for source in ("first", "second") if f"/{source}/same.tif" in card] for card in cards]
        self.assertEqual(sorted(told), [["first"], ["second"]])

    def test_a_picture_that_is_gone_or_broken_is_said(self):
        out = self.copy()
        (out / "a/overview.jpg").unlink()
        (out / "c/overview.jpg").write_bytes(b"\xff\xd8 no picture")
        self.assert_ended(flowrun("report", out), DONE)
        cards = Page(out / "report.html").cards()
        for name, why in (("a", "is not there"), ("c", "cannot be read as JPEG")):
            self.assertIn("No picture: ", cards[name].one("figure").text)
            self.assertIn(why, cards[name].one("figure").text)

    def test_slides_of_earlier_runs_are_in_it(self):
        slides, out = self.root / "some", self.fresh()
        slides.mkdir()
        shutil.copy(self.slides / "a.tif", slides)
        self.assert_ended(flowrun(*extract(slides, out)), DONE)
        shutil.copy(self.slides / "c.tif", slides)
        self.assert_ended(flowrun(*extract(slides, out)), DONE)
        page = Page(out / "report.html")
        self.assertEqual(set(page.cards()), {"a", "c"})
        self.assertIn("All is done: of 2 slides 1 done, 1 done before.", page.one("p", class_="verdict").text)
        self.assertEqual(page.numbers("a"), self.page.numbers("a"))

    def test_no_report_leaves_none(self):
        out = self.fresh()
        self.assert_ended(flowrun(*extract(self.slides / "a.tif", out, "--no-report")), DONE)
        self.assertFalse((out / "report.html").exists())

    def test_what_is_no_report_is_not_replaced(self):
        out = self.fresh()
        out.mkdir()
        (out / "report.html").write_text("mine")
        ended = flowrun(*extract(self.slides / "a.tif", out))
        self.assert_ended(ended, DONE, f"warning: there is no report: {out}/report.html: is no report")
        self.assertEqual((out / "report.html").read_text(), "mine")
        self.assert_ended(flowrun("report", out), FAILED, "error: ", "is no report, so it is not replaced")

    def test_outliers_are_those_of_median_and_mad(self):
        out = self.copy()
        entry = json.loads(entry_of(out, "a").read_text())
        shares = [10, 11, 12, 12.5, 13, 14, 15, 16, 40, 0.5]
        for path in (out / ".flowrun/done").iterdir():
            path.unlink()
        for i, share in enumerate(shares):
            for item in entry["report"]["tissue"]:
                if item.get("quantity") == "tissue share":
                    item["value"] = share
            entry_of(out, f"s{i}").write_text(json.dumps({**entry, "scope": f"s{i}"}))
        self.assert_ended(flowrun("report", out), DONE)
        median = statistics.median(shares)
        mad = statistics.median(abs(share - median) for share in shares)
        expected = {f"s{i}" for i, share in enumerate(shares) if 0.6745 * abs(share - median) / mad > 3.5}
        self.assertTrue(0 < len(expected) < 4)
        page = Page(out / "report.html")
        done = {name: card for name, card in page.cards().items() if card.attributes["data-status"] == "done"}
        self.assertEqual({name for name, card in done.items() if "data-outliers" in card.attributes}, expected)
        self.assertIn("▲ high (median 12.75)", page.numbers("s8")["tissue share"])
        self.assertIn("▼ low (median 12.75)", page.numbers("s9")["tissue share"])

    def test_damaged_files_are_refused_and_the_report_before_stays(self):
        whole = self.out / "report.html"
        damages = {"summary.json": [None, "", "[]", "{", '{"nodes": 1}'],
                   "series.json": [None, "nonsense", "{}", '{"seconds": "x"}'],
                   "scopes.jsonl": ["{\n", '{"status": 3}\n'],
                   "done/slides.a.json": ["", "{", "[1]", '{"kind": "slide"}', '{"kind": 4}']}
        for name, contents in damages.items():
            for content in contents:
                with self.subTest(file=name, content=content):
                    out = self.copy()
                    file = out / ".flowrun" / name
                    file.unlink()
                    if content is not None:
                        file.write_text(content)
                    ended = flowrun("report", out)
                    self.assert_ended(ended, FAILED, "error: ", str(out / ".flowrun"))
                    self.assert_one_message(ended)
                    self.assertEqual((out / "report.html").read_bytes(), whole.read_bytes())
                    shutil.rmtree(out)

    def test_damaged_items_are_refused(self):
        items = [{"histogram": "h", "unit": "", "edges": [0, 1], "counts": [1, 2]}, {"histogram": "h"},
                 {"chart": "c", "x": "", "y": "", "diagonal": False,
                  "curves": [{"name": "", "x": [1, 2], "y": [1]}]},
                 {"table": "t", "columns": 3, "rows": []}, {"table": "t", "columns": [], "rows": [[1]]},
                 {"figure": "f"}, {"quantity": 1, "value": 1, "unit": ""}, 7, {"unknown": "x"}]
        out = self.copy()
        entry = json.loads(entry_of(out, "a").read_text())
        for item in items:
            with self.subTest(item=item):
                entry_of(out, "a").write_text(json.dumps({**entry, "report": {"node": [item]}}))
                self.assert_ended(flowrun("report", out), FAILED,
                                  f"error: {entry_of(out, 'a')}: is not as a run writes it")

    def test_a_folder_without_a_run_is_refused(self):
        out = self.fresh()
        out.mkdir()
        self.assert_ended(flowrun("report", out), FAILED, f"there is no {out}/.flowrun/summary.json: give the output "
                                                          "folder of a run that has ended")
        self.assert_ended(flowrun("report"), USAGE)

    def many(self, count):
        """A folder as a run of so many slides leaves it."""
        out = self.fresh()
        (out / ".flowrun/done").mkdir(parents=True)
        for name in ("summary.json", "series.json"):
            shutil.copy(self.out / ".flowrun" / name, out / ".flowrun")
        entry = entry_of(self.out, "c").read_text()
        for i in range(count):
            name = f"case {i:05}"
            entry_of(out, name).write_text(entry.replace('"scope": "c"', f'"scope": "{name}"')
                                           .replace('"c/overview.jpg"', f'"{name}/overview.jpg"'))
            (out / name).mkdir()
            os.link(self.out / "c/overview.jpg", out / name / "overview.jpg")
        return out

    def test_two_thousand_slides_fit_into_a_page_of_less_than_20_MB(self):
        out = self.many(2000)
        began = time.monotonic()
        self.assert_ended(flowrun("report", out), DONE)
        size = (out / "report.html").stat().st_size
        print(f"report of 2,000 slides: {size / 1e6:.1f} MB, made in {time.monotonic() - began:.1f} s", flush=True)
        self.assertLess(size, 20e6)
        page = Page(out / "report.html")
        self.assertEqual(sorted(page.cards()), [f"case {i:05}" for i in range(2000)])
        self.assertEqual(len(list(page.all("img"))), 2000)
        self.assertFalse((out / "report-2.html").exists())

    def test_more_go_to_further_pages_which_a_shorter_report_removes(self):
        out = self.many(2100)
        self.assert_ended(flowrun("report", out), DONE)
        pages = [Page(out / name) for name in ("report.html", "report-2.html")]
        self.assertEqual([len(page.cards()) for page in pages], [2000, 100])
        self.assertEqual([link.attributes["href"] for link in pages[0].one("nav", aria_label="Pages").all("a")],
                         ["report-2.html"])
        self.assertEqual([link.attributes["href"] for link in pages[1].one("nav", aria_label="Pages").all("a")],
                         ["report.html"])
        for i in range(1000, 2100):
            entry_of(out, f"case {i:05}").unlink()
        (out / "report-3.html").write_text("mine")
        self.assert_ended(flowrun("report", out), DONE)
        self.assertFalse((out / "report-2.html").exists())
        self.assertEqual((out / "report-3.html").read_text(), "mine")

    def test_the_script_is_one(self):
        node = shutil.which("node")
        if not node:
            self.skipTest("there is no node to check the report's script with")
        subprocess.run([node, "--check", support.SOURCE / "cli/report/report.js"], check=True)


if __name__ == "__main__":
    support.main()

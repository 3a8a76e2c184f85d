#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The report in a real browser: no error, nothing asked for, pictures, filters, sorting, copying, keys."""
import json
import shutil
import time

import accessibility
import browser
import support
from browser import Browser
from support import FAILED, DONE, extract, flowrun, synth

TAB = "\ue004"
NAMES = ["a2", "a10", "b <b>bold"]
SHOWN = "return [...document.querySelectorAll('.scope')].filter(s => !s.hidden).map(s => s.dataset.name)"
ROWS = ("return [...document.querySelectorAll('table.values tbody tr')].filter(r => !r.hidden)"
        ".map(r => r.cells[0].textContent)")


class ReportInBrowser(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        slides = cls.root / "slides"
        for seed, name in enumerate(NAMES):
            synth(slides / f"{name}.tif", 2600 - 600 * seed, 1400, seed)
        (slides / "broken.tif").write_bytes(b"no slide")
        cls.out = cls.root / "seen"
        cls.ended = flowrun(*extract(slides, cls.out))
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        super().tearDownClass()

    def setUp(self):
        self.assert_ended(self.ended, FAILED)
        self.browser.console(), self.browser.requests()
        self.browser.open(self.out / "report.html")

    def values(self, quantity):
        """By slide, as the journal has them."""
        found = {}
        for path in (self.out / ".flowrun/done").iterdir():
            entry = json.loads(path.read_text())
            if "scope" in entry:
                found[entry["scope"]] = next(item["value"] for items in entry["report"].values() for item in items
                                             if item.get("quantity") == quantity)
        return found

    def test_it_shows_without_an_error_and_asks_for_nothing(self):
        self.assertEqual(self.browser.console(), [])
        asked = self.browser.requests()
        self.assertEqual([address for address in asked if not address.startswith("data:")],
                         [(self.out / "report.html").as_uri()])
        sizes = self.browser.run("return [...document.images].map(i => [i.complete, i.naturalWidth, i.width])")
        self.assertEqual(len(sizes), len(NAMES))
        for complete, own, shown in sizes:
            self.assertTrue(complete and own > 50 and shown > 50, sizes)
        self.assertEqual(self.browser.run("return document.querySelectorAll('b').length"), 0)
        self.assertGreater(self.browser.run("return document.querySelector('svg.graph').getBoundingClientRect().width"), 200)

    def test_a_page_may_not_load_or_run_anything_else(self):
        self.browser.run("const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
                         "document.body.append(s); const i = new Image(); i.src = 'http://127.0.0.1:9/x.png';"
                         "document.body.append(i);")
        self.assertIsNone(self.browser.run("return window.ran ?? null"))
        said = " ".join(self.browser.console())
        self.assertIn("Content Security Policy", said)
        self.assertIn("127.0.0.1:9", said)

    def test_filters(self):
        everything = ["broken", "a10", "a2", NAMES[2]]
        self.assertEqual(sorted(self.browser.run(SHOWN)), sorted(everything))
        self.assertEqual(self.browser.run("return document.querySelector('output').textContent"), "4 of 4 shown")
        self.browser.type("[name=search]", "A1")
        self.assertEqual(self.browser.run(SHOWN), ["a10"])
        self.assertEqual(self.browser.run(ROWS), ["a10"])
        self.assertEqual(self.browser.run("return document.querySelector('output').textContent"), "1 of 4 shown")
        self.browser.run("const s = document.querySelector('[name=search]'); s.value = '';"
                         "s.dispatchEvent(new Event('input'))")
        self.browser.choose("[name=status]", "failed")
        self.assertEqual(self.browser.run(SHOWN), ["broken"])
        self.browser.choose("[name=status]", "")
        self.browser.click("[name=failures]")
        self.assertEqual(self.browser.run(SHOWN), ["broken"])
        self.browser.click("[name=failures]")
        self.browser.click("[name=outliers]")
        self.assertEqual(self.browser.run(SHOWN), [])

    def test_sorting(self):
        self.assertEqual(self.browser.run(SHOWN), ["broken", "a10", "a2", NAMES[2]])
        self.assertEqual(self.sorted_by("name"), ["a2", "a10", NAMES[2], "broken"])
        for quantity in ("tissue share", "tissue area"):
            values = self.values(quantity)
            self.assertEqual(len(values), len(NAMES))
            option = self.browser.run("return [...document.querySelector('[name=sort]').options]"
                                      ".find(o => o.textContent.startsWith(arguments[0])).value", quantity)
            # What has no number comes last either way.
            self.assertEqual(self.sorted_by(option), sorted(values, key=values.get) + ["broken"])
            self.browser.click("[name=descending]")
            self.assertEqual(self.browser.run(SHOWN), sorted(values, key=values.get, reverse=True) + ["broken"])
            self.assertEqual(self.browser.run(ROWS), self.browser.run(SHOWN))
            self.browser.click("[name=descending]")
        self.assertEqual(self.sorted_by("place"), ["broken", "a10", "a2", NAMES[2]])

    def sorted_by(self, option):
        self.browser.choose("[name=sort]", option)
        return self.browser.run(SHOWN)

    def test_a_table_is_copied_as_it_is_shown(self):
        self.browser.choose("[name=status]", "done")
        self.browser.choose("[name=sort]", "name")
        # What the page puts on the clipboard, which a browser without a screen may have none of.
        self.browser.run("window.copied = []; Object.defineProperty(navigator, 'clipboard', {value: "
                         "{writeText: text => { window.copied.push(text); return Promise.resolve(); }}});")
        self.browser.run("document.querySelector('table.values').previousElementSibling.click()")
        copied = self.browser.run("return window.copied[0]").split("\n")
        self.assertEqual([row.split("\t")[:2] for row in copied],
                         [["name", "status"], ["a2", "done"], ["a10", "done"], [NAMES[2], "done"]])
        self.assertEqual({len(row.split("\t")) for row in copied}, {len(copied[0].split("\t"))})

    def test_every_control_is_reached_by_the_keyboard_and_has_a_name(self):
        wanted = self.browser.run("return document.querySelectorAll('a, button, input, select, summary').length")
        reached = set()
        for _ in range(wanted + 5):
            self.browser.press(TAB)
            place, name = self.browser.run(
                "const e = document.activeElement, all = [...document.querySelectorAll('*')];"
                "return [all.indexOf(e), (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent).trim()]")
            reached.add(place)
            self.assertTrue(name)
        body = self.browser.run("return [...document.querySelectorAll('*')].indexOf(document.body)")
        self.assertEqual(len(reached - {body}), wanted)

    def test_it_can_be_read_by_everybody(self):
        self.assertEqual(accessibility.problems(self.browser), [])
        self.assertEqual(self.browser.run("return [...document.images].filter(i => !i.alt).length"), 0)
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('svg')]"
                                          ".filter(s => !s.ariaHidden && !s.ariaLabel).length"), 0)

    def test_a_page_of_2000_slides_opens(self):
        out = self.root / "many"
        (out / ".flowrun/done").mkdir(parents=True)
        for name in ("summary.json", "series.json"):
            shutil.copy(self.out / ".flowrun" / name, out / ".flowrun")
        entry = (self.out / ".flowrun/done/slides.a2.json").read_text()
        shutil.copytree(self.out / "a2", out / "a2")
        for i in range(2000):
            name = f"case {i:05}"
            (out / f".flowrun/done/slides.{name}.json").write_text(entry.replace('"scope": "a2"', f'"scope": "{name}"'))
        self.assert_ended(flowrun("report", out), DONE)
        began = time.monotonic()
        self.browser.open(out / "report.html")
        shown = self.browser.run(SHOWN)
        print(f"2,000 slides, opened in {time.monotonic() - began:.1f} s", flush=True)
        self.assertEqual(len(shown), 2000)
        self.assertEqual(self.browser.console(), [])


if __name__ == "__main__":
    browser.main()

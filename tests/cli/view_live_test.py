#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The viewer's page in a real browser while a run goes on, from before its first slide to its end."""
import time

import accessibility
import browser
from browser import Browser
from held_run import NAMES, HeldRunTest, told
from view_server import Server


def in_bytes(number):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            return f"{float(f'{number:.3g}'):g} {unit}"
        number /= 1024


class ViewLive(HeldRunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        super().tearDownClass()

    def text(self, selector):
        return self.browser.run("return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility())"
                                ".map(e => e.textContent)", selector)

    def wait_for(self, condition, what):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, (what, self.text("#runs, #name, #slides"), self.browser.console()))
            time.sleep(0.1)

    def shows(self, status):
        memory = f"{in_bytes(status['leased_bytes'])} of {in_bytes(status['memory_bytes'])} in flight"
        return (status["leased_bytes"] > 0 and self.text(".memory")[0].startswith(memory) and
                self.text(".work") == [f"In work: {', '.join(status['scopes_in_work'])}"])

    def is_drawn(self):
        return self.browser.run("return document.querySelector('.leaflet-tile-loaded') !== null && "
                                "document.querySelector('.leaflet-tile:not(.leaflet-tile-loaded)') === null")

    def test_a_run_from_start_to_end(self):
        out, process, go = self.held()
        with Server(out) as server:
            self.browser.open(server.link)
            self.wait_for(lambda: any("running" in text for text in self.text("#told")), "the run is told")
            self.browser.run("window.neverLoadedAgain = true")
            status = told(out)
            self.assertEqual(self.text("#name"), ["No slide is done yet"])
            self.assertEqual(self.text("#told"), ["held: running, 1 failure"])
            self.assertEqual(self.text("#runs summary"),
                             [f"held on {status['host']}, process {process.pid}: running"])
            self.assertEqual(self.text(".scopes"), ["1 of 4 slides"])
            self.wait_for(lambda: self.shows(told(out)), "memory and slides in work")
            self.assertEqual(self.text(".nodes th"), ["slides", "tiles", "wait", "files"])
            (failure,) = status["failures"]
            self.assertEqual(self.text(".failures li"), [f"0_torn: slides: {failure['message']}"])
            self.assertEqual(accessibility.problems(self.browser), [])
            beats = status["beats"]
            self.wait_for(lambda: told(out)["beats"] > beats + 1, "it goes on telling")
            go.touch()
            process.communicate(timeout=120)
            self.wait_for(lambda: self.text("#slides a") == NAMES, "slides are listed as they get done")
            self.wait_for(lambda: self.text("#told") == ["held: failed, 1 failure"], "the end is told")
            self.assertEqual(self.text(".scopes"), ["4 of 4 slides"])
            tiles = sum(len((out / name / "tiles.csv").read_text().splitlines()) - 1 for name in NAMES)
            self.assertEqual(self.text(".speed")[0].split(", ")[0], f"{tiles} tiles")
            self.assertEqual(self.text(".work"), [])
            self.assertEqual(self.text(".failures li"), [f"0_torn: slides: {failure['message']}"])
            self.wait_for(self.is_drawn, "the first slide is opened")
            self.assertIn(self.text("#name")[0], NAMES)
            self.assertEqual(self.browser.console(), [])
            self.browser.run("location.hash = 'slide=1'")
            named = server.json("/slides.json")[1]
            self.wait_for(lambda: self.text("#name") == [named] and self.is_drawn(), "another is opened")
            self.assertTrue(self.browser.run("return window.neverLoadedAgain"))
            self.assertEqual(accessibility.problems(self.browser), [])
            self.assertEqual(self.browser.console(), [])

    def test_a_run_that_is_gone(self):
        out, process, _ = self.held()
        with Server(out) as server:
            self.browser.open(server.link)
            self.wait_for(lambda: self.text("#told") == ["held: running, 1 failure"], "the run is told")
            process.kill()
            process.communicate()
            self.wait_for(lambda: "gone without a word" in self.text("#told")[0], "it is gone")
            self.assertEqual(self.browser.console(), [])


if __name__ == "__main__":
    browser.main()

# SPDX-License-Identifier: Apache-2.0
"""A run that waits, with a slide that failed and others in work, until a test lets it go on."""
import json
import time

import support
from support import settings, start, synth

GRAPH = """\
flowrun: 1
name: held
params: {slides: slides, out: out, go: go}
nodes:
  slides: {type: read, path: "${slides}"}
  tiles: {type: extract, from: slides, size: 256, stride: 256}
  wait: {type: slow_tiles, from: tiles, until: "${go}"}
  files: {type: save, from: {tile: wait, slide: slides}, dir: "${out}", format: none}
"""
NAMES = ["a", "b", "c"]


def told(out, room=""):
    return json.loads((out / ".flowrun" / room / "status.json").read_text())


def wait_until_told(process, out, wanted, room=""):
    """Until what it tells is as wanted."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            if wanted(told(out, room)):
                return
        except FileNotFoundError:
            pass
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"it told nothing: {process.communicate()}")


class SmallSlidesTest(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.slides = cls.root / "slides"
        for seed, name in enumerate(NAMES):
            synth(cls.slides / f"{name}.svs", 1500, 1200, seed)


class HeldRunTest(SmallSlidesTest):
    def arguments(self, out, *more, slides=None, go=None):
        return [self.write(GRAPH), "--plugin-dir", support.test_plugins(), *more,
                *settings(slides=slides or self.slides, out=out, go=go or self.root)]

    def held(self):
        """The output folder, the process and the file that lets it go on; the slide "0_torn" has failed."""
        slides = self.fresh("with_torn")
        slides.mkdir()
        for name in NAMES:
            (slides / f"{name}.svs").symlink_to(self.slides / f"{name}.svs")
        (slides / "0_torn.svs").write_bytes(b"no slide")
        out, go = self.fresh(), self.fresh("go")
        process = start(*self.arguments(out, "--threads", 2, slides=slides, go=go))
        self.addCleanup(self.end, process)
        wait_until_told(process, out, lambda run: run["scopes_in_work"] and run["failure_count"])
        return out, process, go

    def end(self, process):
        process.kill()
        process.communicate()

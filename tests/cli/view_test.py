#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`flowrun view`: the tiles that it serves are the slide's, what lies over them are the run's files, and nothing else can
be had from it."""
import concurrent.futures
import csv
import http.client
import io
import math
import os
import random
import re
import shutil
import subprocess
import sys
import time

import numpy
import openslide
import PIL.Image

import support
from support import extract, flowrun, synth
from view_page import add_attention
from view_server import Server


class View(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.slide = synth(cls.root / "slides/demo.svs", 3000, 2500)
        cls.out = cls.root / "out"
        ended = flowrun(*extract(cls.slide, cls.out, "--quiet"))
        assert ended.code == 0, ended.err
        (cls.root / "secret.txt").write_text("secret")

    def expected(self, level_0, k, x, y):
        """The tile by area averages of OpenSlide's level 0: blocks of 2^k pixels, white beyond the edge."""
        side = 256 << k
        part = level_0[y * side:(y + 1) * side, x * side:(x + 1) * side].astype(float)
        rows, columns = (part.shape[0] >> k), (part.shape[1] >> k)
        return part[:rows << k, :columns << k].reshape(rows, 1 << k, columns, 1 << k, 3).mean(axis=(1, 3))

    def test_tiles_are_the_slides(self):
        slide = openslide.OpenSlide(self.slide)
        level_0 = numpy.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))
        with Server(self.slide) as server:
            for k, x, y in ((0, 3, 4), (0, 11, 9), (1, 2, 2), (2, 1, 1), (4, 0, 0)):
                status, headers, body = server.get(f"/slides/0/{k}/{x}/{y}.jpg")
                self.assertEqual((status, headers["Content-Type"]), (200, "image/jpeg"))
                tile = PIL.Image.open(io.BytesIO(body))
                self.assertEqual(tile.size, (256, 256))
                expected = self.expected(level_0, k, x, y)
                found = numpy.asarray(tile).astype(float)[:expected.shape[0], :expected.shape[1]]
                self.assertLess(abs(found - expected).mean(), 4, (k, x, y))
                # A pixel off would be seen: the tile fits its own place better than one beside it.
                moved = abs(numpy.roll(found, 1, axis=1) - expected).mean()
                self.assertLess(abs(found - expected).mean(), moved, (k, x, y))
            for path in ("/slides/0/0/12/0.jpg", "/slides/0/0/0/10.jpg", "/slides/0/31/0/0.jpg", "/slides/1/0/0/0.jpg"):
                self.assertEqual(server.get(path)[0], 404, path)

    def test_mpp_is_the_runs(self):
        """By it the page knows how wide tiles are."""
        graph = self.write("""\
flowrun: 1
nodes:
  slides: {type: read, path: SLIDE, mpp: 0.125}
  tiles: {type: extract, from: slides, size: 256, mpp: 0.25}
  files: {type: save, from: {tile: tiles, slide: slides}, dir: OUT, format: none}
""".replace("SLIDE", str(self.slide)).replace("OUT", str(self.root / "other_mpp")))
        self.assert_ended(flowrun(graph, "--quiet"), support.DONE)
        with Server(self.root / "other_mpp") as server:
            facts = server.json("/slides/0.json")
            self.assertEqual(facts["mpp"], 0.125)
            table = server.get(f"/slides/0/layers/{facts['layers'].index('tiles.csv')}")[2].decode().splitlines()
        rows = list(csv.DictReader(table))
        self.assertEqual({(row["size"], float(row["mpp"])) for row in rows}, {("256", 0.25)})
        places = sorted({int(row["x"]) for row in rows})
        self.assertEqual({b - a for a, b in zip(places, places[1:])}, {256 * 0.25 / facts["mpp"]})

    def test_facts_are_openslides(self):
        slide = openslide.OpenSlide(self.slide)
        with Server(self.slide) as server:
            self.assertEqual(server.json("/slides.json"), ["demo"])
            facts = server.json("/slides/0.json")
        self.assertEqual((facts["width"], facts["height"]), slide.dimensions)
        self.assertEqual(facts["downsamples"], list(slide.level_downsamples))
        self.assertAlmostEqual(facts["mpp"], float(slide.properties[openslide.PROPERTY_NAME_MPP_X]))
        self.assertEqual(facts["layers"], [])

    def test_layers_are_the_runs_files(self):
        os.symlink(self.root / "secret.txt", self.out / "demo/link.geojson")
        try:
            with Server(self.out) as server:
                self.assertEqual(server.json("/slides.json"), ["demo"])
                layers = server.json("/slides/0.json")["layers"]
                self.assertEqual(layers, ["mask.png", "tiles.csv"])
                for number, name in enumerate(layers):
                    self.assertEqual(server.get(f"/slides/0/layers/{number}")[2], (self.out / "demo" / name).read_bytes())
                self.assertEqual(server.get("/slides/0/layers/2")[0], 404)
        finally:
            (self.out / "demo/link.geojson").unlink()

    def test_the_page_is_served_whole_and_asks_nobody_else(self):
        with Server(self.slide) as server:
            status, headers, page = server.get("/")
            self.assertEqual(status, 200)
            self.assertIn("default-src 'none'; script-src 'self'", headers["Content-Security-Policy"])
            files = re.findall(r'(?:src|href)="([^"]+)"', page.decode())
            self.assertIn("app.js", files)
            for name in [*files, "layers.js", "live.js"]:
                status, headers, body = server.get(f"/{name}")
                self.assertEqual(status, 200, name)
                if not name.startswith("leaflet"):
                    self.assertNotRegex(body.decode(), r"https?://", name)
            length = int(server.get("/app.js", "HEAD")[1]["Content-Length"])
            self.assertEqual(server.get("/app.js", "HEAD")[2], b"")
            self.assertEqual(length, len(server.get("/app.js")[2]))

    def test_only_loopback_names_are_served(self):
        with Server(self.slide) as server:
            for host, status in ((f"localhost:{server.port}", 200), (f"127.0.0.1:{server.port}", 200),
                                 (f"evil.example:{server.port}", 403), ("localhost", 403), ("", 403)):
                self.assertEqual(server.get("/slides.json", headers={"Host": host})[0], status, host)

    def test_other_machines_need_the_token(self):
        with Server(self.slide, "--host", "127.0.0.1") as server:
            token = re.fullmatch(r"http://127\.0\.0\.1:\d+/([0-9a-f]{32})/", server.link)[1]
            self.assertEqual(server.get(f"/{token}/slides.json")[0], 200)
            for path in ("/", "/slides.json", f"/{token}", f"/{token[:-1]}/slides.json", f"/{'0' * 32}/slides.json",
                         f"//{token}/slides.json"):
                self.assertEqual(server.get(path)[0], 403, path)

    def test_nothing_else_can_be_had(self):
        methods = ("POST", "PUT", "DELETE", "OPTIONS", "PATCH")
        paths = ["/../secret.txt", "/%2e%2e/secret.txt", "/slides/../../secret.txt", "/slides/0/layers/../../../secret.txt",
                 "/slides/0/layers/%30", "//secret.txt", f"{self.root}/secret.txt", "/app.js/..", "/slides/0x0.json",
                 "/slides/-1.json", "/slides/99999999999999999999.json", "/slides/1.json", "/app.js?x", "/slides/0/layers/", "/slides/0/layers/1/tiles/0/../secret.txt", "/live/", "/live/-1", "/live/0/0",
                 "/slides/0/cut/0/0/0/256/256.png/..", "/slides/0/cut/0/0/0/256/"]
        with Server(self.out) as server:
            for path in paths:
                self.assertEqual(server.get(path)[0], 404, path)
            for method in methods:
                self.assertEqual(server.get("/", method)[0], 405, method)
            host = f"Host: localhost:{server.port}\r\n".encode()
            for text, status in ((b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\n" + host + b"\r\n", b"431"),
                                 (b"GET / HTTP/1.1\r\n" + host + b"X: y\r\n" * 5000 + b"\r\n", b"431"),
                                 (b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 9\r\n\r\n123456789", b"400"),
                                 (b"nonsense\r\n\r\n", b"400")):
                self.assertIn(server.raw(text)[9:12], (status, b""), text[:40])
            seed = random.Random(1)
            parts = ["..", "%2e", "/", "slides", "0", "1", "layers", "tiles", "cut", "live", ".jpg", ".png", ".json",
                     "secret.txt", "\\", "%00", "\x01", "é", "?", "#", " "]
            for _ in range(10000 if support.LONG else 500):
                text = "GET /" + "".join(seed.choices(parts, k=seed.randrange(9))) + " HTTP/1.1\r\n"
                body = bytearray(text.encode() + host + b"\r\n")
                for _ in range(seed.randrange(3)):
                    body[seed.randrange(len(body))] = seed.randrange(256)
                self.assertNotIn(b"secret\n", server.raw(bytes(body)) + b"\n")
            self.assertEqual(server.get("/slides.json")[0], 200)
        self.assertEqual(server.process.returncode, 0, server.err)

    def test_fifty_clients_that_pan(self):
        """Each moves a window over the slide, and at times zooms; of all no answer is an error, and memory is bounded."""
        seconds = 60 if support.LONG else 5
        slide = synth(self.root / "large.svs", 20000, 16000) if support.LONG else self.slide
        with Server(slide) as server:
            facts = server.json("/slides/0.json")
            end = time.monotonic() + seconds
            times, peaks = [], []

            def columns_and_rows(k):
                return [math.ceil(facts[side] / 2 ** k / 256) for side in ("width", "height")]

            def pan(seed):
                rng = random.Random(seed)
                k = x = y = 0
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
                while time.monotonic() < end:
                    if rng.random() < 0.1:
                        k = rng.randrange(6)
                    columns, rows = columns_and_rows(k)
                    x, y = (x + rng.randrange(-1, 2)) % columns, (y + rng.randrange(-1, 2)) % rows
                    for row in range(y, min(y + 3, rows)):
                        for column in range(x, min(x + 4, columns)):
                            before = time.monotonic()
                            connection.request("GET", f"/slides/0/{k}/{column}/{row}.jpg")
                            response = connection.getresponse()
                            body = response.read()
                            times.append(time.monotonic() - before)
                            if response.status != 200 or body[:2] != b"\xff\xd8":
                                return f"{k} {column} {row}: {response.status} {body[:100]}"
                    peaks.append(server.rss())
                connection.close()
                return None

            with concurrent.futures.ThreadPoolExecutor(50) as clients:
                self.assertEqual([problem for problem in clients.map(pan, range(50)) if problem], [])
            times.sort()
            print(f"{len(times)} tiles for 50 clients in {seconds} s: the median after {1000 * times[len(times) // 2]:.0f} "
                  f"ms, the 95th percentile after {1000 * times[int(0.95 * len(times))]:.0f} ms; at most "
                  f"{max(peaks) >> 20} MiB of RSS", file=sys.stderr)
            if not support.sanitized():
                self.assertLess(max(peaks), 400 << 20)

    def test_ten_thousand_slides_are_listed_and_opened_when_asked_for(self):
        folder = self.fresh("many")
        folder.mkdir()
        for number in range(9999):
            (folder / f"s{number:05}.svs").write_bytes(b"")
        os.link(self.slide, folder / "t.svs")
        with Server(folder) as server:
            names = server.json("/slides.json")
            self.assertEqual((len(names), names[0], names[-1]), (10000, "s00000", "t"))
            self.assertEqual(server.json("/slides/9999.json")["width"], 3000)
            status, _, body = server.get("/slides/0.json")
            self.assertEqual(status, 500)
            self.assertIn("s00000.svs", body.decode())

    def test_a_program_without_the_plugin_says_so(self):
        bare = self.fresh("bare")
        shutil.copytree(support.BUILD / "bin", bare / "bin")
        (bare / "lib").mkdir()
        for library in (support.BUILD / "lib").glob("libflowrun.so*"):
            shutil.copy(library, bare / "lib", follow_symlinks=False)
        done = subprocess.run([bare / "bin/flowrun", "view", self.slide], capture_output=True, text=True,
                              env=support.environment())
        self.assertEqual((done.returncode, done.stderr), (support.USAGE,
                         "error: 'view' needs flowrun's plugin view, which is not here; build flowrun with it "
                         "(FLOWRUN_PLUGINS), see flowrun plugins\n"))

    def test_mistakes_are_told(self):
        nothing = self.fresh("nothing")
        (nothing / ".flowrun/done").mkdir(parents=True)
        self.assert_ended(flowrun("view", nothing), support.FAILED, f"{nothing}: no run has finished a slide")
        add_attention(self.fresh("features"), "demo")
        self.assert_ended(flowrun("view", self.root / f"features{self.number}"), support.FAILED,
                          "what is there was made of files of features; give the slides")
        self.assert_ended(flowrun("view"), support.USAGE, "PATH is required")
        self.assert_ended(flowrun("view", "--host", "nowhere", self.slide), support.FAILED, "nowhere port 0 cannot be listened at")


if __name__ == "__main__":
    support.main()

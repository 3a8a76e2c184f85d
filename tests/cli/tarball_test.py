#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The packed folder runs in a root that has nothing but glibc, and gives what the program gives that was built."""
import os
import pathlib
import shutil
import subprocess
import unittest

import openslide
import support
from mirax import write_mirax
from view_server import Server

MOST_BYTES = 55 * 2**20


@unittest.skipIf(support.sanitized(), "sanitizers' libraries are not packed")
class Tarball(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        packed = subprocess.run(["cpack", "--config", support.BUILD / "CPackConfig.cmake", "-G", "TZST", "-B", cls.root],
                                capture_output=True, text=True)
        if packed.returncode != 0:
            raise AssertionError(packed.stdout + packed.stderr)
        cls.tarball, = cls.root.glob("flowrun-*-linux-x86_64.tar.zst")
        cls.bare = cls.root / "bare"
        cls.unpacked = cls.bare / "some where"
        cls.unpacked.mkdir(parents=True)
        subprocess.run(["tar", "xf", cls.tarball, "-C", cls.unpacked, "--strip-components=1"], check=True)
        for file in subprocess.run(["dpkg", "-L", "libc6"], capture_output=True, text=True, check=True).stdout.split():
            if "/ld-linux" in file or ".so" in file and os.path.isfile(file):
                to = cls.bare / file[1:]
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, to)
        for folder in ("proc", "tmp", "slides"):
            (cls.bare / folder).mkdir()

    def entering(self, *arguments):
        """The command that runs the unpacked program where nothing else is."""
        enter = 'mount --rbind /proc "$0/proc" && exec chroot "$0" "/some where/bin/flowrun" "$@"'
        return ["unshare", "--map-root-user", "--mount", "sh", "-c", enter, self.bare, *arguments]

    def in_bare(self, *arguments):
        return subprocess.run(self.entering(*arguments), capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"]}, timeout=180)

    def setUp(self):
        if subprocess.run(["unshare", "--map-root-user", "--mount", "true"], capture_output=True).returncode != 0:
            self.skipTest("namespaces of users are not allowed here, so there is no bare root")

    def test_size(self):
        self.assertLess(self.tarball.stat().st_size, MOST_BYTES)

    def test_slides_in_a_bare_root(self):
        slides = self.bare / "slides"
        support.synth(slides / "jpeg.svs", 2000, 1500)
        with openslide.OpenSlide(str(slides / "jpeg.svs")) as slide:
            write_mirax(slides / "bmp.mrxs", slide.read_region((256, 0), 0, (1536, 1280)).convert("RGB"))
        for slide in support.real_slides():
            shutil.copy(slide, slides)
        ran = self.in_bare("/some where/share/flowrun/graphs/extract.yaml", "--set", "slides=/slides", "--set", "out=/tmp/out")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assert_ended(support.flowrun(self.unpacked / "share/flowrun/graphs/extract.yaml",
                                          *support.settings(slides=slides, out=self.root / "out")), support.DONE)
        found = support.outputs(self.bare / "tmp/out")
        self.assertEqual(found, support.outputs(self.root / "out"))
        for name in ("bmp", "jpeg"):
            self.assertTrue([path for path in found if f"{name}_x" in str(path)], found.keys())

    def test_a_slide_is_looked_at_in_a_bare_root(self):
        support.synth(self.bare / "slides/looked_at.svs", 2000, 1500)
        with Server(command=self.entering("view", "--no-browser", "/slides/looked_at.svs")) as server:
            self.assertEqual(server.get("/leaflet.js")[2], pathlib.Path("/usr/share/javascript/leaflet/leaflet.js").read_bytes())
            self.assertEqual(server.json("/slides/0.json")["width"], 2000)
            self.assertEqual(server.get("/slides/0/0/1/1.jpg")[0], 200)
        (self.bare / "slides/looked_at.svs").unlink()

    def test_licences(self):
        folder = self.unpacked / "share/doc/flowrun"
        listed = (folder / "LICENCES").read_text()
        for package in ("libopenslide0", "libstdc++6", "libopencv-core406", "libjs-leaflet"):
            if f"licences/{package}:" not in listed:
                continue
            self.assertEqual((folder / "licences" / package).read_bytes(),
                             pathlib.Path(f"/usr/share/doc/{package}/copyright").read_bytes())
        self.assertEqual({path.name for path in (folder / "licences").iterdir()},
                         {line.split(":")[0].removeprefix("licences/") for line in listed.splitlines()
                          if line.startswith("licences/")})
        for package in ("libopenslide0", "libjs-leaflet"):
            self.assertIn(f"licences/{package}: {package} ", listed)


if __name__ == "__main__":
    support.main()

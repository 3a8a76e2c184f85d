#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's packages: what is in which, on what they depend. With FLOWRUN_LONG the steps of the Containerfile are run in
bare systems, which needs root, debootstrap and the network, and takes an hour."""
import itertools
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import unittest

import support


def call(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def stages():
    """The steps of the Containerfile, as pairs of an instruction and what it gets, by stage."""
    lines = [line for line in (support.SOURCE / "Containerfile").read_text().splitlines()
             if line and not line.startswith("#")]
    found = []
    for line in lines:
        instruction, rest = line.split(" ", 1)
        if instruction == "FROM":
            found.append([])
        else:
            found[-1].append((instruction, rest))
    return found


@unittest.skipIf(support.sanitized(), "packages are of releases")
class Packages(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        call("cpack", "--config", support.BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", cls.root / "debs")
        cls.debs = {deb.name.split("_")[0]: deb for deb in (cls.root / "debs").glob("*.deb")}
        cls.files = {}
        for name, deb in cls.debs.items():
            call("dpkg-deb", "-x", deb, cls.root / name)
            cls.files[name] = {str(path.relative_to(cls.root / name)) for path in (cls.root / name).rglob("*")
                               if not path.is_dir() or path.is_symlink()}

    def test_what_is_in_which(self):
        self.assertEqual(set(self.debs), {"flowrun", "flowrun-torch", "flowrun-view", "flowrun-dev"})
        for name, files in (("flowrun", ("bin/flowrun", "lib/flowrun/wsi.so", "lib/flowrun/wsi.json",
                                         "share/flowrun/graphs/extract.yaml", "share/man/man1/flowrun.1.gz",
                                         "share/bash-completion/completions/flowrun")),
                            ("flowrun-torch", ("lib/flowrun/torch.so", "lib/flowrun/torch.json")),
                            ("flowrun-view", ("lib/flowrun/view.so", "lib/flowrun/view.json", "share/flowrun/view/index.html",
                                              "share/flowrun/view/leaflet.js", "share/flowrun/view/leaflet.css")),
                            ("flowrun-dev", ("include/flowrun/plugin.h", "include/flowrun/wsi/tile.h", "lib/libflowrun.so",
                                             "lib/cmake/flowrun/flowrunConfig.cmake",
                                             "share/flowrun/templates/plugin/plugin.cpp"))):
            for file in files:
                self.assertIn(f"usr/{file}", self.files[name])
            self.assertIn(f"usr/share/doc/{name}/copyright", self.files[name])
        for one, other in itertools.combinations(self.files, 2):
            self.assertEqual(self.files[one] & self.files[other], set())

    def test_leaflet_is_debians(self):
        """A link that leads to a file of the package that flowrun-view depends on."""
        listed = call("dpkg", "-L", "libjs-leaflet").splitlines()
        for name in ("leaflet.js", "leaflet.css"):
            self.assertIn(os.readlink(self.root / "flowrun-view/usr/share/flowrun/view" / name), listed)

    def test_dependencies(self):
        version = call("dpkg-deb", "-f", self.debs["flowrun"], "Version").strip()
        for name, needed in (("flowrun", ("libopenslide", "libtbb")), ("flowrun-torch", ("libtorch",)),
                             ("flowrun-view", ("libjs-leaflet",)), ("flowrun-dev", ())):
            depends = call("dpkg-deb", "-f", self.debs[name], "Depends")
            if name != "flowrun":
                self.assertIn(f"flowrun (= {version})", depends)
            for package in needed:
                self.assertIn(package, depends)
            self.assertNotIn("-dev" if name != "flowrun-dev" else "libtorch", depends)

    def test_no_paths_of_their_own(self):
        for name in ("flowrun", "flowrun-torch", "flowrun-view"):
            for file in self.files[name]:
                if re.search(r"\.so[.\d]*$|bin/", file):
                    self.assertNotIn("PATH)", call("readelf", "-d", self.root / name / file), file)

    @unittest.skipUnless(support.LONG and os.geteuid() == 0 and shutil.which("debootstrap"),
                         "the Containerfile's steps are run with FLOWRUN_LONG=1, by root, where there is debootstrap")
    def test_containerfile(self):
        """tools/in_debian.sh brings the checkout to /flowrun, as the first stage's COPY and WORKDIR do."""
        place = pathlib.Path(os.environ.get("TMPDIR", "/var/tmp"))
        roots = [place / f"flowrun-container-{os.getpid()}-{number}" for number in range(2)]
        in_debian = lambda root, command: call(support.SOURCE / "tools/in_debian.sh", "--keep", root, "bookworm", "sh", "-c", command)
        try:
            first, second = stages()
            self.assertEqual([step for step in first if step[0] != "RUN"], [("COPY", ". /flowrun"), ("WORKDIR", "/flowrun")])
            for _, command in (step for step in first if step[0] == "RUN"):
                in_debian(roots[0], command)
            in_debian(roots[1], "true")
            for instruction, rest in second:
                if instruction == "RUN":
                    in_debian(roots[1], rest)
                elif instruction == "COPY":
                    source, *patterns, to = shlex.split(rest)
                    self.assertEqual(source, "--from=build")
                    (roots[1] / to[1:]).mkdir(parents=True)
                    for pattern in patterns:
                        for file in roots[0].glob(pattern[1:]):
                            shutil.copy(file, roots[1] / to[1:])
                else:
                    self.assertEqual((instruction, rest), ("ENTRYPOINT", '["flowrun"]'))
            in_debian(roots[1], "! command -v cc g++ cmake && flowrun --version && flowrun synth /tmp/a.svs --width 3000 --height 2000 "
                                "&& flowrun /usr/share/flowrun/graphs/extract.yaml --set slides=/tmp/a.svs --set out=/tmp/out "
                                "&& ls /tmp/out/a/tiles.csv && flowrun nodes train")
        finally:
            for root in roots:
                shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    support.main()

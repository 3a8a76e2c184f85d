#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plugins/torch against an installed flowrun: what cannot work is said when it is configured. With FLOWRUN_LONG it is
built, too, and trains."""
import shutil
import subprocess
import unittest

import support


@unittest.skipIf(support.sanitized(), "the same with a sanitizer")
class TorchOutside(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prefix = cls.root / "prefix"
        subprocess.run(["cmake", "--install", support.BUILD, "--prefix", cls.prefix], check=True, capture_output=True)

    def configure(self, *more, tree=support.SOURCE, build=None):
        """Returns whether CMake configured the plugin, and what it said, in one line."""
        done = subprocess.run(["cmake", "-S", tree / "plugins/torch", "-B", build or self.fresh("build"), "-G", "Ninja",
                               "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache",
                               f"-DCMAKE_PREFIX_PATH={self.prefix}", *more], capture_output=True, text=True)
        return done.returncode == 0, " ".join((done.stdout + done.stderr).split())

    def libtorch(self, config, version="2.6.0"):
        """A folder with what CMake sees of a libtorch."""
        folder = self.fresh("libtorch")
        folder.mkdir()
        (folder / "TorchConfig.cmake").write_text("add_library(torch INTERFACE IMPORTED)\n" + config)
        (folder / "TorchConfigVersion.cmake").write_text(
            f"set(PACKAGE_VERSION {version})\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n")
        return f"-DTorch_DIR={folder}"

    def test_debians(self):
        build = self.fresh("build")
        done, said = self.configure(build=build)
        self.assertTrue(done, said)
        self.assertRegex(said, r"-- libtorch [\d.]+\S* on cpu in /\S+, compiler gxx-abi\d+-libstdcxx\d+-cxx11abi1 ")
        if support.LONG:
            subprocess.run(["cmake", "--build", build], check=True)
            subprocess.run(["cmake", "--install", build, "--prefix", self.prefix], check=True, capture_output=True)
            self.assertIn("libtorch", subprocess.run([self.prefix / "bin/flowrun", "--version"], capture_output=True,
                                                     text=True, check=True).stdout)

    def test_the_other_string(self):
        done, said = self.configure(self.libtorch('set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")\n'))
        self.assertFalse(done)
        self.assertIn("was built with _GLIBCXX_USE_CXX11_ABI=0, the C++ ABI of before 2015, and flowrun with 1", said)

    def test_too_old(self):
        done, said = self.configure(self.libtorch("", "1.12.1"))
        self.assertFalse(done)
        self.assertRegex(said, r"The libtorch in /\S+/libtorch\d+ is 1.12.1; the plugin needs 1.13 or later")

    def test_what_does_not_link(self):
        done, said = self.configure(self.libtorch(""))
        self.assertFalse(done)
        self.assertRegex(said, r"A program with the libtorch in /\S+/libtorch\d+ and flowrun does not build with /\S+ [\d.]+:")

    def test_another_compiler(self):
        done, said = self.configure("-DCMAKE_CXX_FLAGS=-fabi-version=11")
        self.assertFalse(done)
        self.assertRegex(said, r"makes gxx-abi1011-libstdcxx\d+-cxx11abi1, and flowrun is gxx-abi\d+-libstdcxx\d+-cxx11abi1:")

    def test_another_checkout(self):
        tree = self.fresh("tree")
        for folder in ("cmake", "core/include", "nodes", "plugins/torch"):
            shutil.copytree(support.SOURCE / folder, tree / folder)
        (tree / "nodes/base/random.h").write_text("// another\n")
        done, said = self.configure(tree=tree)
        self.assertFalse(done)
        self.assertRegex(said, r"This checkout is not the one that the flowrun in /\S+ was built from: headers below nodes/ have "
                               r"the hash \w{16}, there \w{16}\.")


if __name__ == "__main__":
    support.main()

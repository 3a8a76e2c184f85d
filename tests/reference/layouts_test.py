#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The parts of CLAM's, TRIDENT's and STAMP's layouts besides places: attributes of pixels, lists and names of slides,
microns; opened with h5py, written by it as those tools do, and read back.

usage: layouts_test.py --build BUILD_FOLDER
"""
import csv
import os
import pathlib
import tempfile

import cv2
import h5py
import numpy as np
import openslide

from layouts import CLAM, GEOJSON, INT, STAMP, TEXT, TRIDENT, LayoutTest, attribute_types, main


class Layouts(LayoutTest):
    def test_attributes_of_pixels(self):
        """What CLAM's initialize_hdf5_bag writes and StitchPatches reads; the picture is put together as there."""
        out = self.run_graph(CLAM.format(", pixels: true"), tiles="size: 160")
        slide = openslide.OpenSlide(self.slide)
        with h5py.File(os.path.join(out, "clam/patches/slide 1.h5"), "r") as file:
            images, coords = file["imgs"], file["coords"][:]
            pair = ((2,), "<i8")
            self.assertEqual(attribute_types(images), {
                "patch_level": INT, "downsample": ((2,), "<f8"), "level_dim": pair, "downsampled_level_dim": pair,
                "wsi_name": TEXT})
            self.assertEqual((images.attrs["wsi_name"], images.attrs["patch_level"]), ("slide 1", 0))
            width, height = images.attrs["downsampled_level_dim"]
            self.assertEqual((width, height), slide.dimensions)
            canvas = np.zeros((height // 16, width // 16, 3), np.uint8)
            for image, (x, y) in zip(images, (coords / 16).astype(np.int32)):
                canvas[y:y + 10, x:x + 10] = cv2.resize(image, (10, 10))[:canvas.shape[0] - y, :canvas.shape[1] - x]
            whole = np.array(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))
            expected = cv2.resize(whole[:height // 16 * 16, :width // 16 * 16], canvas.shape[1::-1])
            shown = canvas.any(axis=2)
            self.assertGreater(shown.sum(), 1000)
            self.assertLess(np.abs(canvas[shown].astype(int) - expected[shown]).mean(), 2)
        out = self.run_graph(TRIDENT.format(", pixels: true"), tiles="size: 160")
        with h5py.File(os.path.join(out, "trident/patches/slide 1_patches.h5"), "r") as file:
            self.assertEqual(dict(file["imgs"].attrs), {})

    def test_process_list(self):
        """As CLAM's feature script reads it (extract_features_fp.py), after runs over parts of a cohort."""
        columns = ("slide_id,process,status,seg_level,sthresh,mthresh,close,use_otsu,keep_ids,exclude_ids,a_t,a_h,"
                   "max_n_holes,vis_level,line_thickness,use_padding,contour_fn").split(",")
        cohort = os.path.join(self.folder, "cohort")
        self.synth(*(os.path.join(cohort, place) for place in (
            "1/a.svs", "1/b, c.svs", "2/d.svs", "2/e_patches.svs", "3/x.svs", "3/x.tif")))
        self.synth(os.path.join(cohort, "2/small.svs"), width=100)  # without tiles
        both = CLAM.format(", process_list: true") + TRIDENT.replace("dir: trident", "dir: clam").format("")
        out, done = self.graph(both, slide=os.path.join(cohort, "1"))
        self.assertEqual(done.returncode, 0, done.stderr)

        def listed():
            with open(os.path.join(out, "clam/process_list_autogen.csv"), newline="") as file:
                rows = list(csv.DictReader(file))
            self.assertEqual(list(rows[0]), columns)
            self.assertTrue(all((row["process"], row["status"]) == ("0", "processed") for row in rows))
            self.assertTrue(all(row[name] == "" for row in rows for name in columns[3:]))
            for row in rows:
                file = os.path.join(out, "clam/patches", row["slide_id"].split(".svs")[0] + ".h5")
                self.assertEqual(os.path.exists(file), row["slide_id"] != "x.svs")
            return [row["slide_id"] for row in rows]

        def with_slides(folder):
            graph = pathlib.Path(out, "graph.yaml")
            graph.write_text(graph.read_text().replace(os.path.join(cohort, with_slides.last),
                                                       os.path.join(cohort, folder)))
            with_slides.last = folder
            return self.run_again(out, expected=1 if folder == "4" else 0)
        with_slides.last = "1"

        self.assertEqual(listed(), ["a", "b, c"])
        with_slides("2")
        self.assertEqual(listed(), ["a", "b, c", "d", "e_patches"])
        os.remove(os.path.join(out, "clam/process_list_autogen.csv"))
        with_slides("2")  # all are done
        self.assertEqual(listed(), ["a", "b, c", "d", "e_patches"])
        self.assertIn("x.svs: CLAM takes the extension off and finds no patches/x.h5", str(with_slides("3")))
        self.assertEqual(listed(), ["a", "b, c", "d", "e_patches", "x.svs", "x.tif"])
        os.mkdir(os.path.join(cohort, "4"))
        pathlib.Path(cohort, "4", "broken.svs").write_text("none")
        self.synth(os.path.join(cohort, "4/good.svs"))
        with_slides("4")  # one of them fails
        self.assertEqual(listed(), ["a", "b, c", "d", "e_patches", "good", "x.svs", "x.tif"])
        _, done = self.graph(TRIDENT.format(", process_list: true"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("it is an option of layout clam", done.stderr)

    def test_long_names(self):
        """Up to 239 bytes all that is made of a slide's name fits; beyond, one message before any work."""
        folder = os.path.join(self.folder, "long")
        self.synth(os.path.join(folder, "n" * 239 + ".svs"))
        more = CLAM.format("") + TRIDENT.format("") + STAMP.format("") + GEOJSON + """\
  masks: {type: save_mask, from: {slide: slides, mask: tissue}, dir: masks}
  over: {type: overlay, from: {slide: slides, mask: tissue}, dir: over}
  zoom: {type: save_dzi, from: slides, dir: zoom}
  again: {type: extract, from: slides, size: 256, edge: pad}
  tiff: {type: save_tiff, from: {tile: again}, dir: tiff}
"""
        out = self.run_graph(more, slide=folder)
        self.assertGreater(len(self.rows(out, "n" * 239)), 3)
        self.assertTrue(os.path.exists(os.path.join(out, "tiff", "n" * 239 + ".tif")))
        for name, width, words in (
                ("w" * 239, 12000, "the name is too long: with the places of tiles it has up to 256 bytes"),
                ("v" * 246, 1500, "is too long: it has 253 bytes")):
            one = os.path.join(self.folder, name[0])
            self.synth(os.path.join(one, name + ".svs"), width=width)
            out, done = self.graph("", slide=one)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
            self.assertIn("give", done.stderr)
            self.assertEqual(done.stderr.count("error: "), 1)
            self.assertEqual(sorted(os.listdir(os.path.join(out, "files"))), [".flowrun", "report.html"])

    def test_trident_names(self):
        """TRIDENT takes both extensions off, and what it writes is read back under its name."""
        cohort = os.path.join(self.folder, "ome")
        self.synth(*(os.path.join(cohort, name) for name in ("case.ome.tif", "a.b.OME.tiff", "not.ome.svs")))
        out = self.run_graph(TRIDENT.format(""), slide=cohort, tiles="size: 256, mpp: 1")
        patches = os.path.join(out, "trident", "patches")
        self.assertEqual(sorted(os.listdir(patches)),
                         ["a.b_patches.h5", "case_patches.h5", "not.ome_patches.h5"])
        for name in ("a.b", "case", "not.ome"):
            with h5py.File(os.path.join(patches, name + "_patches.h5"), "r") as file:
                self.assertEqual(file["coords"].attrs["name"], name)
        again = self.run_graph("", slide=cohort,
                               tiles=f'size: 256, min_coverage: 0, coordinates: ["{patches}/{{slide}}_patches.h5"]')
        for name in ("a.b.OME", "case.ome", "not.ome"):
            self.assertGreater(len(self.rows(out, name)), 0)
            self.assertEqual(self.rows(again, name), self.rows(out, name))
        # Tiles of a slide that is called so are not taken for those of the .ome.tif.
        self.synth(os.path.join(cohort, "case.svs"), width=1400)
        out, done = self.graph(TRIDENT.format(""), slide=cohort)
        self.assertEqual(done.returncode, 1)
        self.assertIn("case_patches.h5", done.stderr)
        with h5py.File(os.path.join(patches, "case_patches.h5"), "a") as file:
            file["coords"].attrs["level0_width"] = 1400
        _, done = self.graph("", slide=os.path.join(cohort, "case.ome.tif"),
                             tiles=f'size: 256, coordinates: ["{patches}/{{slide}}_patches.h5"]')
        self.assertEqual(done.returncode, 1)
        self.assertIn("these are tiles of a slide of 1400 x 1500 pixels", done.stderr)

    def test_stamp(self):
        """Written and read back as STAMP's preprocessing and get_coords have it."""
        out = self.run_graph(STAMP.format(", pixels: true"), tiles="size: 224, mpp: 1.3")
        file_name = os.path.join(out, "stamp", "slide 1.h5")
        with h5py.File(file_name, "r") as file:
            coords = file["coords"]
            self.assertEqual(coords.dtype, np.float32)
            np.testing.assert_array_equal(coords[:], np.array(self.rows(out), np.float32) * np.float32(0.5))
            self.assertEqual(dict(coords.attrs), {})
            self.assertEqual(attribute_types(file), {"unit": TEXT, "feat_type": TEXT, "tile_size_px": INT,
                                                     "tile_size_um": ((), "<f8")})
            self.assertEqual((file.attrs["unit"], file.attrs["feat_type"]), ("um", "tile"))
            self.assertEqual(file.attrs["tile_size_px"], 224)
            self.assertAlmostEqual(file.attrs["tile_size_um"], 224 * 1.3, delta=1)
            self.assertEqual(file["imgs"].shape, (len(coords), 224, 224, 3))
        self.assertEqual(self.rows(self.run_graph("", tiles=f'size: 224, min_coverage: 0, coordinates: "{file_name}"')),
                         self.rows(out))
        # As STAMP writes them: places that are no whole pixels are rounded.
        def written(coords, more=(), **attributes):
            name = tempfile.mktemp(dir=self.folder, suffix=".h5")
            with h5py.File(name, "w") as file:
                file["coords"] = coords
                for dataset in more:
                    file[dataset] = np.zeros((len(coords), 8), np.float16)
                file.attrs.update(attributes)
            return name
        microns = np.array([[0, 256], [256.2, 256], [512, 255.8], [1023.9, 768]], np.float32)
        places = [(0, 512), (512, 512), (1024, 512), (2048, 1536)]
        for attributes in ({"unit": "um", "tile_size": 256.0, "tile_size_px": 224, "feat_type": "tile"},
                           {"unit": "um", "tile_size_um": 256.0, "tile_size_px": 224, "stamp_version": "2.4.0"},
                           {"tile_size_um": 256.0}):
            for kind in (np.float32, np.float64):
                name = written(microns.astype(kind), ["feats"], **attributes)
                back = self.run_graph("", tiles=f'size: 224, min_coverage: 0, coordinates: "{name}"')
                self.assertEqual(self.rows(back), places)
                with open(os.path.join(back, "files", "slide 1", "tiles.csv"), newline="") as table:
                    for row in csv.DictReader(table):
                        self.assertAlmostEqual(float(row["mpp"]), 256 / 224, 2)
        back = self.run_graph("", tiles=f'size: 224, min_coverage: 0, coordinates: "'
                              f'{written(np.array([[0, 256], [256, 512]]), tile_size_um=256.0)}"')
        self.assertEqual(self.rows(back), [(0, 512), (512, 1024)])
        for words, size, name in (
                ("these are features of STAMP that do not say", 224, written(microns.astype(int), ["feats"])),
                ("row 1: nan microns are no place", 224, written(microns * [[1], [np.nan], [1], [1]], tile_size_um=9.0)),
                ("'tile_size_um': expected", 224, written(microns, tile_size_um=0.0)),
                ("found float32", 224, written(microns, tile_size=256.0)),
                ("tiles of 512 pixels, but `size` is 224", 224, written(microns, tile_size_um=9.0, tile_size_px=512)),
                ("outside of the slide", 224, written(microns + np.float32(2000), tile_size_um=256.0))):
            _, done = self.graph("", tiles=f'size: {size}, min_coverage: 0, coordinates: "{name}"')
            self.assertEqual(done.returncode, 1, words)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    main()

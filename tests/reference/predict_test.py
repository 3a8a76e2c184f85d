#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""predict, save_predictions and export against torchvision, OpenCV and sums made here."""
import argparse
import csv
import json
import re
import resource
import signal
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import cv2
import numpy as np
import openslide
import torch
import torchvision

BUILD = None
SIDE = 96
CLASSES = ["glass", "stroma", "tumor"]

TRAIN = """flowrun: 1
nodes:
  epochs: {{type: epochs, train_csv: train.csv, count: 1, seed: 1}}
  samples: {{type: load, from: epochs, size: {side}}}
  batches: {{type: to_tensor, from: samples, batch: 4, mean: [0.6, 0.5, 0.7], std: [0.2, 0.3, 0.25]}}
  model: {{type: train, from: batches, model: {model}, seed: 1, dir: model}}
  python: {{type: export, from: model, dir: python}}
"""

PREDICT = """flowrun: 1
nodes:
  slides: {{type: read, path: "*.svs"}}
  tiles: {{type: extract, from: slides, size: {side}, stride: {stride}, level: 1}}
  predicted: {{type: predict, from: tiles, {predict}}}
  scores: {{type: save_predictions, from: {{tile: predicted, slide: slides}}, dir: out{more}}}
  files: {{type: save, from: predicted, dir: files}}
"""

BOTH = """flowrun: 1
nodes:
  epochs: {{type: epochs, train_csv: train.csv, count: {epochs}, seed: 1}}
  samples: {{type: load, from: epochs, size: 96}}
  batches: {{type: to_tensor, from: samples, batch: 4}}
  model: {{type: train, from: batches, model: both.pt, seed: 1, dir: model}}
  slides: {{type: read, path: "a.svs"}}
  tiles: {{type: extract, from: slides, size: 96, level: 1}}
  predicted: {{type: predict, from: {{tile: tiles, model: model}}}}
  scores: {{type: save_predictions, from: {{tile: predicted, slide: slides}}, dir: out}}
"""


def rows_of(table):
    with open(table, newline="") as file:
        return list(csv.DictReader(file))


class Predictions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="flowrun-predict-")
        cls.at = Path(cls.folder.name)
        for seed, name in ((1, "a"), (2, "b")):
            cls.said("synth", f"{name}.svs", "--width", 3000, "--height", 2400, "--seed", seed)
        rows = [f"a.svs,{300 * i},{200 * i},1,{CLASSES[i % 3]}" for i in range(9)]
        (cls.at / "train.csv").write_text("\n".join(["slide,x,y,level,label", *rows, ""]))
        cls.run_graph(TRAIN.format(side=SIDE, model="resnet18"))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def said(cls, *arguments, code=0):
        done = subprocess.run([BUILD / "bin/flowrun", *map(str, arguments)], cwd=cls.at, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @classmethod
    def run_graph(cls, text, *arguments, code=0):
        (cls.at / "graph.yaml").write_text(text)
        return cls.said("run", "graph.yaml", *arguments, code=code)

    def exported(self):
        network = torchvision.models.resnet18(num_classes=3).eval()
        network.load_state_dict(torch.load(self.at / "python/state_dict.pt"))
        return network

    def test_a_model_goes_to_python(self):
        facts = json.loads((self.at / "python/model.json").read_text())
        self.assertEqual(facts["classes"], CLASSES)
        self.assertEqual((facts["width"], facts["height"], facts["mean"]), (SIDE, SIDE, [0.6, 0.5, 0.7]))
        script, network = torch.jit.load(str(self.at / "python/torchscript.pt")), self.exported()
        with torch.no_grad():
            for count, side in ((1, SIDE), (5, SIDE), (2, 160)):
                images = torch.randn(count, 3, side, side)
                self.assertLess((script(images) - network(images)).abs().max(), 1e-5)
        again = TRAIN.format(side=SIDE, model="resnet18").split("  epochs:")[0]
        self.run_graph(again + "  python: {type: export, checkpoint: model/best.pt, dir: again}\n")
        for name, tensor in torch.load(self.at / "again/state_dict.pt").items():
            self.assertTrue(torch.equal(tensor, network.state_dict()[name]), name)

    def test_a_trained_script_is_exported_with_its_new_weights(self):
        torch.manual_seed(3)
        layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
                                     torch.nn.Linear(4, 3))
        torch.jit.script(layers).save(str(self.at / "own.pt"))
        self.run_graph(TRAIN.format(side=SIDE, model="own.pt").replace("dir: model", "dir: own")
                       .replace("dir: python", "dir: own_python"))
        script = torch.jit.load(str(self.at / "own_python/torchscript.pt"))
        before = layers[3].weight.clone()
        layers.load_state_dict(torch.load(self.at / "own_python/state_dict.pt"))
        self.assertGreater((layers[3].weight - before).abs().max(), 1e-5)
        with torch.no_grad():
            images = torch.randn(3, 3, SIDE, SIDE)
            self.assertLess((script(images) - layers(images)).abs().max(), 1e-5)

    def check_predictions(self, network, slide, stride):
        rows = rows_of(self.at / f"out/{slide}/predictions.csv")
        tiles = rows_of(self.at / f"files/{slide}/tiles.csv")
        self.assertGreater(len(rows), 40)
        self.assertEqual([(r["x"], r["y"]) for r in rows], [(t["x"], t["y"]) for t in tiles])
        mean, std = (np.array(n, np.float32) for n in ([0.6, 0.5, 0.7], [0.2, 0.3, 0.25]))
        pixels = np.stack([cv2.imread(str(self.at / f"files/{slide}" / tile["path"]))[:, :, ::-1] for tile in tiles])
        images = torch.from_numpy(((pixels.astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2).copy())
        with torch.no_grad():
            said = torch.cat([torch.softmax(network(some), 1) for some in images.split(16)]).numpy()
        for row, tile, expected in zip(rows, tiles, said, strict=True):
            ours = np.array([float(row[f"p_{name}"]) for name in CLASSES])
            self.assertLess(np.abs(ours - expected).max(), 1e-5)
            self.assertEqual(row["predicted"], CLASSES[int(ours.argmax())])
            self.assertEqual([tile[f"p_{name}"] for name in CLASSES], [row[f"p_{name}"] for name in CLASSES])
        return rows

    def test_probabilities_tables_objects_and_heat_map(self):
        self.run_graph(PREDICT.format(side=SIDE, stride=72, predict="model: model/best.pt", more=", heat_map: stroma"))
        network = self.exported()
        score = {row["slide"]: row for row in rows_of(self.at / "out/slides.csv")}
        self.assertEqual(sorted(score), ["a", "b"])
        for slide in "ab":
            rows = self.check_predictions(network, slide, 72)
            self.assertEqual(int(score[slide]["tiles"]), len(rows))
            means = [np.mean([float(row[f"p_{name}"]) for row in rows]) for name in CLASSES]
            self.assertEqual(score[slide]["predicted"], CLASSES[int(np.argmax(means))])
            for name, expected in zip(CLASSES, means):
                self.assertAlmostEqual(float(score[slide][f"p_{name}"]), expected, places=9)
                share = np.mean([row["predicted"] == name for row in rows])
                self.assertAlmostEqual(float(score[slide][f"share_{name}"]), share, places=9)
            self.check_objects(slide, rows)
            self.check_heat_map(slide, rows)
            self.check_tiff(slide, rows)

    def test_our_networks_with_batch_normalisation_folded(self):
        """Trained, so that running statistics are not those that they begin with."""
        for name in ("resnet50", "efficientnet_b0"):
            with self.subTest(name):
                folders = lambda text: text.replace("dir: ", f"dir: {name}/")  # noqa: E731
                self.run_graph(folders(TRAIN.format(side=SIDE, model=name)))
                self.run_graph(folders(PREDICT.format(side=SIDE, stride=96, predict=f"model: {name}/model/best.pt, batch: 40", more="")))
                network = getattr(torchvision.models, name)(num_classes=3).eval()
                network.load_state_dict(torch.load(self.at / name / "python/state_dict.pt"))
                at, type(self).at = self.at, self.at / name
                try:
                    self.assertGreater(len(self.check_predictions(network, "a", 96)), 40)  # more than a batch
                finally:
                    type(self).at = at

    def test_the_same_for_any_number_of_threads_and_memory(self):
        graph = PREDICT.format(side=SIDE, stride=72, predict="model: model/best.pt, batch: 20", more="")
        outputs = []
        for i, more in enumerate((("--threads", 1), ("--threads", 2), ("--threads", 5), ("--threads", 3, "--memory", "300 MiB"))):
            self.run_graph(graph.replace("dir: ", f"dir: threads{i}/"), *more)
            at = self.at / f"threads{i}"
            outputs.append({file.relative_to(at): file.read_bytes() for file in at.rglob("*")
                            if file.is_file() and ".flowrun" not in file.parts and file.name != "report.html"})
        self.assertGreater(len(outputs[0]), 100)
        for other in outputs[1:]:
            self.assertEqual(other, outputs[0])

    def test_two_models_one_after_the_other(self):
        """With little memory, as each tile that the first one passes on keeps no others of its batch."""
        torch.manual_seed(7)
        layers = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2))
        torch.jit.script(layers).save(str(self.at / "second.pt"))
        second = "model: second.pt, classes: [dark, light]"
        graph = PREDICT.format(side=SIDE, stride=48, predict="model: model/best.pt", more="")
        self.run_graph(graph.replace("dir: ", "dir: first_alone/"))
        self.run_graph(graph.replace("model: model/best.pt", second).replace("dir: ", "dir: second_alone/"))
        both = graph.replace("from: {tile: predicted", "from: {tile: again").replace("save, from: predicted", "save, from: again") \
            .replace("dir: ", "dir: both/") + f"  again: {{type: predict, from: predicted, {second}}}\n"
        told = self.run_graph(both, "--memory", "1 MiB", code=2)
        self.assertRegex(told, r"'tiles' [^,]* for 127 packets at once")
        needed = re.search(r"raise memory to ([0-9.]+ [KMG]iB)", told)[1]
        self.run_graph(both, "--memory", needed)
        for slide in "ab":
            tables = {name: rows_of(self.at / name / f"files/{slide}/tiles.csv") for name in ("both", "first_alone", "second_alone")}
            self.assertGreater(len(tables["both"]), 128)
            for name, classes in (("first_alone", CLASSES), ("second_alone", ["dark", "light"])):
                for column in ["x", "y"] + [f"p_{one}" for one in classes]:
                    self.assertEqual([row[column] for row in tables["both"]], [row[column] for row in tables[name]], column)

    def test_half_precision_is_near(self):
        table = {}
        for precision in ("fp32", "bf16"):
            self.run_graph(PREDICT.format(side=SIDE, stride=96, predict=f"model: model/best.pt, precision: {precision}", more="")
                           .replace("dir: ", f"dir: {precision}/"))
            table[precision] = np.array([[float(row[f"p_{name}"]) for name in CLASSES]
                                         for row in rows_of(self.at / f"{precision}/out/a/predictions.csv")])
        error = np.abs(table["fp32"] - table["bf16"]).max()
        self.assertTrue(0 < error < 0.05, error)
        said = self.run_graph(PREDICT.format(side=SIDE, stride=96, predict="model: model/best.pt, precision: fp16, device: cpu", more=""), code=2)
        self.assertIn("fp16 is for GPUs", said)

    def test_the_resolution_is_that_of_training(self):
        """Level 1 of these slides has 2 microns per pixel, four times those of level 0."""
        self.assertEqual(json.loads((self.at / "python/model.json").read_text())["mpp"], 2)

        def predict(level, more="", code=0):
            text = PREDICT.format(side=SIDE, stride=480, predict="model: model/best.pt" + more, more="")
            return self.run_graph(text.replace("level: 1", level).replace("dir: ", "dir: mpp/"), "--force", code=code)

        self.assertIn("the model was made for 2 microns per pixel, but is given 0.5; set extract's mpp so that they agree, or "
                      "predict's mpp if it is another", predict("level: 0", code=1))
        predict("level: 0", ", mpp: 0.5")
        self.assertIn("is given 2.5;", predict("mpp: 2.5", code=1))
        predict("mpp: 2.5", ", mpp_tolerance: 0.3")
        table = self.at / "train.csv"
        before = table.read_text()
        self.addCleanup(table.write_text, before)
        table.write_text(before.replace(",1,glass", ",0,glass"))  # samples of two resolutions
        self.run_graph(TRAIN.format(side=SIDE, model="resnet18").replace("dir: ", "dir: two/"))
        self.assertNotIn("mpp", json.loads((self.at / "two/python/model.json").read_text()))

    def test_a_number_that_is_none_leaves_its_tile_out_where_errors_are_skipped(self):
        class Means(torch.nn.Module):
            def __init__(self, most):
                super().__init__()
                self.most: float = most

            def forward(self, images):
                means = images.mean((2, 3))
                return means / (means[:, :1] < self.most)  # else infinite

        def predict(most, more="", code=0):
            torch.jit.script(Means(most)).save(str(self.at / "means.pt"))
            text = PREDICT.format(side=SIDE, stride=96, predict="model: means.pt, classes: [x, y, z], task: regression, batch: 8" + more,
                                  more="")
            said = self.run_graph(text.replace("dir: ", "dir: means/").replace("*.svs", "a.svs"), "--force", code=code)
            return said, [row["predicted_x"] for row in rows_of(self.at / "means/out/a/predictions.csv")]

        _, whole = predict(1e9)
        self.assertGreater(len(whole), 16)
        most = float(np.median([float(x) for x in whole]))
        said, kept = predict(most, ", on_error: skip", 3)
        self.assertIn("the model's prediction of x is inf for the tile at x", said)
        self.assertEqual(kept, [x for x in whole if float(x) < most])
        said, _ = predict(most, "", 1)
        self.assertIn("slide a: failed", said)

    def check_objects(self, slide, rows):
        objects = json.loads((self.at / f"out/{slide}/predictions.geojson").read_text())["features"]
        self.assertEqual(len(objects), len(rows))
        for one, row in zip(objects, rows):
            x, y, side = int(row["x"]), int(row["y"]), SIDE * 4
            self.assertEqual(one["geometry"]["coordinates"],
                             [[[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]])
            self.assertEqual(one["properties"]["classification"]["name"], row["predicted"])
            for name in CLASSES:
                self.assertAlmostEqual(one["properties"]["measurements"][f"p_{name}"], float(row[f"p_{name}"]), places=9)

    def check_heat_map(self, slide, rows):
        """Level-0 pixels 3 by 3 are a pixel of the picture; JPEG and the colour scale leave some levels."""
        whole = cv2.imread(str(self.at / f"out/{slide}/heatmap.jpg")).astype(float)
        picture, below = whole[:800], whole[800:]
        self.assertEqual(picture.shape, (800, 1000, 3))
        self.check_colour_bar(below)
        level0 = openslide.OpenSlide(str(self.at / f"{slide}.svs")).read_region((0, 0), 0, (3000, 2400)).convert("RGB")
        thumbnail = cv2.resize(np.array(level0)[:, :, ::-1], (1000, 800), interpolation=cv2.INTER_AREA).astype(float)
        sums, tiles = np.zeros((800, 1000)), np.zeros((800, 1000))
        for row in rows:
            x, y, side = int(row["x"]) // 3, int(row["y"]) // 3, SIDE * 4 // 3
            sums[y:y + side, x:x + side] += float(row["p_stroma"])
            tiles[y:y + side, x:x + side] += 1
        grey = np.rint(255 * sums / np.maximum(tiles, 1)).astype(np.uint8)
        colours = cv2.applyColorMap(grey, cv2.COLORMAP_TURBO).astype(float)
        expected = np.where(tiles[:, :, None] > 0, (colours + thumbnail) / 2, thumbnail)
        self.assertGreater((tiles == 0).mean(), 0.005)
        # Where tiles meet, the picture's JPEG blurs colours.
        self.assertLess(np.abs(picture - expected).mean(), 3)
        self.assertLess(np.median(np.abs(picture - expected)), 3)

    def check_colour_bar(self, below):
        """White with a bar of the colours in their order, as the scale of the numbers below it has them."""
        bar = [row for row in below if row[len(row) // 2].min() < 200]
        row = np.median(bar, axis=0)[:, ::-1]
        row = row[(row < 240).any(axis=1)]
        colours = cv2.applyColorMap(np.arange(256, dtype=np.uint8), cv2.COLORMAP_TURBO)[:, 0, ::-1].astype(float)
        expected = colours[np.rint(np.linspace(0, 255, len(row))).astype(int)]
        self.assertLess(np.abs(row - expected).mean(), 8)

    def check_tiff(self, slide, rows):
        """Level-0 pixels 2 by 2 are a pixel, which has the mean of the tiles that cover its middle; read by OpenSlide."""
        tiff = openslide.OpenSlide(str(self.at / f"out/{slide}/heatmap.tif"))
        self.assertEqual(tiff.level_dimensions, ((1500, 1200), (750, 600)))
        level0 = openslide.OpenSlide(str(self.at / f"{slide}.svs"))
        self.assertAlmostEqual(float(tiff.properties["tiff.XResolution"]), 1e4 / (2 * float(level0.properties["openslide.mpp-x"])), 1)
        sums, tiles = np.zeros((1200, 1500)), np.zeros((1200, 1500))
        middles_x, middles_y = 2 * np.arange(1500) + 1, 2 * np.arange(1200) + 1
        for row in rows:
            x, y, side = int(row["x"]), int(row["y"]), SIDE * 4
            covered = np.outer((middles_y >= y) & (middles_y < y + side), (middles_x >= x) & (middles_x < x + side))
            sums += covered * float(row["p_stroma"])
            tiles += covered
        self.assertGreater(tiles.max(), 3)
        for level in range(2):
            found = np.array(tiff.read_region((0, 0), level, tiff.level_dimensions[level]).convert("RGB")).astype(int)
            grey = np.rint(255 * sums / np.maximum(tiles, 1e-9)).astype(np.uint8)
            colours = cv2.applyColorMap(grey, cv2.COLORMAP_TURBO)[:, :, ::-1].astype(int)
            expected = np.where(tiles[:, :, None] > 0, colours, 255)
            # A number that rounds the other way is another of the 256 colours.
            self.assertLess(np.abs(found - expected).max(), 16)
            self.assertGreater((found == expected).all(axis=2).mean(), 0.999)
            sums, tiles = (n.reshape(600, 2, 750, 2).sum((1, 3)) if level == 0 else n for n in (sums, tiles))

    def test_a_module_of_any_kind_needs_names_for_its_outputs(self):
        layers = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 3))
        torch.jit.script(layers).save(str(self.at / "plain.pt"))

        def predict(classes, code=0):
            graph = PREDICT.format(side=64, stride=64, predict="model: plain.pt" + classes, more="")
            return self.run_graph(graph.replace("dir: ", "dir: plain_"), code=code)

        self.assertIn("plain.pt does not say what its classes are; give `classes`", predict("", code=2))
        predict(", classes: [x, y, z]")
        self.assertIn("the model gives 3 numbers for a tile, but there are 2 classes", predict(", classes: [x, y]", code=1))
        self.assertEqual([name for name in rows_of(self.at / "plain_out/slides.csv")[0] if name.startswith("p_")],
                         ["p_x", "p_y", "p_z"])

    def test_slides_are_predicted_anew_when_the_model_is_another(self):
        layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3))
        torch.jit.script(layers).save(str(self.at / "both.pt"))

        def tables(epochs):
            said = self.run_graph(BOTH.format(epochs=epochs).replace("dir: ", "dir: both/"))
            return said, (self.at / "both/out/a/predictions.csv").read_text()
        _, first = tables(1)
        said, second = tables(1)
        self.assertIn("slide a: done before", said)
        self.assertEqual(first, second)
        # The same graph, other samples: another model.
        table = self.at / "train.csv"
        before = table.read_text()
        self.addCleanup(table.write_text, before)
        table.write_text(before.replace("tumor", "TUMOR").replace("glass", "tumor").replace("TUMOR", "glass"))
        said, third = tables(1)
        self.assertIn("slide a: done, ", said)
        self.assertNotEqual(first, third)

    def test_a_model_larger_than_the_memory_is_told(self):
        said = self.run_graph("flowrun: 1\nmemory: 1 MiB\nnodes:\n"
                              "  python: {type: export, checkpoint: model/best.pt, dir: small}\n", code=2)
        self.assertIn("'memory: 1 MiB' is less", said)

    def test_a_full_disk_is_told(self):
        """Files that may not become as large as one of them was stand for it."""
        (self.at / "graph.yaml").write_text(
            "flowrun: 1\nnodes:\n  python: {type: export, checkpoint: model/best.pt, dir: full}\n")
        sizes = {name: (self.at / "python" / name).stat().st_size for name in ("state_dict.pt", "torchscript.pt")}
        self.assertLess(sizes["state_dict.pt"], sizes["torchscript.pt"])
        for name, size in sizes.items():
            def limit():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, size - 1))
            with self.subTest(name):
                done = subprocess.run([BUILD / "bin/flowrun", "graph.yaml"], cwd=self.at, capture_output=True, text=True,
                                      preexec_fn=limit)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertRegex(done.stdout + done.stderr, rf"cannot write .*{name}: File too large")
                self.assertEqual(list((self.at / "full").glob("*.pt")), [])

    def test_mistakes_are_told(self):
        (self.at / "text.pt").write_text("no model\n")
        (self.at / "cut.pt").write_bytes((self.at / "model/best.pt").read_bytes()[:-1000])
        layers = torch.jit.script(torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
        torch.jit.save(layers, str(self.at / "odd.pt"), _extra_files={"flowrun.json": "{"})
        facts = json.loads((self.at / "python/model.json").read_text()) | {"std": [1, 0, 1]}
        torch.jit.save(layers, str(self.at / "flat.pt"), _extra_files={"flowrun.json": json.dumps(facts)})
        twins = json.loads((self.at / "python/model.json").read_text()) | {"classes": ["a", "b", "a"]}
        torch.jit.save(layers, str(self.at / "twins.pt"), _extra_files={"flowrun.json": json.dumps(twins)})
        told = {
            "model: gone.pt": "/gone.pt",
            "model: text.pt": "text.pt is no file of torch.save in the zip format",
            "model: cut.pt": "cut.pt is no file of torch.save in the zip format",
            "model: odd.pt": "odd.pt is damaged: ",
            "model: flat.pt": "flat.pt is damaged: std must be above 0",
            "model: twins.pt": "two classes of ",
            "device: cpu": "there is no model",
            "model: model/best.pt, device: cuda": "there is no GPU for 'device: cuda'"}
        head = PREDICT.split("  predicted:")[0].format(side=SIDE, stride=96)
        nodes = [f"  predicted{i}: {{type: predict, from: tiles, {options}}}\n" for i, options in enumerate(told)]
        said = self.run_graph(head + "".join(nodes), code=2)
        self.assertEqual(said.count("error: "), len(told), said)
        for expected in told.values():
            with self.subTest(expected):
                self.assertIn(expected, said)
        text = PREDICT.format(side=SIDE, stride=96, predict="model: model/best.pt", more=", heat_map: fat").replace("dir: ", "dir: wrong/")
        self.assertIn("heat_map: no class is called 'fat'; the model has glass, stroma, tumor", self.run_graph(text, code=1))
        text = PREDICT.format(side=128, stride=128, predict="model: model/best.pt", more="").replace("dir: ", "dir: wrong/")
        self.assertIn("the tile has 128 x 128 pixels, but the model was trained on 96 x 96", self.run_graph(text, code=1))
        text = text.replace("tile: predicted", "tile: tiles").replace("size: 128", "size: 96")
        self.assertIn("has no probabilities: take tiles from a node of type predict", self.run_graph(text, code=1))
        twice = PREDICT.format(side=SIDE, stride=96, predict="model: model/best.pt, batch: 4", more="") \
            .replace("from: {tile: predicted", "from: {tile: again").replace("dir: ", "dir: wrong/") \
            + "  again: {type: predict, from: predicted, model: model/best.pt, batch: 4}\n"
        self.assertIn("the tile has a p_glass of another model already", self.run_graph(twice, code=1))
        self.assertEqual(list((self.at / "wrong").rglob("*.csv")), [])

    def test_a_checkpoint_carries_its_code(self):
        """What becomes of the file that it was trained from changes nothing that is predicted with it."""
        def module(scale):
            class Net(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.scale: float = scale
                    self.out = torch.nn.Linear(3, 3)

                def forward(self, x):
                    return self.out(x.mean((2, 3)) * self.scale)
            torch.manual_seed(5)
            torch.jit.script(Net()).save(str(self.at / "code.pt"))
        module(1.0)
        self.run_graph(TRAIN.format(side=SIDE, model="code.pt").replace("dir: ", "dir: code/"))
        graph = PREDICT.format(side=SIDE, stride=96, predict="model: code/model/best.pt", more="") \
            .replace("dir: ", "dir: code/")
        self.run_graph(graph)
        table = self.at / "code/out/a/predictions.csv"
        first = table.read_text()
        module(9.0)
        self.assertIn("slide a: done before", self.run_graph(graph))
        for spoil in (lambda: None, (self.at / "code.pt").unlink):
            spoil()
            shutil.rmtree(table.parent)
            self.assertIn("slide a: done, ", self.run_graph(graph))
            self.assertEqual(table.read_text(), first)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    arguments, rest = parser.parse_known_args()
    BUILD = arguments.build.resolve()
    unittest.main(argv=[sys.argv[0], *rest])

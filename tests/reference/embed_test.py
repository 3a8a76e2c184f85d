#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""embed and save_features against PyTorch, torchvision and h5py.

usage: embed_test.py --build BUILD_FOLDER
"""
import json
import pathlib
import re
import subprocess
import sys

import h5py
import numpy as np
import openslide
import torch
import torchvision

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import support  # noqa: E402
import tiffs  # noqa: E402
from support import DONE, FAILED, USAGE, flowrun, synth  # noqa: E402

GRAPH = """
flowrun: 1
params: {{slides: slides, out: out}}
nodes:
  slides: {{type: read, path: "${{slides}}"}}
  tissue: {{type: detect, from: slides}}
  tiles: {{type: extract, from: {{slide: slides, mask: tissue}}, size: {size}}}
  features: {{type: embed, from: tiles, {embed}}}
  files: {{type: save_features, from: features, dir: "${{out}}", {files}}}
"""
TRAIN = """
flowrun: 1
params: {table: t, out: out}
nodes:
  epochs: {type: epochs, train_csv: "${table}", count: 1}
  samples: {type: load, from: epochs, size: 64}
  batches: {type: to_tensor, from: samples, batch: 4, mean: [0.6, 0.5, 0.7], std: [0.2, 0.3, 0.25]}
  model: {type: train, from: batches, model: efficientnet_b0, dir: "${out}"}
  python: {type: export, from: model, dir: "${out}.python"}
"""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Tokens(torch.nn.Module):
    """A vision transformer that gives its tokens."""

    def __init__(self):
        super().__init__()
        self.vit = torchvision.models.VisionTransformer(image_size=64, patch_size=16, num_layers=2, num_heads=2,
                                                        hidden_dim=32, mlp_dim=64)

    def forward(self, images):
        patches = self.vit._process_input(images)
        return self.vit.encoder(torch.cat([self.vit.class_token.expand(patches.shape[0], -1, -1), patches], 1))


class Maps(torch.nn.Module):
    def __init__(self, bad=False):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 5, 3, 2)
        if bad:
            self.layer.bias.data[2] = float("inf")

    def forward(self, images):
        return self.layer(images)


def normalised(pixels, mean=MEAN, std=STD):
    return torchvision.transforms.functional.normalize(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255, mean, std)


class Embed(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        torch.manual_seed(1)
        cls.slides = cls.root / "slides"
        for seed, name in ((1, "a"), (2, "b")):
            synth(cls.slides / f"{name}.svs", 1500, 1300, seed=seed)
        cls.tokens = Tokens().eval()
        cls.traced("tokens.pt", cls.tokens)
        cls.maps = Maps().eval()
        cls.traced("maps.pt", cls.maps)

    @classmethod
    def traced(cls, name, module, side=64):
        with torch.no_grad():
            torch.jit.trace(module, torch.zeros(2, 3, side, side)).save(str(cls.root / name))
        return cls.root / name

    def run_graph(self, embed, *more, size=64, files="layout: clam", code=DONE, slides=None, command="run"):
        out = self.fresh()
        graph = self.write(GRAPH.format(size=size, embed=embed, files=files))
        ended = flowrun(command, graph, *support.settings(slides=slides or self.slides, out=out), *more)
        self.assert_ended(ended, code)
        return out, ended.out + ended.err

    def pixels(self, name, coords, size=64):
        with openslide.OpenSlide(str(self.slides / f"{name}.svs")) as slide:
            return np.stack([np.array(slide.read_region((int(x), int(y)), 0, (size, size)).convert("RGB"))
                             for x, y in coords])

    def assert_features(self, out, function, size=64, mean=MEAN, std=STD):
        """They are those that `function` gives of the normalised tiles."""
        for name in ("a", "b"):
            with h5py.File(out / f"h5_files/{name}.h5") as file:
                features, coords = file["features"][:], file["coords"][:]
            self.assertGreater(len(coords), 70)  # more than a batch
            images = normalised(self.pixels(name, coords, size), mean, std)
            with torch.no_grad():
                wanted = function(images).numpy()
            np.testing.assert_allclose(features, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())

    def test_tokens(self):
        model = self.root / "tokens.pt"
        for pooling, prefix, function in (
                ("class", 1, lambda t: t[:, 0]), ("mean", 1, lambda t: t[:, 1:].mean(1)),
                ("class_mean", 3, lambda t: torch.cat([t[:, 0], t[:, 3:].mean(1)], 1))):
            out, _ = self.run_graph(f"model: {model}, pooling: {pooling}, prefix_tokens: {prefix}")
            self.assert_features(out, lambda images, function=function: function(self.tokens(images)))

    def test_maps_and_scaling(self):
        out, _ = self.run_graph(f"model: {self.root}/maps.pt, pooling: mean, input_size: 40, mean: [0.5, 0.5, 0.5], "
                                "std: [0.2, 0.25, 0.5]")
        scaled = lambda images: torchvision.transforms.functional.resize(images, [40, 40], antialias=True)  # noqa: E731
        self.assert_features(out, lambda images: self.maps(scaled(images)).mean((2, 3)), mean=[0.5] * 3,
                             std=[0.2, 0.25, 0.5])

    def test_an_architecture_with_weights_and_the_tool_that_exports_it(self):
        network = torchvision.models.resnet18().eval()
        torch.save(network.state_dict(), self.root / "resnet18.pth")
        network.fc = torch.nn.Identity()
        out, _ = self.run_graph(f"model: resnet18, weights: {self.root}/resnet18.pth")
        self.assert_features(out, network)
        tool = subprocess.run([sys.executable, support.SOURCE / "tools/export_encoder.py", "torchvision:resnet18", self.root / "r.pt",
                               "--weights", self.root / "resnet18.pth", "--input-size", "64", "--mean", "0.6", "0.5", "0.7",
                               "--std", "0.2", "0.3", "0.25", "--mpp", "0.5", "--name", "mine"],
                              capture_output=True, text=True)
        self.assertEqual(tool.returncode, 0, tool.stdout + tool.stderr)
        out, _ = self.run_graph(f"model: {self.root}/r.pt", files="layout: trident")
        with h5py.File(out / "a.h5") as file:
            self.assertEqual(file["features"].attrs["encoder"], "mine")
        out, _ = self.run_graph(f"model: {self.root}/r.pt")
        self.assert_features(out, network, mean=(0.6, 0.5, 0.7), std=(0.2, 0.3, 0.25))

    def test_a_checkpoint_of_train(self):
        table, out = self.root / "train.csv", self.fresh()
        rows = [f"{self.slides}/a.svs,{300 + 20 * i},{200 + 20 * i},{'ab'[i % 2]}" for i in range(8)]
        table.write_text("\n".join(["slide,x,y,label", *rows, ""]))
        self.assert_ended(flowrun("run", self.write(TRAIN), *support.settings(table=table, out=out)), DONE)
        network = torchvision.models.efficientnet_b0(num_classes=2)
        network.load_state_dict(torch.load(f"{out}.python/state_dict.pt"))
        network.classifier = torch.nn.Identity()
        features, _ = self.run_graph(f"model: {out}/best.pt")
        self.assert_features(features, network.eval(), mean=(0.6, 0.5, 0.7), std=(0.2, 0.3, 0.25))
        _, said = self.run_graph(f"model: {out}.python/torchscript.pt", code=USAGE)
        self.assertIn("is a classifier that `export` made", said)

    def test_the_same_for_any_number_of_threads_and_memory(self):
        embed = f"model: {self.root}/tokens.pt, pooling: class, batch: 7"
        first, _ = self.run_graph(embed, "--threads", 1)
        for more in (("--threads", 2), ("--threads", 5), ("--threads", 3, "--memory", "150 MiB")):
            out, _ = self.run_graph(embed, *more)
            self.assert_same(support.outputs(out), support.outputs(first))

    def test_the_graph_fits_into_its_memory_whatever_the_threads(self):
        encoder = self.traced("encoder.pt", torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten()).eval(), 224)
        for threads in (1, 2, 8):
            ended = flowrun("check", support.SOURCE / "graphs/features.yaml", "--threads", threads,
                            *support.settings(encoder=encoder, slides=self.slides, out=self.fresh()))
            self.assert_ended(ended, DONE)

    def test_memory_is_bounded_however_large_the_slide(self):
        """By an encoder of size. In the long form the slide is of 60,000 x 60,000 pixels."""
        if support.sanitized():
            self.skipTest("a sanitizer takes memory of its own")
        side, size, cap = 60000 if support.LONG else 6000, 448, 512 << 20
        network = torchvision.models.resnet50()
        network.fc = torch.nn.Identity()
        encoder = self.traced("resnet50.pt", network.eval(), 224)
        out = self.fresh()
        graph = self.write(GRAPH.format(size=size, embed=f"model: {encoder}, input_size: 224", files=""))
        ended = flowrun(graph, "--json", "--quiet", "--memory", cap, *support.settings(
            slides=synth(self.root / f"slide{side}.svs", side, side), out=out), limit=7200)
        self.assert_ended(ended, DONE)
        summary = json.loads(ended.out)
        tiles, mib = summary["nodes"][2]["out"], 1 << 20
        print(f"{side} x {side}: {tiles} tiles in {summary['seconds']:.0f} s, leased "
              f"{summary['peak_leased_bytes'] / mib:.0f} MiB of {cap / mib:.0f}, RSS {summary['peak_rss_bytes'] / mib:.0f} MiB, "
              f"the model {encoder.stat().st_size / mib:.0f} MiB", file=sys.stderr)
        self.assertGreater(tiles, 0.3 * (side / size) ** 2)
        self.assertLessEqual(summary["peak_leased_bytes"], cap)
        self.assertLess(summary["peak_rss_bytes"], cap + encoder.stat().st_size + (300 << 20))

    def test_what_a_module_says_of_itself_is_checked(self):
        traced = torch.jit.load(str(self.root / "tokens.pt"))
        for facts, said in (({"pooling": "cls"}, "pooling is 'cls', expected one of none, class, mean, class_mean"),
                            ({"prefix_tokens": -3}, "must not be negative"), ({"mpp": 0}, "nor mpp 0"),
                            ({"std": [1, 0, 1]}, "std must be above 0")):
            file = self.root / "said.pt"
            torch.jit.save(traced, str(file), _extra_files={"encoder.json": json.dumps({"pooling": "class"} | facts)})
            self.assertIn(said, self.run_graph(f"model: {file}", code=USAGE, command="check")[1])
        torch.jit.save(traced, str(file), _extra_files={"encoder.json": '{"pooling": "class", "input_size": 64}'})
        _, said = self.run_graph(f"model: {file}", size=128, code=FAILED)
        self.assertIn("takes 64 pixels a side, the tile has 128, and it is not known what resolution", said)
        self.run_graph(f"model: {file}, input_size: 64", size=128)

    def test_a_batch_without_features_fails_its_slide_also_where_errors_are_skipped(self):
        class Dark(torch.nn.Module):
            def forward(self, images):
                means = images.mean((2, 3))
                return means / (means.mean(1, keepdim=True) < 0.4)  # infinite for glass

        model = self.traced("dark.pt", Dark().eval())
        with open(self.write("").parent / "graph.yaml", "w") as graph:
            graph.write(GRAPH.format(size=64, embed=f"model: {model}, batch: 4, on_error: skip, mean: [0, 0, 0], "
                                                    "std: [1, 1, 1]", files="layout: clam"))
        out = self.fresh()
        ended = flowrun("run", graph.name, *support.settings(slides=self.slides / "a.svs", out=out))
        self.assert_ended(ended, FAILED, "a batch of 4 tiles has no features: dark gives features that are not finite")
        self.assertFalse((out / "h5_files/a.h5").exists())

    def test_samples_of_many_slides_are_no_slide(self):
        table = self.root / "mixed.csv"
        table.write_text("\n".join(["slide,x,y,label", *(f"{self.slides}/{'ab'[i % 2]}.svs,{300 + 20 * i},200,{'ab'[i % 2]}"
                                                          for i in range(8)), ""]))
        graph = self.write(f"""
flowrun: 1
nodes:
  epochs: {{type: epochs, train_csv: {table}, count: 1}}
  samples: {{type: load, from: epochs, size: 64}}
  features: {{type: embed, from: samples, model: {self.root}/tokens.pt, pooling: class}}
  files: {{type: save_features, from: features, dir: {self.fresh()}}}
""")
        self.assert_ended(flowrun("run", graph), FAILED, "is of another slide")

    def test_half_precision_is_near(self):
        exact, _ = self.run_graph(f"model: {self.root}/tokens.pt, pooling: class")
        half, _ = self.run_graph(f"model: {self.root}/tokens.pt, pooling: class, precision: bf16")
        with h5py.File(exact / "h5_files/a.h5") as one, h5py.File(half / "h5_files/a.h5") as other:
            error = np.abs(one["features"][:] - other["features"][:]).max()
        self.assertTrue(0 < error < 0.1, error)

    def test_files(self):
        embed = f"model: {self.root}/tokens.pt, pooling: class"
        clam, _ = self.run_graph(embed)
        trident, _ = self.run_graph(embed, files="layout: trident")
        stamp, _ = self.run_graph(embed, files="layout: stamp")
        halves, _ = self.run_graph(embed, files="dtype: float16")
        bare, _ = self.run_graph(embed, files="pt: false")
        self.assertFalse((bare / "pt_files").exists())
        self.assertEqual(sorted(p.name for p in (clam / "pt_files").iterdir()), ["a.pt", "b.pt"])
        with h5py.File(clam / "h5_files/a.h5") as file:
            features, coords = file["features"][:], file["coords"][:]
            self.assertEqual((file["features"].dtype, file["coords"].dtype), (np.float32, np.int32))
            self.assertEqual((features.shape[1], coords.shape), (32, (len(features), 2)))
            self.assertEqual(len(file["features"].attrs) + len(file["coords"].attrs), 0)
        rows = torch.load(clam / "pt_files/a.pt")
        self.assertEqual(rows.dtype, torch.float32)
        np.testing.assert_array_equal(rows, features)
        with h5py.File(trident / "a.h5") as file:
            np.testing.assert_array_equal(file["features"], features)
            np.testing.assert_array_equal(file["coords"], coords)
            self.assertEqual(file["coords"].dtype, np.int64)
            self.assertEqual(dict(file["features"].attrs), {"name": "a", "savetodir": ".", "encoder": "tokens"})
            attributes = file["coords"].attrs
            self.assertEqual((attributes["patch_size_level0"], attributes["patch_size"], attributes["level0_width"]),
                             (64, 64, 1500))
        with h5py.File(stamp / "a.h5") as file:
            self.assertEqual((file["feats"].dtype, file["coords"].dtype), (np.float16, np.float32))
            np.testing.assert_array_equal(file["feats"], features.astype(np.float16))
            np.testing.assert_allclose(file["coords"], coords * 0.5)
            self.assertEqual((file.attrs["unit"], file.attrs["tile_size_um"], file.attrs["tile_size_px"],
                              file.attrs["feat_type"], file.attrs["extractor"]), ("um", 32, 64, "tile", "tokens"))
        with h5py.File(halves / "h5_files/a.h5") as file:
            np.testing.assert_array_equal(file["features"], features.astype(np.float16))
        np.testing.assert_array_equal(torch.load(halves / "pt_files/a.pt"), features.astype(np.float16))

    def test_anndata(self):
        embed = f"model: {self.root}/tokens.pt, pooling: class"
        clam, _ = self.run_graph(embed)
        out, _ = self.run_graph(embed, files="layout: h5ad")
        with h5py.File(clam / "h5_files/a.h5") as file:
            features, coords = file["features"][:], file["coords"][:]
        names = [f"a_{x}_{y}" for x, y in coords]
        with h5py.File(out / "a.h5ad") as file:
            np.testing.assert_array_equal(file["X"], features)
            np.testing.assert_array_equal(file["obsm/spatial"], coords + 32.0)
            self.assertEqual(list(file["obs/_index"].asstr()), names)
            self.assertEqual((file.attrs["encoding-type"], file.attrs["encoding-version"]), ("anndata", "0.1.0"))
            self.assertEqual((file["uns/encoder"].asstr()[()], file["uns/slide"].asstr()[()]), ("tokens", "a"))
        ended = flowrun("check", self.write(f"""
flowrun: 1
nodes:
  slides: {{type: read, path: {self.slides}}}
  tiles: {{type: extract, from: slides, size: 64}}
  features: {{type: embed, from: tiles, {embed}}}
  files: {{type: save_features, from: features, dir: out, layout: h5ad, dtype: float16}}
"""))
        self.assert_ended(ended, support.USAGE, "scverse's tools take no float16")
        for after in ("{type: read_features, from: files}",
                      "{type: bags, from: files, labels: labels.csv}"):
            ended = flowrun("check", self.write(f"""
flowrun: 1
nodes:
  slides: {{type: read, path: {self.slides}}}
  tiles: {{type: extract, from: slides, size: 64}}
  features: {{type: embed, from: tiles, {embed}}}
  files: {{type: save_features, from: features, dir: out, layout: h5ad}}
  after: {after}
"""))
            self.assert_ended(ended, support.USAGE, "bags and read_features do not read h5ad, but take `files`")
        try:
            import anndata
        except ImportError:
            return  # not in every Debian
        table = anndata.read_h5ad(out / "a.h5ad")
        np.testing.assert_array_equal(table.X, features)
        np.testing.assert_array_equal(table.obsm["spatial"], coords + 32.0)
        self.assertEqual(list(table.obs_names), names)
        self.assertEqual(list(table.var_names), [f"feature_{i}" for i in range(features.shape[1])])
        self.assertEqual((table.uns["mpp"], table.uns["tile_extent"]), (0.5, 64))
        both = anndata.concat([table, anndata.read_h5ad(out / "b.h5ad")])
        self.assertEqual(len(set(both.obs_names)), both.n_obs)

    def test_what_cannot_be_is_said_before_the_run(self):
        tokens, fixed = self.root / "tokens.pt", self.root / "maps.pt"
        several = self.root / "several.pt"
        torch.jit.script(torch.nn.Identity()).save(str(several))
        wanted = {
            f"model: {tokens}": "are tokens; set pooling: class, mean or class_mean",
            f"model: {tokens}, pooling: mean, prefix_tokens: 17": "no token is left after the first 17",
            f"model: {tokens}, pooling: class, input_size: 96": "cannot take an image of 96 x 96 pixels",
            f"model: {fixed}": "are maps; set pooling: mean",
            f"model: {several}, pooling: class": "are maps; set pooling: mean",
            "model: resnet18": "features of random weights mean nothing",
            f"model: {self.root}/nothing.pt": "nothing.pt",
            f"model: {tokens}, pooling: class, weights: {tokens}": "has its weights in it",
            f"model: {tokens}, pooling: class, precision: fp16, device: cpu": "fp16 is for GPUs"}
        head = GRAPH.split("  features:")[0].format(size=64)
        graph = self.write(head + "".join(f"  features{i}: {{type: embed, from: tiles, {embed}}}\n" for i, embed in enumerate(wanted)))
        ended = flowrun("check", graph, *support.settings(slides=self.slides))
        self.assert_ended(ended, USAGE)
        errors = re.findall(r"error: .*\n.*features(\d+):", ended.err)
        self.assertEqual(sorted(map(int, errors)), list(range(len(wanted))), ended.err)
        for i, said in enumerate(wanted.values()):
            self.assertRegex(ended.err, rf"error: .*{re.escape(said)}.*\n.*features{i}:")

    def test_the_resolution_is_checked(self):
        tokens = f"model: {self.root}/tokens.pt, pooling: class"
        self.run_graph(f"{tokens}, mpp: 0.505")
        _, said = self.run_graph(f"{tokens}, mpp: 0.25", code=FAILED)
        self.assertIn("was made for 0.25 microns per pixel, but is given 0.5", said)
        self.run_graph(f"{tokens}, mpp: 0.25, input_size: 64", size=32)
        _, said = self.run_graph(f"{tokens}, mpp: 0.5, input_size: 64", size=128, code=FAILED)
        self.assertIn("but is given 1 (128 pixels of 0.5 scaled to 64)", said)

    def test_features_that_are_not_finite_and_slides_without_tissue(self):
        bad = self.traced("bad.pt", Maps(bad=True))
        out, said = self.run_graph(f"model: {bad}, pooling: mean", code=USAGE)
        self.assertIn("bad gives features that are not finite", said)
        blank = self.root / "blank"
        blank.mkdir()
        (blank / "a.svs").write_bytes((self.slides / "a.svs").read_bytes())
        tiffs.write(blank / "white.tif", tiffs.page(np.full((900, 900, 3), 250, np.uint8), tiffs.DEFLATE))
        out, said = self.run_graph(f"model: {self.root}/maps.pt, pooling: mean", slides=blank)
        self.assertEqual(sorted(p.name for p in (out / "h5_files").iterdir()), ["a.h5"])
        self.assertIn("there was no tile, so no file", said)


if __name__ == "__main__":
    support.main()

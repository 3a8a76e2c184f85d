#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""segment against PyTorch: the model on the whole picture at once, pixel by pixel; and a model that the test trains.

usage: segment_test.py --build BUILD_FOLDER
"""
import pathlib
import sys

import numpy as np
import openslide
import torch
from PIL import Image
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import support  # noqa: E402
from support import DONE, FAILED, USAGE, flowrun, synth  # noqa: E402

Image.MAX_IMAGE_PIXELS = None
GRAPH = """
flowrun: 1
params: {{slides: s, out: out}}
nodes:
  slides: {{type: read, path: "${{slides}}"}}
{tissue}
  found: {{type: segment, from: {source}, {segment}}}
  masks: {{type: save_mask, from: {{slide: slides, mask: found.mask}}, dir: "${{out}}", format: png}}
  classes: {{type: save_mask, from: {{slide: slides, classes: found.classes}}, dir: "${{out}}", format: png, downsample: {downsample}}}
"""
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def colours(classes, picture):
    """Tells classes by what is within two pixels, each of which has a part of the picture."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.Tanh(), nn.Conv2d(8, classes, 1)).eval()
    with torch.no_grad():
        model[2].bias -= model(normalised(picture)).mean((0, 2, 3))
    return model


def normalised(pixels):
    return ((torch.from_numpy(pixels).float() / 255 - MEAN) / STD).permute(2, 0, 1)[None]


def level_pixels(path, level=0):
    with openslide.OpenSlide(str(path)) as slide:
        return np.array(slide.read_region((0, 0), level, slide.level_dimensions[level]).convert("RGB"))


class Segment(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.slide = synth(cls.root / "slides/s.svs", 1700, 1300, seed=3, annotations=cls.root / "s.xml")
        cls.pixels = level_pixels(cls.slide)
        cls.three, cls.one = (colours(classes, cls.pixels[200:1000, 200:1000]) for classes in (3, 1))
        cls.traced("three.pt", cls.three)
        cls.traced("soft.pt", nn.Sequential(cls.three, nn.Softmax(1)))
        cls.traced("one.pt", cls.one)

    @classmethod
    def traced(cls, name, module):
        with torch.no_grad():
            torch.jit.trace(module, torch.rand(2, 3, 64, 64)).save(str(cls.root / name))

    def run_graph(self, segment, *more, slides=None, downsample=1, tissue="", source="slides", code=DONE, command="run"):
        out = self.fresh()
        graph = self.write(GRAPH.format(segment=segment, downsample=downsample, tissue=tissue, source=source))
        ended = flowrun(command, graph, *support.settings(slides=slides or self.slide, out=out), *more)
        self.assert_ended(ended, code)
        return out, ended.out + ended.err

    def values(self, out, kind="classes"):
        return np.array(Image.open(next(out.glob(f"*.{kind}.png"))))

    def whole(self, module, pixels, margin=16):
        """Probabilities of a picture on a white ground, in one piece."""
        padded = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), constant_values=255)
        with torch.no_grad():
            maps = module(normalised(padded))[:, :, margin:-margin, margin:-margin]
        return maps.softmax(1) if maps.shape[1] > 1 else torch.cat([1 - maps.sigmoid(), maps.sigmoid()], 1)

    def assert_classes(self, found, probabilities):
        """They are those of the highest probability, but where two are equal but for the last digits."""
        best = probabilities.topk(2, 1)
        clear = (best.values[0, 0] - best.values[0, 1] > 1e-5).numpy()
        self.assertGreater(clear.mean(), 0.999)
        np.testing.assert_array_equal(found[clear], best.indices[0, 0].numpy()[clear])
        self.assertGreater(min(np.bincount(found.ravel(), minlength=probabilities.shape[1]) / found.size), 0.001)

    def test_each_pixel_has_the_class_that_the_model_gives_on_the_whole_picture(self):
        wanted = self.whole(self.three, self.pixels)
        out, _ = self.run_graph(f"model: {self.root}/three.pt, classes: [glass, tissue, fold], level: 0, input_size: 256")
        self.assert_classes(self.values(out), wanted)
        np.testing.assert_array_equal(self.values(out, "mask") > 0, self.values(out) > 0)
        for more in ("batch: 1, input_size: 200, overlap: 31", "overlap: 200, input_size: 256"):
            again, _ = self.run_graph(f"model: {self.root}/soft.pt, classes: [glass, tissue, fold], level: 0, {more}")
            self.assert_classes(self.values(again), wanted)
        out, _ = self.run_graph(f"model: {self.root}/one.pt, classes: [other, tissue], level: 0")
        self.assert_classes(self.values(out), self.whole(self.one, self.pixels))

    def test_the_same_bytes_with_any_number_of_threads(self):
        segment = f"model: {self.root}/three.pt, classes: [glass, tissue, fold], downsample: 2, input_size: 128"
        one, _ = self.run_graph(segment, "--threads", "1")
        for threads in (2, 8):
            self.assert_same(support.outputs(self.run_graph(segment, "--threads", threads)[0]), support.outputs(one))

    def test_large_pictures_are_averaged(self):
        slide = synth(self.root / "large/l.svs", 4400, 3000, seed=5)
        probabilities = nn.functional.avg_pool2d(self.whole(self.three, level_pixels(slide)), 2)
        out, _ = self.run_graph(f"model: {self.root}/three.pt, classes: [glass, tissue, fold], level: 0",
                                slides=slide, downsample=2)
        self.assert_classes(self.values(out), probabilities)
        self.assertEqual(self.values(out, "mask").shape, (1500, 2200))

    def test_what_is_background_and_what_is_tissue(self):
        model = f"model: {self.root}/three.pt, classes: [glass, tissue, fold], level: 0"
        usual = self.values(self.run_graph(model)[0])
        out, _ = self.run_graph(model + ", background: [tissue], tissue: [fold]")
        np.testing.assert_array_equal(self.values(out), np.array([1, 0, 2], np.uint8)[usual])
        np.testing.assert_array_equal(self.values(out, "mask") > 0, usual == 2)
        table = (out / "s.classes.csv").read_text().split()
        self.assertEqual([row.split(",")[:2] for row in table[1:]], [["glass", "1"], ["fold", "2"]])

    def test_only_where_there_is_tissue(self):
        model = f"model: {self.root}/three.pt, classes: [glass, tissue, fold], level: 0, input_size: 96, overlap: 32"
        usual = self.values(self.run_graph(model)[0])
        out, _ = self.run_graph(model, tissue="  tissue: {type: detect, from: slides, level: 0}",
                                source="{slide: slides, mask: tissue}")
        found = self.values(out)
        self.assertGreater(np.mean(found != usual), 0.05)
        np.testing.assert_array_equal(found[found > 0], usual[found > 0])
        for coarse in (64, 200):  # level-0 pixels of a mask's pixel, whose edges lie within inputs
            tissue = f"  tissue: {{type: detect, from: slides, downsample: {coarse}, kernel: 0}}\n" \
                "  shown: {type: save_mask, from: {slide: slides, mask: tissue}, dir: \"${out}/tissue\", format: png, downsample: 1}"
            out, _ = self.run_graph(model, tissue=tissue, source="{slide: slides, mask: tissue}")
            inside = np.array(Image.open(out / "tissue/s.mask.png")).astype(bool)
            self.assertGreater(inside.mean(), 0.1)
            np.testing.assert_array_equal(self.values(out)[inside], usual[inside])

    def test_a_trained_model_finds_what_was_outlined(self):
        with open(self.write("""
flowrun: 1
params: {slide: s, xml: x, out: out}
nodes:
  slides: {type: read, path: "${slide}"}
  classes: {type: mask, from: slides, annotations: "${xml}"}
  masks: {type: save_mask, from: {slide: slides, classes: classes}, dir: "${out}", format: png, downsample: 4}
""")) as graph:
            names = {}
            for seed in (3, 4):
                slide = synth(self.root / f"train/t{seed}.svs", 3000, 2400, seed=seed, annotations=self.root / f"t{seed}.xml")
                out = self.fresh()
                self.assert_ended(flowrun("run", graph.name, *support.settings(
                    slide=slide, xml=self.root / f"t{seed}.xml", out=out)), DONE)
                names[seed] = slide, self.values(out)
        torch.manual_seed(2)
        model = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 1, 1))
        slide, labels = names[3]
        pixels = np.array(Image.fromarray(level_pixels(slide)).reduce(4))[:labels.shape[0], :labels.shape[1]]
        images, outlined = normalised(pixels), torch.from_numpy(labels[::4, ::4] > 0).float()[None, None]
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(60):
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(model(images), outlined).backward()
            optimizer.step()
        self.traced("trained.pt", model.eval())
        slide, labels = names[4]
        out, _ = self.run_graph(f"model: {self.root}/trained.pt, classes: [glass, tissue], downsample: 4, input_size: 256",
                                slides=slide, downsample=4)
        found = self.values(out)
        self.assertGreater(np.sum((found > 0) & (labels > 0)) / np.sum((found > 0) | (labels > 0)), 0.9)

    def test_what_cannot_be_is_said_before_the_run(self):
        for segment, said in (
                ("three.pt, classes: [a, b], level: 0", "three.pt has 3 classes, 2 are named"),
                ("three.pt, classes: [a, b, b], level: 0", "a name is there twice"),
                (f"three.pt, classes: [{', '.join(f'c{i}' for i in range(300))}], level: 0", "300 classes are more than masks"),
                ("three.pt, classes: [a, b, c]", "the resolution that the model was made for is not given"),
                ("three.pt, classes: [a, b, c], level: 0, mpp: 1", "resolution is given twice"),
                ("three.pt, classes: [a, b, c], level: 0, overlap: 512", "inputs of 512 pixels cannot share 512"),
                ("three.pt, classes: [a, b, c], level: 0, tissue: [d]", "there is no class 'd'"),
                ("three.pt, classes: [a, b, c], level: 0, tissue: [a]", "'a' is background"),
                ("three.pt, classes: [a, b, c], level: 0, output: probabilities", "no probabilities of one class a pixel"),
                ("flat.pt, classes: [a, b], level: 0", "gives 1 x 2 numbers for images of 1 x 3 x 512 x 512"),
                ("none.pt, classes: [a, b], level: 0", "none.pt")):
            if "flat" in segment:
                self.traced("flat.pt", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)))
            _, told = self.run_graph(f"model: {self.root}/{segment}", command="check", code=USAGE)
            self.assertIn(said, told)

    def test_specks_are_refused(self):
        class Noise(nn.Module):
            def forward(self, images):
                rows = torch.arange(images.shape[2]).view(-1, 1) + torch.arange(images.shape[3]).view(1, -1)
                one = (rows % 2).float().expand(images.shape[0], 1, -1, -1)
                return torch.cat([one, 1 - one], 1) * 9 + images[:, :1] * 0
        torch.jit.script(Noise()).save(str(self.root / "noise.pt"))
        slide = synth(self.root / "large/n.svs", 3000, 2700, seed=5)
        _, told = self.run_graph(f"model: {self.root}/noise.pt, classes: [a, b], level: 0", slides=slide, code=FAILED)
        self.assertIn("outlines of its regions take more than 64 MiB", told)

    def test_mask_and_classes_lie_on_each_other(self):
        slide = synth(self.root / "odd/o.svs", 1733, 1319, seed=6)
        out, _ = self.run_graph(f"model: {self.root}/three.pt, classes: [glass, tissue, fold], downsample: 100, input_size: 64, overlap: 16",
                                slides=slide)
        masks = [np.array(Image.open(next(out.glob(f"*.{kind}.png")))) for kind in ("mask", "classes")]
        shown = np.kron(masks[0], np.ones((100, 100), np.uint8))
        covered = masks[1][:shown.shape[0], :shown.shape[1]]
        np.testing.assert_array_equal(covered > 0, shown > 0)


if __name__ == "__main__":
    support.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes an encoder of torchvision, timm or Hugging Face as the TorchScript file that flowrun's node `embed` reads, with
what it expects of images within it:

  tools/export_encoder.py torchvision:resnet50 resnet50.pt --weights resnet50.pth --mpp 0.5
  tools/export_encoder.py timm:vit_small_patch16_224 vit.pt --weights vit.safetensors --pooling class_mean
  tools/export_encoder.py hf:/models/phikon phikon.pt --mpp 0.5 --pooling class

Nothing is fetched: weights are files (torchvision, timm: a state dict; hf: the folder that save_pretrained made).
Networks of torchvision and timm lose their last layer. Tiles that are not of the encoder's size are scaled bilinearly, also
where it was made for bicubic scaling: cut tiles of its size to do without."""
import argparse
import json
import pathlib

import torch

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def read_weights(file):
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file
        return load_file(file)
    return torch.load(file, map_location="cpu")


def of_torchvision(name, weights, _):
    """The network and what is known of its images; the last layer, whatever it is called, gives its input."""
    import torchvision
    model = getattr(torchvision.models, name)()
    if weights:
        model.load_state_dict(read_weights(weights))
    for last in ("fc", "classifier", "heads", "head"):
        if hasattr(model, last):
            setattr(model, last, torch.nn.Identity())
            return model, {}
    raise SystemExit(f"export_encoder.py: it is not known what the last layer of {name} is")


class Features(torch.nn.Module):
    """Of timm's models, tokens or maps before they are pooled."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model.forward_features(images)


def of_timm(name, weights, arguments):
    import timm
    model = timm.create_model(name, pretrained=False, num_classes=0, **json.loads(arguments.arguments))
    if weights:
        missing, more = model.load_state_dict(read_weights(weights), strict=False)
        more = [key for key in more if not key.startswith(("head.", "fc.", "classifier."))]
        if missing or more:
            raise SystemExit(f"export_encoder.py: {weights} does not fit {name}: missing {missing[:3]}, left over {more[:3]}")
    known = timm.data.resolve_model_data_config(model)
    if arguments.pooling != "none":
        model = Features(model)
    return model, {"mean": list(known["mean"]), "std": list(known["std"]), "input_size": known["input_size"][-1]}


class Tokens(torch.nn.Module):
    """Of Hugging Face's models, which give several things, the tokens."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(pixel_values=images, return_dict=False)[0]


def of_hf(folder, weights, _):
    import transformers
    if weights:
        raise SystemExit("export_encoder.py: the folder has the weights; leave --weights out")
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True)
    known = {}
    settings = pathlib.Path(folder) / "preprocessor_config.json"
    if settings.exists():
        said = json.loads(settings.read_text())
        known = {"mean": said["image_mean"], "std": said["image_std"]}
        if not said.get("do_normalize", True):
            known = {"mean": [0, 0, 0], "std": [1, 1, 1]}
        size = said.get("crop_size" if said.get("do_center_crop") else "size", 224)
        known["input_size"] = size if isinstance(size, int) else size.get("height") or size["shortest_edge"]
    return Tokens(model), known


SOURCES = {"torchvision": of_torchvision, "timm": of_timm, "hf": of_hf}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="torchvision:NAME, timm:NAME, or hf:FOLDER")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--input-size", type=int, help="pixels a side; 224, or what timm says, if not given")
    parser.add_argument("--mean", type=float, nargs=3, help="of R, G, B, scaled to 0 to 1")
    parser.add_argument("--std", type=float, nargs=3)
    parser.add_argument("--mpp", type=float, help="microns per pixel of the images that it was made for")
    parser.add_argument("--pooling", choices=["none", "class", "mean", "class_mean"], default="none")
    parser.add_argument("--prefix-tokens", type=int, default=1, help="class token and registers, before those of patches")
    parser.add_argument("--arguments", default="{}", help="timm: JSON of create_model's arguments, such as init_values")
    parser.add_argument("--name", help="what features say that they were made by; the file's, if not given")
    arguments = parser.parse_args()
    source, _, name = arguments.model.partition(":")
    if source not in SOURCES or not name:
        parser.error(f"model: expected torchvision:NAME, timm:NAME or hf:FOLDER, found '{arguments.model}'")
    model, known = SOURCES[source](name, arguments.weights, arguments)
    if source != "hf" and not arguments.weights:
        print("no --weights: they are random, which is of use for tests only")
    facts = {"name": arguments.name or arguments.out.stem, "input_size": arguments.input_size or known.get("input_size", 224),
             "mean": arguments.mean or known.get("mean", IMAGENET["mean"]),
             "std": arguments.std or known.get("std", IMAGENET["std"]), "mpp": arguments.mpp,
             "pooling": arguments.pooling, "prefix_tokens": arguments.prefix_tokens}
    model.eval()
    image = torch.zeros(2, 3, facts["input_size"], facts["input_size"])
    with torch.no_grad():
        traced = torch.jit.trace(model, image)
        given = traced(image)
    fits = {2: ["none"], 3: ["class", "mean", "class_mean"], 4: ["mean"]}.get(given.dim(), [])
    if arguments.pooling not in fits:
        raise SystemExit(f"export_encoder.py: it gives {' x '.join(map(str, given.shape[1:]))} numbers an image: expected "
                         f"--pooling {' or '.join(fits) or 'for an encoder that gives vectors, tokens or maps'}")
    torch.jit.save(traced, str(arguments.out), _extra_files={"encoder.json": json.dumps(facts)})
    print(f"{arguments.out}: {' x '.join(map(str, given.shape[1:]))} numbers an image, {json.dumps(facts)}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the small whole files that fuzzing begins with, in corpus/: tests/fuzz/seeds.py (Debian's Python; see apt.txt).
Those of annotations and of HDF5 were made by the programs whose files they are, or by hand; others that lie there
were found by fuzzing."""
import io
import json
import pathlib
import struct
import sys
import zipfile

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "reference"))
import tiffs

PICTURE = tiffs.picture(150, 100)
TILE = (64, 64)


def save(folder, name, data):
    place = HERE / "corpus" / folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data if isinstance(data, bytes) else data.encode())


def slides():
    folder = HERE / "corpus/slide"
    folder.mkdir(parents=True, exist_ok=True)
    half = PICTURE[::2, ::2].copy()
    for name, codec in [("none", tiffs.NONE), ("lzw", tiffs.LZW), ("jpeg", tiffs.JPEG), ("deflate", tiffs.DEFLATE)]:
        tiffs.write(folder / f"{name}.tif", tiffs.page(half, codec, (32, 32), t282=20000.0, t283=20000.0, t296=3))
    for name, codec, tags in [("jpeg", tiffs.JPEG, {}), ("rgb", tiffs.JPEG, {"t262": 2}),
                              ("jpeg2000", tiffs.JPEG_2000, {})]:
        tiffs.write(folder / f"{name}.svs", *(tiffs.page(level, codec, TILE, t270=tiffs.APERIO % "0.5", **tags)
                                              for level in (PICTURE, half)))
    tiffs.write(folder / "left_out.svs",
                tiffs.page(PICTURE, tiffs.DEFLATE, TILE, change={1: lambda tile: None}, t270=tiffs.APERIO % "0.25"))


def images():
    small = Image.fromarray(PICTURE[:32, :32])
    for name, kind, image, options in [
            ("rgb.png", "PNG", small, {}), ("grey.png", "PNG", small.convert("L"), {}),
            ("palette.png", "PNG", small.quantize(7), {}), ("alpha.png", "PNG", small.convert("RGBA"), {}),
            ("bits.png", "PNG", small.convert("1"), {}), ("sixteen.png", "PNG", small.convert("I").convert("I;16"), {}),
            ("large.png", "PNG", Image.fromarray(PICTURE[:40, :50]), {}),
            ("444.jpg", "JPEG", small, {"subsampling": 0}), ("420.jpg", "JPEG", small, {"subsampling": 2}),
            ("progressive.jpg", "JPEG", small, {"progressive": True}), ("grey.jpg", "JPEG", small.convert("L"), {}),
            ("cmyk.jpg", "JPEG", small.convert("CMYK"), {})]:
        out = io.BytesIO()
        image.save(out, kind, **options)
        save("image", name, out.getvalue())
    save("image", "other.tif", b"II*\0\x08\0\0\0")


def tiles():
    tile = Image.fromarray(PICTURE[:64, :64])
    for name, options in [("444", {}), ("420", {"subsampling": 2}), ("422", {"subsampling": 1}),
                          ("progressive", {"progressive": True}), ("restart", {"restart_marker_rows": 1})]:
        save("jpeg_tile", name + ".jpg", tiffs.jpeg(tile, **options))
    image = Image.fromarray(PICTURE[:48, :64])
    for name, options in [("lossless", {"irreversible": False, "mct": 0}), ("lossy", {"irreversible": True}),
                          ("layers", {"quality_layers": [40, 10]}), ("tiled", {"tile_size": (32, 32)}),
                          ("precincts", {"precinct_size": (32, 32), "codeblock_size": (16, 16),
                                         "progression": "RPCL"})]:
        out = io.BytesIO()
        image.save(out, "JPEG2000", no_jp2=True, **options)
        save("jpeg2000", name + ".j2k", out.getvalue())


def weights():
    import torch
    tensors = {"conv.weight": torch.arange(12.).reshape(3, 4), "bn.num_batches_tracked": torch.tensor(3),
               "half": torch.ones(2, 2).half(), "turned": torch.arange(6.).reshape(2, 3).T}
    module = torch.nn.Linear(2, 2)
    for name, value in [("tensors", tensors), ("module", module.state_dict()),
                        ("checkpoint", {"state_dict": tensors, "epoch": 7, "loss": 0.5, "names": ["a", ("b", None)],
                                        "best": True, "parameter": torch.nn.Parameter(torch.ones(1))})]:
        out = io.BytesIO()
        torch.save(value, out)
        save("state_dict", name + ".pt", out.getvalue())
        with zipfile.ZipFile(out) as archive:
            pickle = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            save("pickle", name + ".pkl", archive.read(pickle))
    save("pickle", "self.pkl", b"\x80\x02]q\0h\0a.")  # a list within itself
    save("pickle", "tuples.pkl", b"\x80\x02)" + 2000 * b"\x85" + b".")

    def safetensors(header, data=b""):
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    numbers = np.arange(6, dtype="<f4").tobytes()
    save("safetensors", "two.safetensors",
         safetensors({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
                      "b": {"dtype": "I64", "shape": [], "data_offsets": [24, 32]}}, numbers + b"\7" + bytes(7)))
    save("safetensors", "types.safetensors",
         safetensors({kind: {"dtype": kind, "shape": [0, 5], "data_offsets": [0, 0]}
                      for kind in ["F64", "F16", "BF16", "I32", "I16", "I8", "U8", "BOOL", "F8_E4M3"]}))


def tables():
    save("tables", "places.csv", "slide,x,y,size,level,label\nsmall,0,0,256,0,tumor\nsmall,256,-12,256,0,\nother,1,2,9,1,a\n")
    save("tables", "extents.csv", "x,y,mpp,extent\n0,0,0.5,512\n512,512,0.5,512\n")
    save("tables", "samples.csv", "label,slide,x,y,level,size,weight,patient\na,small,0,0,0,256,1,p1\nb,a.svs,5,6,1,64,2.5,p2\n")
    save("tables", "images.tsv", "\ufefflabel\tpath\tx\ty\n\"a b\"\tone/x.png\t1\t2\n0\t\"two,\"\"y\"\".jpg\"\t\t\n")
    save("stains", "stains.yaml",
         "flowrun_stains: 1\nmethod: macenko\nio: 240\nof: median of 12\n"
         "hematoxylin: {od: [0.5626, 0.7201, 0.4062], maximum: 1.9705}\n"
         "eosin: {od: [0.2159, 0.8012, 0.5581], maximum: 1.0308}\n"
         "lab: {mean: [8.741, -0.124, 0.044], deviation: [0.614, 0.11, 0.029]}\n")
    save("stains", "residual.yaml",
         "flowrun_stains: 1\nmethod: macenko\nio: 240\nplus_one: true\n"
         "hematoxylin: {od: [0.5626, 0.7201, 0.4062], maximum: 1.9705}\n"
         "eosin: {od: [0.2159, 0.8012, 0.5581], maximum: 1.0308}\nresidual: {maximum: 0.0625}\n"
         "lab: {space: cielab, mean: [60, 20, -14], deviation: [14, 11, 9]}\n")
    save("stains", "block.yaml",
         "# a comment\nflowrun_stains: 1\nmethod: \"vahadane\"\nio: 2.4e2\nhematoxylin: &h\n  od: [.5, 0.7, 0.4]\n"
         "  maximum: 1.5\neosin:\n  od:\n    - 0.2\n    - 0.8\n    - 0.5\n  maximum: 1\n"
         "lab:\n  mean: [8, -1, 0]\n  deviation: [1, 1, 1]\n")


if __name__ == "__main__":
    slides()
    images()
    tiles()
    weights()
    tables()

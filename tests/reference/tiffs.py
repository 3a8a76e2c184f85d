# SPDX-License-Identifier: Apache-2.0
"""Tiled TIFFs drawn for tests, with any tags and with tiles encoded by Pillow or zlib."""
import io
import math
import struct
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin

NONE, LZW, JPEG, DEFLATE, JPEG_2000 = 1, 5, 7, 8, 33005
APERIO = "Aperio Image Library v1\r\nX|AppMag = 20|MPP = %s"


def picture(width, height, seed=1):
    """Blocks of colours over a fine gradient: no two places look alike."""
    blocks = np.random.default_rng(seed).integers(40, 220, (height // 16 + 1, width // 16 + 1, 3))
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.kron(blocks, np.ones((16, 16, 1), int))[:height, :width]
    return (pixels + ((x * 7 + y * 13) % 29)[..., None]).astype(np.uint8)


def jpeg(pixels, **options):
    out = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(out, "JPEG", **({"quality": 92, "subsampling": 0} | options))
    return out.getvalue()


def jpeg_2000(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG2000", no_jp2=True, irreversible=False, mct=0)
    return out.getvalue()


def lzw(pixels):
    out = io.BytesIO()
    before, TiffImagePlugin.STRIP_SIZE = TiffImagePlugin.STRIP_SIZE, 1 << 30  # one strip
    Image.fromarray(pixels).save(out, "TIFF", compression="tiff_lzw")
    TiffImagePlugin.STRIP_SIZE = before
    tags = Image.open(out).tag_v2
    (at,), (size,) = tags[273], tags[279]
    return out.getvalue()[at:at + size]


ENCODERS = {NONE: lambda p: p.tobytes(), LZW: lzw, JPEG: jpeg, DEFLATE: lambda p: zlib.compress(p.tobytes()),
            JPEG_2000: jpeg_2000}


def cut(pixels, width, height):
    """The picture in tiles, row by row, the last ones repeat its edge."""
    rows, columns = -(-pixels.shape[0] // height), -(-pixels.shape[1] // width)
    padded = np.pad(pixels, ((0, rows * height - pixels.shape[0]), (0, columns * width - pixels.shape[1]), (0, 0)),
                    "edge")
    return [padded[r * height:(r + 1) * height, c * width:(c + 1) * width].copy() for r in range(rows)
            for c in range(columns)]


def page(pixels, codec, tile=(256, 256), encode=None, change=None, **tags):
    """Tags and tiles of a page. change: {number of a tile: function of its bytes}, which may give None for no tile;
    further tags as t274=3; a tag None is left out."""
    tiles = [(encode or ENCODERS[codec])(part) for part in cut(pixels, *tile)]
    for number, function in (change or {}).items():
        tiles[number] = function(tiles[number])
    return page_of(pixels.shape[1], pixels.shape[0], codec, tile, tiles, **tags)


def page_of(width, height, codec, tile, tiles, **tags):
    """The same of tiles that are encoded; a single one stands for all."""
    count = math.ceil(width / tile[0]) * math.ceil(height / tile[1])
    if len(tiles) == 1:
        tiles = tiles * count
    all_tags = {256: width, 257: height, 258: [8, 8, 8], 259: codec, 262: 6 if codec == JPEG else 2, 277: 3, 284: 1,
                322: tile[0], 323: tile[1]} | {int(tag[1:]): value for tag, value in tags.items()}
    return {tag: value for tag, value in all_tags.items() if value is not None}, tiles


def write(path, *pages):
    """Writes a classic TIFF, little endian; equal tiles are there once."""
    out, link, places = bytearray(b"II*\0\0\0\0\0"), 4, {}

    def put(data):
        out.extend(b"\0" * (len(out) % 2))
        out.extend(data)
        return len(out) - len(data)

    for tags, tiles in pages:
        for tile in tiles:
            if tile and tile not in places:
                places[tile] = put(tile)
        entries = []
        tags = tags | {324: [places[t] if t else 0 for t in tiles], 325: [len(t or b"") for t in tiles]}
        for tag, value in sorted(tags.items()):
            values = value if isinstance(value, list) else [value]
            if isinstance(value, str):
                kind, data, count = 2, value.encode() + b"\0", len(value) + 1
            elif isinstance(value, bytes):
                kind, data, count = 7, value, len(value)
            elif tag in (282, 283):
                kind, data, count = 5, struct.pack("<II", round(value * 1000), 1000), 1
            else:
                kind = 3 if max(values) < 65536 and tag not in (324, 325) else 4
                data, count = struct.pack("<%d%s" % (len(values), "HI"[kind - 3]), *values), len(values)
            field = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", put(data))
            entries.append(struct.pack("<HHI", tag, kind, count) + field)
        struct.pack_into("<I", out, link, put(struct.pack("<H", len(entries)) + b"".join(entries)))
        link = len(out)
        out.extend(b"\0\0\0\0")
    path.write_bytes(out)
    return path

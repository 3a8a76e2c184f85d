# SPDX-License-Identifier: Apache-2.0
"""Whole slides in DICOM (PS3.3 A.32.8, PS3.5 explicit little endian), as OpenSlide 4 reads them."""
import io
import struct

import numpy as np
from PIL import Image

WHOLE_SLIDE, REPORT = b"1.2.840.10008.5.1.4.1.1.77.1.6", b"1.2.840.10008.5.1.4.1.1.88.11"
UNCOMPRESSED, JPEG = b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.4.50"
LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")


def element(tag, kind, value):
    if isinstance(value, int):
        value = struct.pack({b"US": "<H", b"UL": "<I"}[kind], value)
    if len(value) % 2:
        value += b"\0" if kind in (b"UI", b"OB") else b" "
    head = struct.pack("<HH", tag >> 16, tag & 0xffff) + kind
    if kind in LONG:
        return head + b"\0\0" + struct.pack("<I", len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def sequence(tag, *items):
    return element(tag, b"SQ", b"".join(struct.pack("<HHI", 0xfffe, 0xe000, len(item)) + item for item in items))


def encapsulated(frames):
    """Pixel data of one fragment a frame, with an empty table of offsets."""
    def item(data):
        data += b"\0" * (len(data) % 2)
        return struct.pack("<HHI", 0xfffe, 0xe000, len(data)) + data
    return (struct.pack("<HH", 0x7fe0, 0x0010) + b"OB\0\0" + struct.pack("<I", 0xffffffff) + item(b"") +
            b"".join(item(frame) for frame in frames) + struct.pack("<HHI", 0xfffe, 0xe0dd, 0))


def tiles(pixels, size):
    """In rows from the top, filled up with white."""
    height, width = pixels.shape[:2]
    whole = np.full((-(-height // size) * size, -(-width // size) * size, 3), 255, np.uint8)
    whole[:height, :width] = pixels
    return [whole[y:y + size, x:x + size] for y in range(0, height, size) for x in range(0, width, size)]


def jpeg(tile, quality=90):
    out = io.BytesIO()
    Image.fromarray(tile).save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def file(pixels, series, instance, mpp, size=64, syntax=UNCOMPRESSED, kind=WHOLE_SLIDE, flavour=b"VOLUME", icc=b"",
         tile_size=None):
    """A level, label or report. mpp: microns per pixel of this level."""
    frames = tiles(pixels, size)
    meta = (element(0x00020001, b"OB", b"\0\1") + element(0x00020002, b"UI", kind) +
            element(0x00020003, b"UI", instance) + element(0x00020010, b"UI", syntax) +
            element(0x00020012, b"UI", b"1.2.3"))
    spacing = b"%.9f\\%.9f" % (mpp / 1000, mpp / 1000)
    measures = sequence(0x00289110, element(0x00180050, b"DS", b"0.001") + element(0x00280030, b"DS", spacing))
    data = b"".join([
        element(0x00080008, b"CS", b"ORIGINAL\\PRIMARY\\" + flavour + b"\\NONE"),
        element(0x00080016, b"UI", kind),
        element(0x00080018, b"UI", instance),
        element(0x00080060, b"CS", b"SM"),
        element(0x0020000d, b"UI", b"1.2.3.4"),
        element(0x0020000e, b"UI", series),
        element(0x00209311, b"CS", b"TILED_FULL"),
        element(0x00280002, b"US", 3),
        element(0x00280004, b"CS", b"RGB" if syntax == UNCOMPRESSED else b"YBR_FULL_422"),
        element(0x00280006, b"US", 0),
        element(0x00280008, b"IS", b"%d" % len(frames)),
        element(0x00280010, b"US", tile_size or size),
        element(0x00280011, b"US", tile_size or size),
        element(0x00280100, b"US", 8),
        element(0x00280101, b"US", 8),
        element(0x00280102, b"US", 7),
        element(0x00280103, b"US", 0),
        element(0x00480006, b"UL", pixels.shape[1]),
        element(0x00480007, b"UL", pixels.shape[0]),
        sequence(0x00480105, (element(0x00282000, b"OB", icc) if icc else b"") + element(0x00480106, b"SH", b"0") +
                 element(0x00480112, b"DS", b"20")),
        element(0x00480303, b"UL", 1),
        sequence(0x52009229, measures),
        element(0x7fe00010, b"OB", b"".join(tile.tobytes() for tile in frames)) if syntax == UNCOMPRESSED
        else encapsulated([jpeg(tile) for tile in frames]),
    ])
    return b"\0" * 128 + b"DICM" + element(0x00020000, b"UL", len(meta)) + meta + data

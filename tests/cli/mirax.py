# SPDX-License-Identifier: Apache-2.0
"""Slides in 3DHISTECH's format (https://openslide.org/formats/mirax), whose bounds may have a corner of their own."""
import io
import struct


def write_mirax(path, image, side=256, corner=(0, 0)):
    """A MIRAX slide in BMP, as OpenSlide's page on the format describes it, of an image in whole tiles. Those left of or
    above `corner`, a column and a row of tiles, are left out, so that the slide's bounds begin there."""
    across, down = image.width // side, image.height // side
    data, entries = b"", []
    for number in range(across * down):
        column, row = number % across, number // across
        if column < corner[0] or row < corner[1]:
            continue
        x, y = column * side, row * side
        bytes_ = io.BytesIO()
        image.crop((x, y, x + side, y + side)).save(bytes_, "BMP")
        entries.append(struct.pack("<4i", number, len(data), len(bytes_.getvalue()), 0))
        data += bytes_.getvalue()
    start = len("01.02") + len("slide")
    index = b"01.02slide" + struct.pack("<2i", start + 8, 0) + struct.pack("<i", start + 12)
    index += struct.pack("<2i", 0, start + 20) + struct.pack("<2i", len(entries), 0) + b"".join(entries)
    folder = path.with_suffix("")
    folder.mkdir(parents=True)
    path.write_bytes(b"a picture of the slide, which nobody looks at")
    (folder / "Index.dat").write_bytes(index)
    (folder / "Data0000.dat").write_bytes(data)
    (folder / "Slidedat.ini").write_text(f"""\
[GENERAL]
SLIDE_VERSION = 01.02
SLIDE_ID = slide
IMAGENUMBER_X = {across}
IMAGENUMBER_Y = {down}
OBJECTIVE_MAGNIFICATION = 20
CameraImageDivisionsPerSide = 1
[HIERARCHICAL]
HIER_COUNT = 1
NONHIER_COUNT = 0
INDEXFILE = Index.dat
HIER_0_NAME = Slide zoom level
HIER_0_COUNT = 1
HIER_0_VAL_0_SECTION = LEVEL_0
[DATAFILE]
FILE_COUNT = 1
FILE_0 = Data0000.dat
[LEVEL_0]
OVERLAP_X = 0
OVERLAP_Y = 0
MICROMETER_PER_PIXEL_X = 0.5
MICROMETER_PER_PIXEL_Y = 0.5
IMAGE_FORMAT = BMP24
IMAGE_FILL_COLOR_BGR = 16777215
DIGITIZER_WIDTH = {side}
DIGITIZER_HEIGHT = {side}
IMAGE_CONCAT_FACTOR = 0
""")

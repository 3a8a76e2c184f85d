# SPDX-License-Identifier: Apache-2.0
import csv
import pathlib
import re
import sys

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import support  # noqa: E402
from support import DONE, flowrun  # noqa: E402
from tiffs import write  # noqa: E402


class DrawnSlides(support.ProgramTest):
    """Slides of tiffs.py, read by the program. `graph`: which writes their tiles to ${out}, PNG or JPEG, with a table."""

    graph = ""

    def tiles(self, slide, code=DONE, size=256, graph=None, **values):
        """The tiles that are written, by place, and what was said."""
        out = self.fresh("out")
        ended = flowrun("run", self.write(graph or self.graph), *support.settings(slide=slide, size=size, out=out, **values))
        self.assert_ended(ended, code)
        folder, found = out / slide.stem, {}
        if (folder / "tiles.csv").exists():
            with open(folder / "tiles.csv", newline="") as table:
                for row in csv.DictReader(table):
                    found[int(row["x"]), int(row["y"])] = np.array(Image.open(folder / row["path"])).astype(int)
        return found, ended.out + ended.err

    def mosaic(self, slide, width, height, downsample=1, **values):
        whole = np.full((height + 256, width + 256, 3), -1)
        for (x, y), tile in self.tiles(slide, **values)[0].items():
            x, y = round(x / downsample), round(y / downsample)
            whole[y:y + tile.shape[0], x:x + tile.shape[1]] = tile
        return whole[:height, :width]

    def said(self, slide):
        ended = flowrun("slide", slide)
        self.assert_ended(ended, DONE)
        return dict(re.findall(r"^  ([a-zA-Z]+(?: by| power| profile)?) {2,}(.+)$", ended.out, re.M))

    def slide(self, *pages, name="s.tif"):
        folder = self.fresh("slides")
        folder.mkdir()
        return write(folder / name, *pages)

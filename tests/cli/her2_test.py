#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From slides whose label shows in a minority of tiles to models that find it, in one graph (graphs/her2.yaml)."""
import csv
import json
import random
import shutil
import signal
import time

import support
from her2_cohort import MPP, SIDE, arguments, attention, make_cohort
from support import DONE, flowrun, outputs, settings, stamps, start

COUNT, SEED = 12, 20240906


AGAIN = """\
flowrun: 1
nodes:
  slides: {{type: read, path: "{place}/slides/s0[01].svs"}}
  tissue: {{type: detect, from: slides}}
  tiles: {{type: extract, from: {{slide: slides, mask: tissue}}, mpp: {mpp}, size: {size}, min_coverage: 0.5}}
  stained: {{type: normalize, from: tiles, scope: tile}}
  features: {{type: embed, from: stained, model: {place}/encoder.pt, batch: 16}}
  said: {{type: predict_mil, from: {{features: features}}, models: {place}/out/models, dir: {place}/again}}
"""


def files_of(folder):
    return {path: stamp for path, stamp in stamps(folder).items() if path.suffix == ".h5"}


class Her2(support.ProgramTest):
    def test_from_slides_to_attention(self):
        place = self.fresh()
        make_cohort(place, COUNT)
        run = arguments(place, place / "out")
        ended = flowrun(*run, limit=600)
        self.assert_ended(ended, DONE)
        self.assertNotIn("drawn", ended.out)  # each slide's attention is, as it should be
        for ending in ("heatmap.jpg", "heatmap.tif", "geojson", "tiles.jpg"):
            self.assertEqual(len(list((place / "out/slides/attention").glob(f"*.{ending}"))), COUNT)

        metrics = json.loads((place / "out/models/metrics.json").read_text())["pooled_test"]
        self.assertEqual(metrics["slides"], COUNT)
        self.assertGreaterEqual(metrics["auc"]["value"], 0.9)
        for i in range(1, COUNT, 2):
            with self.subTest(slide=i):
                there, elsewhere = attention(place, place / "out", f"s{i:02}")
                self.assertLess(len(there), len(elsewhere))
                self.assertGreater(sum(there) / len(there), 5 * sum(elsewhere) / len(elsewhere))

        # The same from tiles that have just been embedded, with the models' folder.
        graph = place / "again.yaml"
        graph.write_text(AGAIN.format(place=place, size=SIDE, mpp=MPP))
        self.assert_ended(flowrun("run", graph), DONE)
        first, second = (list(csv.DictReader((place / name / "predictions.csv").read_text().splitlines()))
                         for name in ("out/slides", "again"))
        self.assertEqual(len(second), 2)
        for one, other in zip(first, second):
            self.assertEqual((one["slide"], one["prediction"]), (other["slide"], other["prediction"]))
            self.assertAlmostEqual(float(one["probability_high"]), float(other["probability_high"]), delta=1e-5)

        before = files_of(place / "out/features")
        again = flowrun(*run, limit=600)  # slides that are done are still bags
        self.assert_ended(again, DONE)
        self.assertNotIn(" done,", again.out.splitlines()[-1])
        self.assertIn("done before", again.out)
        self.assertEqual(files_of(place / "out/features"), before)
        # More epochs' worth of training from features that an earlier run has made.
        more = flowrun(*run, *settings(epochs=2, out=place / "out"), limit=600)
        self.assert_ended(more, DONE)
        self.assertEqual(files_of(place / "out/features"), before)

    def test_killed_at_any_instant_it_ends_with_the_same_bits(self):
        """A hundred kills in the long form."""
        place = self.fresh()
        make_cohort(place, 6)
        before = time.monotonic()
        self.assert_ended(flowrun(*arguments(place, place / "whole", epochs=5), limit=900), DONE)
        seconds = time.monotonic() - before
        expected = outputs(place / "whole")
        self.assertGreater(len(expected), 50)
        chance, killed, trial = random.Random(SEED), 0, 0
        while killed < (100 if support.LONG else 3):
            trial += 1
            run = arguments(place, place / f"out{trial}", epochs=5)
            for _ in range(5):
                process = start(*run)
                time.sleep(chance.uniform(0.05, 0.7 * seconds))
                process.kill()
                process.communicate()
                killed += process.returncode == -signal.SIGKILL
            self.assert_ended(flowrun(*run, limit=900), DONE)
            self.assert_same(outputs(place / f"out{trial}"), expected)
            shutil.rmtree(place / f"out{trial}")
        print(f"{killed} kills of {trial} runs", flush=True)


if __name__ == "__main__":
    support.main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How well graphs/her2.yaml tells synthetic slides with a tumor from those without, by the seed of its training: the
pooled AUC of the folds' test slides with its interval, and how many times the attention of tiles in tumors is that of
others (of a slide the ratio of means; of a seed the median of slides). Twelve slides, folds and first weights anew for
each seed; prints a line a seed, and means with standard deviations.

usage: her2.py --build build/release [--seeds 5]
"""
import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
import her2_cohort  # noqa: E402
import support  # noqa: E402

COUNT = 12


def mean(attention):
    return sum(attention) / len(attention)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    support.BUILD = options.build.resolve()
    with tempfile.TemporaryDirectory(prefix="flowrun-her2-") as folder:
        place = Path(folder)
        her2_cohort.make_cohort(place, COUNT)
        all_aucs, all_ratios = [], []
        for seed in range(1, options.seeds + 1):
            ended = support.flowrun(*her2_cohort.arguments(place, place / "out", seed=seed), limit=3600)
            assert ended.code == 0, ended.out + ended.err
            auc = json.loads((place / "out/models/metrics.json").read_text())["pooled_test"]["auc"]
            ratios = []
            for i in range(1, COUNT, 2):
                there, elsewhere = her2_cohort.attention(place, place / "out", f"s{i:02}")
                ratios.append(mean(there) / mean(elsewhere))
            all_aucs.append(auc["value"])
            all_ratios.append(statistics.median(ratios))
            print(f"seed {seed}: {json.dumps({'auc': auc, 'ratio': statistics.median(ratios), 'ratios': ratios})}", flush=True)
        for name, values in (("pooled AUC", all_aucs), ("attention ratio", all_ratios)):
            print(f"{name}: {mean(values):.3g} +- {statistics.stdev(values):.2g} "
                  f"({min(values):.3g} to {max(values):.3g}, {len(values)} seeds)")


if __name__ == "__main__":
    main()

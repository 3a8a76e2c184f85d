# SPDX-License-Identifier: Apache-2.0
"""Stain normalisation of a 512 x 512 tile on one thread against NumPy, in turn; see run.py."""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import openslide

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "reference"))
import stains  # noqa: E402

SIDE = 512


def vahadane(rgb, sparsity=0.1, tolerance=1e-5, rounds=300):
    """The same search on the same pixels with NumPy's vectors, without extrapolation between rounds."""
    step = max(1, int(np.ceil(np.sqrt(rgb.shape[0] * rgb.shape[1] / 65536))))
    v = stains.stained(stains.densities(rgb[::step, ::step])).T
    w = stains.TARGET_STAINS / np.linalg.norm(stains.TARGET_STAINS, axis=0)
    for _ in range(rounds):
        both = w[:, 0] @ w[:, 1]
        a, b = w.T @ v - sparsity
        h0, h1 = (a - both * b) / (1 - both ** 2), (b - both * a) / (1 - both ** 2)
        h1 = np.where(h0 < 0, np.maximum(b, 0), h1)
        h0 = np.maximum(h0, 0)
        h0 = np.where(h1 < 0, np.maximum(a, 0), h0)
        h = np.array([h0, np.maximum(h1, 0)])
        hh, vh, before = h @ h.T, v @ h.T, w.copy()
        for _ in range(20):
            for j in range(2):
                w[:, j] = np.maximum(0, w[:, j] + (vh[:, j] - w @ hh[:, j]) / hh[j, j])
                w[:, j] /= np.linalg.norm(w[:, j])
        if np.abs(w - before).max() <= tolerance:
            break
    w = w[:, np.argsort(-w[0])]
    return stains.change(rgb, w, stains.maxima(stains.densities(rgb), w))


def best(repeat, work):
    times = []
    for _ in range(repeat):
        before = time.perf_counter()
        work()
        times.append(time.perf_counter() - before)
    return min(times) * 1000


def tissue_tile(slide):
    """The darkest of some squares that are mostly tissue."""
    width, height = slide.dimensions
    squares = [np.array(slide.read_region((x, y), 0, (SIDE, SIDE)).convert("RGB"))
               for x in range(0, width - SIDE, width // 5) for y in range(0, height - SIDE, height // 5)]
    return min(squares, key=lambda rgb: rgb.mean())


def macenko_of(reference):
    """The reference pipeline's, or ours for the tests."""
    if not reference:
        return stains.macenko_normalised
    spec = importlib.util.spec_from_file_location("reference", reference)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.macenko


def compare(build, slide, repeat, reference=None):
    macenko = macenko_of(reference)
    print(f" {os.path.basename(slide)}")
    rgb = tissue_tile(openslide.OpenSlide(slide))
    with tempfile.NamedTemporaryFile() as file:
        rgb.tofile(file.name)
        said = subprocess.run([os.path.join(build, "tests", "bench_normalize"), file.name, str(SIDE), "50"], check=True,
                              capture_output=True, text=True)
    ours = json.loads(said.stdout)
    fitted = stains.macenko(rgb)
    apply = best(repeat, lambda: stains.change(rgb, *fitted))
    whole = best(repeat, lambda: macenko(rgb))
    print(f"  macenko, apply                {ours['apply']:8.3f} ms, {ours['apply'] / ours['copy']:5.1f} x a copy, "
          f"{whole / ours['apply']:.0f} x NumPy's whole ({whole:.0f} ms), {apply / ours['apply']:.0f} x its apply step")
    for name, key in (("find and apply", "fit_apply"), ("the same, exact", "fit_apply_exact")):
        print(f"  macenko, {name:20} {ours[key]:8.3f} ms, {whole / ours[key]:.0f} x NumPy")
    for name, numpy in (("vahadane", best(1, lambda: vahadane(rgb))),
                        ("reinhard", best(repeat, lambda: stains.reinhard(rgb)))):
        print(f"  {name}, find and apply      {ours[name]:8.3f} ms, {numpy / ours[name]:.0f} x NumPy ({numpy:.0f} ms)")

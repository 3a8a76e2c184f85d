# SPDX-License-Identifier: Apache-2.0
"""Stain normalisation in NumPy and SciPy, written from the papers, the obvious way; what the tests compare with."""
import numpy as np
import scipy.optimize

TARGET_STAINS = np.array([[0.5626, 0.2159], [0.7201, 0.8012], [0.4062, 0.5581]])
TARGET_MAX = np.array([1.9705, 1.0308])
LAB_TARGET = (np.array([8.74108109, -0.12440419, 0.0444982]), np.array([0.6135447, 0.10989545, 0.0286032]))


def densities(rgb, io=240.0):
    return -np.log((rgb.reshape(-1, 3).astype(np.float64) + 1) / io)


def stained(od, beta=0.15):
    return od[~np.any(od < beta, axis=1)]


def maxima(od, stains):
    return np.percentile(np.linalg.lstsq(stains, od.T, rcond=None)[0], 99, axis=1)


def macenko(rgb, alpha=1.0):
    """Stain matrix and maxima, as the authors' code has them."""
    od = densities(rgb)
    pixels = stained(od)
    _, vectors = np.linalg.eigh(np.cov(pixels.T))
    plane = vectors[:, 1:3]
    phi = np.arctan2(*(pixels @ plane)[:, ::-1].T)
    edges = [plane @ np.array([np.cos(a), np.sin(a)]) for a in np.percentile(phi, [alpha, 100 - alpha])]
    stains = np.array(sorted(edges, key=lambda v: -v[0])).T
    return stains, maxima(od, stains)


def change(rgb, stains, maximum, to=(TARGET_STAINS, TARGET_MAX), io=240.0):
    concentrations = np.linalg.lstsq(stains, densities(rgb).T, rcond=None)[0]
    scaled = concentrations * (to[1] / maximum)[:, None]
    return np.clip(io * np.exp(-to[0] @ scaled), 0, 255).T.reshape(rgb.shape).astype(np.uint8)


def vahadane(rgb, sparsity=0.1, rounds=3000, tolerance=1e-9):
    """min |V - W H|^2 / 2 + sparsity * sum(H) over non-negative H and W with columns of length 1: W by projected
    gradient, H by SciPy's non-negative least squares at the start and by projected gradient from there."""
    od = densities(rgb)
    v = stained(od).T
    w = TARGET_STAINS / np.linalg.norm(TARGET_STAINS, axis=0)
    # |v - Wh|^2 / 2 + s * sum(h) = |A h - b|^2 / 2 + constant, with A'A = W'W and A'b = W'v - s
    root = np.linalg.cholesky(w.T @ w)
    h = np.array([scipy.optimize.nnls(root.T, np.linalg.solve(root, w.T @ x - sparsity))[0] for x in v.T]).T
    for _ in range(rounds):
        for _ in range(30):  # FISTA would do; with two unknowns plain steps do, too
            h = np.maximum(0, h - (w.T @ (w @ h - v) + sparsity) / np.linalg.norm(w.T @ w, 2))
        before = w
        hh, vh = h @ h.T, v @ h.T
        for _ in range(30):
            w = np.maximum(0, w - (w @ hh - vh) / np.linalg.norm(hh, 2))
            w = w / np.linalg.norm(w, axis=0)
        if np.abs(w - before).max() < tolerance:
            break
    w = w[:, np.argsort(-w[0])]
    return w, maxima(od, w)


RGB_TO_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
LMS_TO_LAB = np.diag([3 ** -0.5, 6 ** -0.5, 2 ** -0.5]) @ np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]])


def lab(rgb):
    lms = np.maximum(rgb.reshape(-1, 3).astype(np.float64), 1) @ RGB_TO_LMS.T
    return np.log(lms) @ LMS_TO_LAB.T


def lab_moments(rgb):
    kept = lab(rgb)[~np.any(densities(rgb) < 0.15, axis=1)]
    return kept.mean(axis=0), kept.std(axis=0)


def reinhard(rgb, to=LAB_TARGET):
    mean, deviation = lab_moments(rgb)
    wanted = (lab(rgb) - mean) * to[1] / deviation + to[0]
    out = np.exp(wanted @ np.linalg.inv(LMS_TO_LAB).T) @ np.linalg.inv(RGB_TO_LMS).T
    return np.clip(np.rint(out), 0, 255).reshape(rgb.shape).astype(np.uint8)


def angle(a, b):
    """Degrees between two colours of stain."""
    return np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))

# SPDX-License-Identifier: Apache-2.0
"""Stain normalisation in NumPy and SciPy, written from the papers, the obvious way; what the tests compare with."""
from fractions import Fraction

import cv2
import numpy as np
import PIL.Image
import scipy.ndimage
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
    stains = macenko_matrix(od, alpha)
    return stains, maxima(od, stains)


def macenko_matrix(od, alpha=1.0):
    pixels = stained(od)
    _, vectors = np.linalg.eigh(np.cov(pixels.T))
    plane = vectors[:, 1:3]
    phi = np.arctan2(*(pixels @ plane)[:, ::-1].T)
    edges = [plane @ np.array([np.cos(a), np.sin(a)]) for a in np.percentile(phi, [alpha, 100 - alpha])]
    return np.array(sorted(edges, key=lambda v: -v[0])).T


def macenko_normalised(rgb, io=240.0):
    """A tile in the published target's colours."""
    od = densities(rgb)
    concentrations = np.linalg.lstsq(macenko_matrix(od), od.T, rcond=None)[0]
    scale = np.percentile(concentrations, 99, axis=1) / TARGET_MAX
    out = io * np.exp(-TARGET_STAINS @ (concentrations / scale[:, None]))
    return np.clip(out, 0, 255).T.reshape(rgb.shape).astype(np.uint8)


def change(rgb, stains, maximum, to=(TARGET_STAINS, TARGET_MAX), io=240.0):
    concentrations = np.linalg.lstsq(stains, densities(rgb).T, rcond=None)[0]
    scaled = concentrations * (to[1] / maximum)[:, None]
    return np.clip(io * np.exp(-to[0] @ scaled), 0, 255).T.reshape(rgb.shape).astype(np.uint8)


RUIFROK = np.array([[0.650, 0.072], [0.704, 0.990], [0.286, 0.105]])


def ruifrok_normalised(rgb):
    """Amounts of Ruifrok and Johnston's stains, scaled to the published target's."""
    matrix = RUIFROK / np.linalg.norm(RUIFROK, axis=0)
    return change(rgb, matrix, maxima(densities(rgb), matrix))


def nnls_residues(root, b):
    """Lengths of what is left of each row of b by non-negative amounts of the two columns of root: the least of what both,
    one, the other and none of them leave, where amounts are not negative."""
    def left(columns):
        amounts = np.linalg.lstsq(root[:, columns], b.T, rcond=None)[0]
        return np.where((amounts >= 0).all(axis=0), np.linalg.norm(b.T - root[:, columns] @ amounts, axis=0), np.inf)
    return np.min([left([0, 1]), left([0]), left([1]), np.linalg.norm(b, axis=1)], axis=0)


def vahadane(rgb, sparsity=0.1):
    """min |V - W H|^2 / 2 + sparsity * sum(H) over non-negative H and W with columns of length 1. For a given W, H is
    found by trying which stains a pixel has; W by SciPy's general minimiser, as angles."""
    v, counts = np.unique(stained(densities(rgb)), axis=0, return_counts=True)

    def w_of(angles):
        w = np.array([[np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)] for t, p in angles.reshape(2, 2)])
        return np.abs(w).T

    def problem(angles):
        """|v - Wh|^2 / 2 + s sum(h) is |R'h - b|^2 / 2 and a constant, with R R' = W'W and R b = W'v - s."""
        w = w_of(angles)
        root = np.linalg.cholesky(w.T @ w)
        return root.T, np.linalg.solve(root, (v @ w - sparsity).T).T

    def cost(angles):
        root, b = problem(angles)
        return ((nnls_residues(root, b) ** 2 - (b ** 2).sum(axis=1)) * counts).sum() / counts.sum()

    start = TARGET_STAINS / np.linalg.norm(TARGET_STAINS, axis=0)
    angles = np.array([[np.arccos(w[2]), np.arctan2(w[1], w[0])] for w in start.T]).ravel()
    found = scipy.optimize.minimize(cost, angles, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9})
    root, b = problem(found.x)
    np.testing.assert_allclose(nnls_residues(root, b), [scipy.optimize.nnls(root, x)[1] for x in b], atol=1e-9)
    w = w_of(found.x)
    return w[:, np.argsort(-w[0])]


RGB_TO_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
LMS_TO_LAB = np.diag([3 ** -0.5, 6 ** -0.5, 2 ** -0.5]) @ np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]])


def lab(rgb):
    lms = np.maximum(rgb.reshape(-1, 3).astype(np.float64), 1) @ RGB_TO_LMS.T
    return np.log(lms) @ LMS_TO_LAB.T


def lab_moments(rgb):
    kept = lab(rgb)[~np.any(densities(rgb) < 0.15, axis=1)]
    return kept.mean(axis=0), kept.std(axis=0)


def keeping_background(rgb, changed, beta=0.15):
    background = np.all(densities(rgb) < beta, axis=1).reshape(rgb.shape[:2])
    return np.where(background[..., None], rgb, changed)


def reinhard(rgb, to=LAB_TARGET):
    mean, deviation = lab_moments(rgb)
    wanted = (lab(rgb) - mean) * to[1] / deviation + to[0]
    out = np.exp(wanted @ np.linalg.inv(LMS_TO_LAB).T) @ np.linalg.inv(RGB_TO_LMS).T
    return np.clip(np.rint(out), 0, 255).reshape(rgb.shape).astype(np.uint8)


# What follows is as other programs publish it. Targets are pictures.

KNOWN = {}


def of_target(function, target):
    """What a function gives of a target, which is asked for with each tile: found once."""
    key = function, target.tobytes()
    if key not in KNOWN:
        KNOWN[key] = function(target)
    return KNOWN[key]


RGB_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
D65 = np.array([0.95047, 1, 1.08883])


def cielab(rgb):
    v = rgb / 255.0
    xyz = np.where(v > 0.04045, ((v + 0.055) / 1.055) ** 2.4, v / 12.92) @ RGB_TO_XYZ.T / D65
    x, y, z = np.moveaxis(np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def of_cielab(lab, least_fz=-np.inf):
    """R, G, B from 0 to 255, not rounded."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, np.maximum(y - lab[..., 2] / 200, least_fz)], axis=-1)
    v = (np.where(f > 0.2068966, f ** 3, (f - 16 / 116) / 7.787) * D65) @ np.linalg.inv(RGB_TO_XYZ).T
    return 255 * np.clip(np.where(v > 0.0031308, 1.055 * np.abs(v) ** (1 / 2.4) - 0.055, 12.92 * v), 0, 1)


def moved(values, to):
    """Each channel with the mean and the standard deviation of `to`."""
    axes = (0, 1)
    return (values - values.mean(axes)) / values.std(axes) * to.std(axes) + to.mean(axes)


def torchstain_reinhard(rgb, target):
    return of_cielab(moved(cielab(rgb), of_target(cielab, target))).astype(np.uint8)


def torchstain_macenko(rgb, target):
    return change(rgb, *macenko(rgb), to=of_target(macenko, target))


def cielab_8bit(rgb):
    return cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2LAB).astype(np.float64)


def tiatoolbox_reinhard(rgb, target):
    steps = np.clip(moved(cielab_8bit(rgb), of_target(cielab_8bit, target)), 0, 255).astype(np.uint8)
    return cv2.cvtColor(steps, cv2.COLOR_LAB2RGB)


def tiatoolbox_tissue(rgb):
    low, high = np.percentile(rgb, (2, 98))
    stretched = (255 * np.clip((rgb - low) / (high - low), 0, 1)).astype(np.uint8)
    return cielab_8bit(stretched)[..., 0] / 255 < 0.8


def tiatoolbox_densities(rgb):
    return np.maximum(-np.log(np.maximum(rgb.reshape(-1, 3), 1) / 255.0), 1e-6)


def tiatoolbox_macenko_matrix(rgb):
    od = tiatoolbox_densities(rgb)[tiatoolbox_tissue(rgb).ravel()]
    plane = np.linalg.eigh(np.cov(od.T))[1][:, [2, 1]]
    plane = plane * np.where(plane[0] < 0, -1, 1)
    phi = np.arctan2(od @ plane[:, 1], od @ plane[:, 0])
    edges = [plane @ np.array([np.cos(a), np.sin(a)]) for a in np.percentile(phi, [1, 99])]
    return np.array(sorted(edges, key=lambda v: -v[0])).T


def tiatoolbox_stains(rgb, matrix_of):
    """Those that `matrix_of` finds, and their maxima."""
    matrix = matrix_of(rgb)
    return matrix, maxima(tiatoolbox_densities(rgb), matrix)


def tiatoolbox_change(rgb, target, stains_of):
    wanted, wanted_maxima = of_target(stains_of, target)
    source, source_maxima = stains_of(rgb)
    concentrations = np.linalg.lstsq(source, tiatoolbox_densities(rgb).T, rcond=None)[0]
    scale = wanted_maxima / source_maxima
    out = 255 * np.exp(-wanted @ (concentrations * scale[:, None]))
    return np.clip(out, 0, 255).T.reshape(rgb.shape).astype(np.uint8)


def tiatoolbox_macenko_stains(rgb):
    return tiatoolbox_stains(rgb, tiatoolbox_macenko_matrix)


def tiatoolbox_ruifrok_stains(rgb):
    return tiatoolbox_stains(rgb, lambda _: np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]]).T)


def tiatoolbox_macenko(rgb, target):
    return tiatoolbox_change(rgb, target, tiatoolbox_macenko_stains)


def tiatoolbox_ruifrok(rgb, target):
    return tiatoolbox_change(rgb, target, tiatoolbox_ruifrok_stains)


def histomicstk_reinhard(rgb, target):
    """Ruderman's space, all pixels; R, G, B rounded down."""
    shaped = [lab(one).reshape(one.shape) for one in (rgb, target)]
    out = np.exp(moved(*shaped) @ np.linalg.inv(LMS_TO_LAB).T) @ np.linalg.inv(RGB_TO_LMS).T
    return np.clip(out, 0, 255).astype(np.uint8)


def otsu(grey):
    """The lowest of the values that part pixels, up to it and above it, with the most variance between both."""
    counts = np.bincount(grey.ravel(), minlength=256)
    sums = counts * np.arange(256)

    def between(t):
        n, m = int(counts[:t + 1].sum()), int(counts[t + 1:].sum())
        return Fraction((int(sums[:t + 1].sum()) * m - int(sums[t + 1:].sum()) * n) ** 2, n * m) if n and m else 0
    return max(range(256), key=between)


def histolab_tissue(rgb):
    framed = np.pad(rgb, ((10, 10), (10, 10), (0, 0)), constant_values=255)
    grey = np.asarray(PIL.Image.fromarray(framed).convert("L"))
    disk = np.hypot(*np.mgrid[-2:3, -2:3]) <= 2
    dark = scipy.ndimage.binary_dilation(grey < otsu(grey), disk)
    return scipy.ndimage.binary_fill_holes(dark, np.ones((20, 20)))[10:-10, 10:-10]


def histolab_colours(rgb):
    return cielab(rgb)[histolab_tissue(rgb)]


def histolab_reinhard(rgb, target):
    tissue, wanted = histolab_tissue(rgb), of_target(histolab_colours, target)
    values = cielab(rgb)[tissue]
    moved = (values - values.mean(0)) / values.std(0) * wanted.std(0) + wanted.mean(0)
    out = rgb.copy()
    out[tissue] = np.rint(of_cielab(moved, least_fz=0))  # what is too yellow is cut before it is cubed
    return out


def histolab_stains(rgb):
    """Colours of hematoxylin, eosin and what is at right angles to both; 99th percentiles of the three amounts."""
    od = densities(rgb)
    edges = macenko_matrix(od[histolab_tissue(rgb).ravel()])
    if abs(edges[:, 0] @ [0.65, 0.70, 0.29]) < abs(edges[:, 1] @ [0.65, 0.70, 0.29]):
        edges = edges[:, ::-1]
    third = np.cross(edges[:, 0], edges[:, 1])
    matrix = np.column_stack([edges, third / np.linalg.norm(third)])
    return matrix, maxima(od, matrix)


def histolab_macenko(rgb, target):
    return change(rgb, *histolab_stains(rgb), to=of_target(histolab_stains, target))


def angle(a, b):
    """Degrees between two colours of stain."""
    return np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))

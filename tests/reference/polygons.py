# SPDX-License-Identifier: Apache-2.0
"""Which pixels a polygon with whole vertices covers, by ClassMask's rule, in whole numbers: those inside by the even-odd
rule or the winding number, and those that the lines between vertices pass through. cv2.fillPoly is no measure, as the
pixels that it draws along outlines depend on OpenCV's version."""
import numpy as np


def fill(mask, rings, value, winding=False):
    """Fills the rings (lists of whole points x, y, closed by themselves) in a mask, and returns it."""
    edges = np.array([(*a, *b) for ring in rings for a, b in zip(ring, [*ring[1:], ring[0]])], np.int64)
    ax, ay, bx, by = edges.T
    for y in range(max(0, edges[:, 1].min()), min(len(mask), edges[:, 1].max() + 1)):
        met = (ay <= y) != (by <= y)
        down = np.where(ay < by, 1, -1)[met]
        downward = np.where(down[:, None] > 0, edges[met], edges[met][:, [2, 3, 0, 1]])
        low, high = downward[:, :2], downward[:, 2:]
        left, right = max(0, edges[:, 0].min()), min(mask.shape[1], edges[:, 0].max() + 1)
        x = np.arange(left, right)[:, None]
        side = (high - low)[:, 0] * (y - low[:, 1]) - (high - low)[:, 1] * (x - low[:, 0])
        around = ((side < 0) * (down if winding else 1)).sum(axis=1)
        mask[y, left:right][around != 0 if winding else around % 2 == 1] = value
    for edge in edges.tolist():
        (ax, ay), (bx, by) = sorted([edge[:2], edge[2:]], key=lambda point: point[0])
        dx, dy = bx - ax, abs(by - ay)
        longer, shorter = max(dx, dy, 1), min(dx, dy)
        along = np.arange(max(dx, dy) + 1)
        aside = along * shorter // longer
        aside += 2 * (along * shorter - aside * longer) > longer  # a tie stays nearer to the start
        right, down = (aside, along) if dx < dy else (along, aside)
        x, y = ax + right, ay + (down if by >= ay else -down)
        within = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
        mask[y[within], x[within]] = value
    return mask

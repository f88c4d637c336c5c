"""Thickness of closed meshes along every pixel's ray.

For a closed surface the length of a ray inside it is the sum of its exit depths minus its entry depths, whatever the
order (Freud et al., "Fast and robust ray casting algorithms for virtual X-ray imaging", NIM B 2006). So one pass that adds
plus or minus the depth of each triangle to the pixels it covers gives the thickness, with no sorting and no compiler.

A triangle is cut into its rows, a row into the pixels between the two edges that cross it. Both triangles of an edge
compute the same crossing, so that no pixel between them is counted twice or missed.
"""

from __future__ import annotations

import torch

# Pixels of the expanded table handled at once: bounds memory at about 50 bytes a pixel.
_CHUNK = 1 << 21


def signed_thickness(
    points: torch.Tensor,
    faces: torch.Tensor,
    size: tuple[int, int],
    *,
    perspective: bool,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Sum of weighted depths inside closed meshes, per pixel.

    Args:
        points: float (V, 3): column, row and depth of every vertex, as ``Camera.project`` gives them.
        faces: int64 (F, 3), counter-clockwise seen from outside.
        size: Picture height and width in pixels.
        perspective: Whether depth is linear in 1 / z over the picture (perspective) or in z (orthographic).
        weights: float (F, C), factor of each triangle's depth in each output channel, the same all over a closed
            surface. Default: one channel of ones.

    Returns:
        float (C, rows, cols), in the unit of depth times weight.
    """
    rows, cols = size
    channels = 1 if weights is None else weights.shape[1]
    out = torch.zeros(channels, rows * cols, dtype=points.dtype, device=points.device)
    # A point lies in a row or column when its coordinate, rounded up, is that row or column.
    column, row = points[:, 0].ceil().clamp_(0, cols), points[:, 1].ceil().clamp_(0, rows)
    corner = faces.T.contiguous()
    kept = (_differ(column, corner) & _differ(row, corner)).nonzero().squeeze(1)
    corner = corner[:, kept]

    # Corners from top to bottom; the parity of that order against the winding tells front from back.
    rise = points[:, 1].contiguous()
    order = rise[corner].argsort(0)
    corner = corner.gather(0, order)
    row = row[corner].long()
    winding = torch.where((order[1] - order[0]) % 3 == 1, -1.0, 1.0).to(points)
    upper_end, lower_end = corner[[0, 0, 1]].flatten(), corner[[2, 1, 2]].flatten()
    # An edge is computed from its lower-numbered end, the same way for both of its triangles.
    near, far = torch.minimum(upper_end, lower_end), torch.maximum(upper_end, lower_end)
    value = points[:, 2].reciprocal() if perspective else points[:, 2]
    level = torch.stack([points[:, 0], value], dim=1)
    base, start = level[near], rise[near]
    slope = (level[far] - base) / (rise[far] - start).unsqueeze(1)

    # One line per triangle and row: where the long edge and the upper or lower short edge cross it.
    heights = row[2] - row[0]
    face = torch.repeat_interleave(heights)
    line = torch.arange(len(face), device=points.device) - (heights.cumsum(0) - heights - row[0])[face]
    short = face + len(kept) * (1 + (line >= row[1][face]).long())
    y = line.to(points)

    def crossing(edge: torch.Tensor) -> torch.Tensor:
        return base[edge] + (y - start[edge]).unsqueeze(1) * slope[edge]

    long, other = crossing(face), crossing(short)
    swapped = long[:, 0] > other[:, 0]
    left = torch.where(swapped.unsqueeze(1), other, long)
    right = torch.where(swapped.unsqueeze(1), long, other)
    begin = left[:, 0].ceil().clamp(0, cols)
    widths = (right[:, 0].ceil().clamp(0, cols) - begin).long()
    used = (widths > 0).nonzero().squeeze(1)
    left, right, begin, widths, face = left[used], right[used], begin[used], widths[used], face[used]
    sign = torch.where(swapped[used], winding[face], -winding[face])
    first_pixel = line[used] * cols + begin.long()
    # Value as a line over the columns, between the two crossings and never beyond them.
    gradient = sign * (right[:, 1] - left[:, 1]) / (right[:, 0] - left[:, 0])
    offset = sign * left[:, 1] + gradient * (begin - left[:, 0])
    factor = None if weights is None else weights[kept[face]].to(points).T.contiguous()

    ends = widths.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    lower = 0
    while lower < len(ends):
        before = int(ends[lower - 1]) if lower else 0
        upper = len(ends)
        if total - before > _CHUNK:
            limit = torch.tensor(before + _CHUNK, device=ends.device)
            upper = max(lower + 1, int(torch.searchsorted(ends, limit, right=True)))
        part = slice(lower, upper)
        count = widths[part]
        span = torch.repeat_interleave(count)
        step = torch.arange(len(span), device=points.device) - (ends[part] - count - before)[span]
        depth = offset[part][span] + gradient[part][span] * step
        if perspective:
            depth = depth.reciprocal_()
        pixel = first_pixel[part][span] + step
        for channel in range(channels):
            amount = depth if factor is None else depth * factor[channel, part][span]
            out[channel].index_add_(0, pixel, amount)
        lower = upper
    return out.reshape(channels, rows, cols)


def _differ(cell: torch.Tensor, corner: torch.Tensor) -> torch.Tensor:
    """Whether the corners (3, F) lie in different cells, bool (F,)."""
    first, second, third = (cell.index_select(0, c) for c in corner)
    return (first != second) | (second != third)

"""Thickness of closed meshes along every pixel's ray.

For a closed surface the length of a ray inside it is the sum of its exit depths minus its entry depths, whatever the
order (Freud et al., "Fast and robust ray casting algorithms for virtual X-ray imaging", NIM B 2006). So one pass that adds
plus or minus the depth of each triangle to the pixels it covers gives the thickness, with no sorting and no compiler.
"""

from __future__ import annotations

import torch

# Rows of the expanded triangle-pixel table handled at once: bounds memory at about 100 bytes a row.
_CHUNK = 1 << 22


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
    corners = points[faces]
    xy, depth = corners[..., :2], corners[..., 2]
    low = xy.amin(1).ceil().clamp(min=0)
    high = torch.minimum(
        xy.amax(1).floor(), torch.tensor([cols - 1, rows - 1], dtype=xy.dtype, device=xy.device)
    )
    span = (high - low + 1).clamp(min=0).to(torch.int64)
    counts = span[:, 0] * span[:, 1]
    kept = counts.nonzero().squeeze(1)
    faces, xy, depth, low, span, counts = (
        t[kept] for t in (faces, xy, depth, low.to(torch.int64), span, counts)
    )

    # Both triangles of an edge must compute the same number for it, or pixels on the edge leak: order its ends by
    # index, and let the sign alone tell the two apart.
    centre = torch.tensor([cols / 2, rows / 2], dtype=xy.dtype, device=xy.device)
    head, tail = faces[:, [1, 2, 0]], faces[:, [2, 0, 1]]
    swap = (head > tail).unsqueeze(-1)
    start, stop = (xy - centre)[:, [1, 2, 0]], (xy - centre)[:, [2, 0, 1]]
    first, second = torch.where(swap, stop, start), torch.where(swap, start, stop)
    direction = second - first
    flip = torch.where(swap.squeeze(-1), -1.0, 1.0).to(xy)
    by_row, by_col = direction[..., 0] * flip, -direction[..., 1] * flip
    constant = (direction[..., 1] * first[..., 0] - direction[..., 0] * first[..., 1]) * flip
    factor = torch.ones_like(depth[:, :1]) if weights is None else weights[kept].to(xy)
    corner_value = depth.reciprocal() if perspective else depth

    # Value of a pixel = sum of e_i * v_i / sum of e_i, with e_i the edge function opposite to corner i.
    out = torch.zeros(rows * cols, factor.shape[1], dtype=xy.dtype, device=xy.device)
    ends = counts.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    begin_face = 0
    done = 0
    while done < total:
        end_face = int(torch.searchsorted(ends, torch.tensor(done + _CHUNK, device=ends.device), right=True))
        end_face = max(end_face, begin_face + 1)
        reps = counts[begin_face:end_face]
        face = torch.repeat_interleave(torch.arange(begin_face, end_face, device=xy.device), reps)
        offset = torch.arange(len(face), device=xy.device) + (done - (ends - counts)[face])
        width = span[:, 0][face]
        row = torch.div(offset, width, rounding_mode="floor")
        col = low[:, 0][face] + offset - row * width
        row = low[:, 1][face] + row
        edge = by_row[face] * (row.to(xy) - centre[1]).unsqueeze(1)
        edge += by_col[face] * (col.to(xy) - centre[0]).unsqueeze(1)
        edge += constant[face]
        touching = edge == 0
        if bool(touching.any()):
            edge = torch.where(touching, flip[face] * 1e-12, edge)
        front, back = edge.amin(1) > 0, edge.amax(1) < 0
        hit = (front | back).nonzero().squeeze(1)
        face, edge, pixel = face[hit], edge[hit], (row * cols + col)[hit]
        value = (edge * corner_value[face]).sum(1) / edge.sum(1)
        if perspective:
            value = value.reciprocal()
        value = torch.where(front[hit], value, -value)
        out.index_add_(0, pixel, value.unsqueeze(1) * factor[face])
        done = int(ends[end_face - 1])
        begin_face = end_face
    return out.T.reshape(-1, rows, cols)

"""Thickness of closed meshes along every pixel's ray.

For a closed surface the length of a ray inside it is the sum of its exit depths minus its entry depths, whatever the
order (Freud et al., "Fast and robust ray casting algorithms for virtual X-ray imaging", NIM B 2006). So one pass that adds
plus or minus the depth of each triangle to the pixels it covers gives the thickness, with no sorting and no compiler.

A triangle is cut into its rows, a row into the pixels between the two edges that cross it. Both triangles of an edge
compute the same crossing, so that no pixel between them is counted twice or missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

# Pixels of the expanded table handled at once: bounds memory at about 50 bytes a pixel.
_CHUNK = 1 << 21

_PORTION = 1 << 15
"""Triangles cut into rows at once on a processor."""


def signed_thickness(
    points: torch.Tensor,
    faces: torch.Tensor,
    size: tuple[int, int],
    *,
    perspective: bool,
    weights: torch.Tensor | None = None,
    groups: torch.Tensor | None = None,
    pictures: torch.Tensor | None = None,
) -> torch.Tensor:
    """Sum of weighted depths inside closed meshes, per pixel.

    Args:
        points: float (V, 3): column, row and depth of every vertex, as ``Camera.project`` gives them.
        faces: int (F, 3), counter-clockwise seen from outside.
        size: Picture height and width in pixels, each below 32,768.
        perspective: Whether depth is linear in 1 / z over the picture (perspective) or in z (orthographic).
        weights: float (F, C), factor of each triangle's depth in each output channel, the same all over a closed
            surface. Default: one channel of ones.
        groups: int64 (F,), row of ``weights`` (G, C) that holds for each triangle. Default: its own.
        pictures: int64 (G,), the picture that each group belongs to, from 0 up to the number of pictures; needs ``groups``.
            Default: one picture.

    Returns:
        float (C, rows, cols), in the unit of depth times weight; with ``pictures`` (B, C, rows, cols).
    """
    rows, cols = size
    channels = 1 if weights is None else weights.shape[1]
    count = 1 if pictures is None else int(pictures.max()) + 1
    out = torch.zeros(channels, count * rows * cols, dtype=points.dtype, device=points.device)
    # A point lies in a row or column when its coordinate, rounded up, is that row or column.
    side, rise, depth = (points[:, axis].contiguous() for axis in range(3))
    cells = side.ceil().clamp_(0, cols), rise.ceil().clamp_(0, rows)
    corner = faces.T.contiguous()
    kept = _crossed(*cells, corner)
    kinds = kept if groups is None else groups.index_select(0, kept)
    table = None if weights is None else weights.to(points).T.contiguous()
    scene = _Projected(side, rise, depth.reciprocal() if perspective else depth, cells[1])
    # On a processor a part's tables stay in its cache.
    portion = _PORTION if points.device.type == "cpu" else len(kept)
    for first in range(0, len(kept), max(1, portion)):
        part = slice(first, first + portion)
        spans = _spans(scene, corner.index_select(1, kept[part]).long(), cols)
        kind = kinds[part].index_select(0, spans.face)
        start = spans.pixel
        if pictures is not None:
            start = start + pictures.index_select(0, kind) * (rows * cols)
        _add(out, start, spans, None if table is None else table.index_select(1, kind), perspective)
    if pictures is None:
        return out.reshape(channels, rows, cols)
    return out.reshape(channels, count, rows, cols).transpose(0, 1)


@dataclass
class _Projected:
    """Vertices of a picture (V,): column, row, what is linear over the picture (depth or its inverse), and the row's cell."""

    side: torch.Tensor
    rise: torch.Tensor
    value: torch.Tensor
    cell: torch.Tensor


@dataclass
class _Spans:
    """Runs of pixels that a triangle covers in a row (L,): triangle, first pixel, length, signed value there, gain a pixel."""

    face: torch.Tensor
    pixel: torch.Tensor
    width: torch.Tensor
    value: torch.Tensor
    gain: torch.Tensor


def _spans(scene: _Projected, corner: torch.Tensor, cols: int) -> _Spans:
    """Cut triangles, by their corners int64 (3, K), into rows."""
    rise = scene.rise
    # Corners from top to bottom; the parity of that order against the winding tells front from back.
    order = rise.index_select(0, corner.flatten()).view_as(corner).argsort(0)
    corner = corner.gather(0, order)
    top, middle, bottom = (scene.cell.index_select(0, c).long() for c in corner)
    winding = torch.where((order[1] - order[0]) % 3 == 1, -1.0, 1.0).to(rise)
    # The long edge of each triangle, then its upper and its lower short one.
    high, mid, low = corner
    upper_end, lower_end = torch.cat([high, high, mid]), torch.cat([low, mid, low])
    # An edge is computed from its lower-numbered end, the same way for both of its triangles.
    near, far = torch.minimum(upper_end, lower_end), torch.maximum(upper_end, lower_end)
    start, level = rise.index_select(0, near), scene.value.index_select(0, near)
    begin, drop = scene.side.index_select(0, near), rise.index_select(0, far) - start
    # Columns and values at an edge's near end, and what they gain in a row.
    lean = (scene.side.index_select(0, far) - begin) / drop
    gain = (scene.value.index_select(0, far) - level) / drop

    # One line per triangle and row: where the long edge and the upper or lower short edge cross it.
    heights = bottom - top
    face = torch.repeat_interleave(heights)
    line = torch.arange(len(face), device=rise.device)
    line = line - (heights.cumsum(0) - heights - top).index_select(0, face)
    short = face + corner.shape[1] * (1 + (line >= middle.index_select(0, face)).long())

    def crossing(
        edge: torch.Tensor, line: torch.Tensor, at: torch.Tensor, per_row: torch.Tensor
    ) -> torch.Tensor:
        below = line.to(rise) - start.index_select(0, edge)
        return torch.addcmul(at.index_select(0, edge), below, per_row.index_select(0, edge))

    long_x, short_x = crossing(face, line, begin, lean), crossing(short, line, begin, lean)
    left, right = torch.minimum(long_x, short_x), torch.maximum(long_x, short_x)
    first = left.ceil().clamp_(0, cols)
    widths = right.ceil().clamp_(0, cols) - first
    # Most lines of small triangles hold no pixel's centre.
    used = (widths > 0).nonzero().squeeze(1)
    face, short, line, first, widths, long_x, short_x, left = (
        v.index_select(0, used) for v in (face, short, line, first, widths, long_x, short_x, left)
    )
    long_value, short_value = crossing(face, line, level, gain), crossing(short, line, level, gain)
    swapped = long_x > short_x
    sign = winding.index_select(0, face)
    sign = torch.where(swapped, sign, -sign)
    # Value as a line over the columns, between the two crossings and never beyond them.
    gradient = sign * (short_value - long_value) / (short_x - long_x)
    offset = sign * torch.where(swapped, short_value, long_value) + gradient * (first - left)
    return _Spans(face, line * cols + first.long(), widths.long(), offset, gradient)


def _add(
    out: torch.Tensor, start: torch.Tensor, spans: _Spans, factor: torch.Tensor | None, perspective: bool
) -> None:
    """Add spans from their first pixels (L,) on to pictures (C, pixels), times a factor (C, L) a channel."""
    ends = spans.width.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    lower = 0
    while lower < len(ends):
        before = int(ends[lower - 1]) if lower else 0
        upper = len(ends)
        if total - before > _CHUNK:
            limit = torch.tensor(before + _CHUNK, device=ends.device)
            upper = max(lower + 1, int(torch.searchsorted(ends, limit, right=True)))
        part = slice(lower, upper)
        run = spans.width[part]
        span = torch.repeat_interleave(run)
        step = torch.arange(len(span), device=ends.device)
        step = step - (ends[part] - run - before).index_select(0, span)
        depth = torch.addcmul(
            spans.value[part].index_select(0, span), spans.gain[part].index_select(0, span), step
        )
        if perspective:
            depth = depth.reciprocal_()
        pixel = start[part].index_select(0, span).add_(step)
        for channel in range(len(out)):
            amount = depth if factor is None else depth * factor[channel, part].index_select(0, span)
            out[channel].index_add_(0, pixel, amount)
        lower = upper


def _crossed(column: torch.Tensor, row: torch.Tensor, corner: torch.Tensor) -> torch.Tensor:
    """Triangles, by their corners (3, F), that lie in more than one column and more than one row, int64 (K,)."""
    # Both cells of a point in one number: where two such differ, the bits of their difference tell in which.
    cell = column.int() + (row.int() << 16)
    first, second, third = (cell.index_select(0, c) for c in corner)
    differ = (first ^ second).bitwise_or_(second ^ third)
    return ((differ & 0xFFFF) != 0).logical_and_(differ > 0xFFFF).nonzero().squeeze(1)

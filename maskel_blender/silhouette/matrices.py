"""Inverse and determinant of small matrices, in Python's own numbers. No bpy.

numpy hands them to a linear algebra library that wakes a thread on every core, and those spin for tens of milliseconds after a
few microseconds of work: in a batch they take the processor from the model. The same holds for its products of many points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def inverse(matrix: ArrayLike) -> NDArray[np.float64]:
    """Inverse of a small square matrix, (n, n) float64, by elimination with the largest pivot of each column.

    Raises:
        numpy.linalg.LinAlgError: If there is none.

    """
    values = np.asarray(matrix, np.float64)
    size = len(values)
    rows = [[*row, *(float(i == j) for j in range(size))] for i, row in enumerate(values.tolist())]
    for column in range(size):
        best = max(range(column, size), key=lambda r: abs(rows[r][column]))
        pivot = rows[best][column]
        # a NaN is no pivot either
        if not abs(pivot) > 0.0:
            raise np.linalg.LinAlgError("Singular matrix")
        rows[best], rows[column] = rows[column], rows[best]
        top = rows[column] = [value / pivot for value in rows[column]]
        for other in range(size):
            factor = rows[other][column]
            if other != column and factor != 0.0:
                rows[other] = [a - factor * b for a, b in zip(rows[other], top, strict=True)]
    return np.array([row[size:] for row in rows], np.float64)


def determinant(matrix: ArrayLike) -> float:
    """Determinant of a (3, 3) matrix; negative of one that mirrors."""
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(matrix, np.float64).tolist()
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def apply(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of a matrix (k, n) or a row (n,) with many points (N, n): (N, k) or (N,), on the calling thread alone."""
    return np.einsum("ij,kj->ik" if matrix.ndim == 2 else "ij,j->i", points, matrix)

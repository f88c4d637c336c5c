"""Intervals, tests and agreement of grades."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]

RESAMPLES = 9999
"""Of every bootstrap and every random permutation test."""

_CHUNK = 1000

FEWEST = 5
"""Independent units below which no interval is given: the bootstrap's would be far too narrow."""


def mean_interval(values: Values, level: float = 0.95, seed: int = 0) -> tuple[float, float] | None:
    """Percentile bootstrap interval of the mean.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Args:
        values: float (N,), one for each independent unit: a body, not a grade.
        level: Coverage.
        seed: Of the resampling.

    Returns:
        Lower and upper bound; None for fewer than `FEWEST` values.
    """
    if len(values) < FEWEST:
        return None
    picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[picks].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_test(differences: Values, seed: int = 0) -> float | None:
    """Two-sided p of the hypothesis that the differences are symmetric about zero, by flipping their signs.

    Exact up to 13 differences, else by `RESAMPLES` random flips. Source: Fisher, The Design of Experiments, 1935, section 21;
    `scipy.stats.permutation_test`.

    Args:
        differences: float (N,), one a body.
        seed: Of the flips.

    Returns:
        None for fewer than two differences.
    """
    if len(differences) < 2:
        return None

    def mean(values: Values, axis: int) -> Values:
        # Rounded, so that sums that differ by their order of addition alone count as equal.
        return np.round(values.mean(axis=axis), 9)

    found = stats.permutation_test(
        (differences,),
        mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=_CHUNK,
        random_state=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for being several. Source: Holm, Scandinavian Journal of Statistics 6, 1979."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    so_far = 0.0
    for rank, index in enumerate(order):
        so_far = max(so_far, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = so_far
    return [float(value) for value in adjusted]


def rank_test(first: Values, second: Values) -> tuple[float, float] | None:
    """Two independent samples by their ranks.

    Source: Mann and Whitney, Annals of Mathematical Statistics 18, 1947; `scipy.stats.mannwhitneyu`.

    Returns:
        The chance that one of ``first`` is above one of ``second``, ties counting half, and the two-sided p; None where
        one of them is empty.
    """
    if not len(first) or not len(second):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = stats.mannwhitneyu(first, second, alternative="two-sided")
    p = float(found.pvalue)
    # Where every value is the same there is no spread to compare with, and nothing differs.
    return float(found.statistic) / (len(first) * len(second)), p if np.isfinite(p) else 1.0


def proportion(right: int, number: int) -> dict[str, float | int | list[float]]:
    """A share of right answers with its exact 95 % interval and the two-sided p of guessing.

    Source: Clopper and Pearson, Biometrika 26, 1934; `scipy.stats.binomtest`.
    """
    found = stats.binomtest(right, number, 0.5)
    interval = found.proportion_ci(confidence_level=0.95, method="exact")
    return {
        "right": right,
        "of": number,
        "share": right / number,
        "interval": [float(interval.low), float(interval.high)],
        "p": float(found.pvalue),
    }


def coincidences(ratings: Values, values: Sequence[float]) -> NDArray[np.float64]:
    """What each unit adds to the matrix of observed coincidences of `krippendorff_alpha`.

    Args:
        ratings: float (readers, units), NaN where not rated.
        values: The possible ratings, ascending.

    Returns:
        float (units, V, V); zeros for units that fewer than two readers rated.
    """
    counts = (ratings[:, :, None] == np.asarray(values)).sum(axis=0).astype(np.float64)
    rated = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs[:, np.arange(len(values)), np.arange(len(values))] -= counts
    return pairs * np.where(rated > 1, 1 / np.maximum(rated - 1, 1), 0.0)[:, None, None]


def krippendorff_alpha(observed: NDArray[np.float64]) -> float | None:
    """Agreement of readers on an ordinal scale: 1 perfect, 0 as by chance.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, section E (missing ratings) with the ordinal
    difference function.

    Args:
        observed: float (V, V), coincidences of the ratings, summed over units.

    Returns:
        None where nothing is paired or every paired rating is the same.
    """
    totals = observed.sum(axis=1)
    number = totals.sum()
    reach = np.cumsum(totals)
    # Ratings from c to k, the two ends counted half.
    between = np.abs(reach[None, :] - reach[:, None] - (totals[None, :] - totals[:, None]) / 2)
    distance = between**2
    expected = float((np.outer(totals, totals) * distance).sum())
    if number <= 1 or expected <= 0:
        return None
    return 1 - float((number - 1) * (observed * distance).sum()) / expected


def alpha_interval(
    ratings: Values, values: Sequence[float], clusters: Sequence[str], seed: int = 0, resamples: int = 1999
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of alpha at 95 %, bodies drawn anew with all their pictures.

    Args:
        ratings: float (readers, units), NaN where not rated.
        values: The possible ratings, ascending.
        clusters: The body of every unit.
        seed: Of the resampling.
        resamples: How many.

    Returns:
        None for fewer than `FEWEST` bodies, or where too few resamples have an alpha.
    """
    parts = coincidences(ratings, values)
    names = sorted({c for c, part in zip(clusters, parts, strict=True) if part.any()})
    if len(names) < FEWEST:
        return None
    whole = np.stack([parts[[c == name for c in clusters]].sum(axis=0) for name in names])
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        alpha = krippendorff_alpha(whole[rng.integers(0, len(names), len(names))].sum(axis=0))
        if alpha is not None:
            found.append(alpha)
    if len(found) < resamples / 2:
        return None
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)

"""Evaluation: metrics inside the body, plain references, a report."""

import maskel_core.training  # noqa: F401  (before torch loads: how its threads wait)

"""Evaluation: metrics inside the body, plain references, a report."""

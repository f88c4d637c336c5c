"""What readers are asked: the one list behind the page, the checks of answers, and the report."""

from __future__ import annotations

CRITERIA = {
    "anatomy": ("Anatomy", "Bones all there, well formed, in their joints?"),
    "symmetry": ("Symmetry", "Left and right match, as pose and view allow?"),
    "proportion": ("Proportion", "Lengths and sizes fit one another and the body?"),
    "style": ("Image style", "Contrast, sharpness, layering of an X-ray?"),
}
"""Criterion to its name and question, as doctors graded in the MaSkel paper (arXiv 2404.09000)."""

GRADES = {1: "very poor", 2: "poor", 3: "fair", 4: "good", 5: "very good"}
"""The five grades, higher is better."""

SOURCES = {"made": "Made by model", "truth": "Simulated"}
"""Where a picture comes from, in the key and as readers guess it."""

GROUPS = {"view": "View", "pose": "Pose", "age": "Age", "clothing": "Clothing", "form": "Form"}
"""What results are split by, and its heading."""

PAGE_FORMAT = "maskel-study"
ANSWERS_FORMAT = "maskel-study-answers"
KEY_FORMAT = "maskel-study-key"
VERSION = 1

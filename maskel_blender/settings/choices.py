"""Choices that settings and operators share."""

from __future__ import annotations

TARGETS = (
    ("ACTIVE", "Active Object", "The active object; an armature or empty stands for its meshes"),
    ("SELECTED", "Selected", "All selected objects together"),
    ("COLLECTION", "Collection", "All objects of a collection"),
    ("ARMATURE", "Armature", "An armature with all meshes it deforms or carries"),
)
STYLES = (
    ("dxa", "DXA", "Bone mineral bright, soft tissue a faint veil"),
    ("radiograph", "Radiograph", "As on a film viewed as a negative: soft tissue grey, bone bright"),
    ("bone", "Bone", "Bones alone"),
    ("inverted", "Inverted", "Dark bones on a light body"),
)
PLACEMENTS = (("PLANE", "Image Plane", "A mesh plane before the character, registered to the camera"),)

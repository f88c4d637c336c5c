"""Choices that settings and operators share."""

from __future__ import annotations

TARGETS = (
    ("ACTIVE", "Active Object", "The active object; an armature or empty stands for its meshes"),
    ("SELECTED", "Selected", "All selected objects together"),
    ("COLLECTION", "Collection", "All objects of a collection"),
)
STYLES = (
    ("dxa", "DXA", "Bone mineral bright, soft tissue a faint veil"),
    ("radiograph", "Radiograph", "As on a film viewed as a negative: soft tissue grey, bone bright"),
    ("bone", "Bone", "Bones alone"),
    ("inverted", "Inverted", "Dark bones on a light body"),
)
PLACEMENTS = (
    (
        "PLANE",
        "Image Plane",
        "A mesh plane in the scene, registered to the camera; it is rendered too",
        "MESH_PLANE",
        0,
    ),
    (
        "EMPTY",
        "Reference Image",
        "An Empty in the scene, registered to the camera; it is never rendered",
        "EMPTY_DATA",
        1,
    ),
    (
        "BACKGROUND",
        "Camera Background",
        "A background image of the camera; it is seen in camera view only, and never rendered",
        "CAMERA_DATA",
        2,
    ),
)
DEPTHS = (
    ("FRONT", "In Front", "Just before the character's nearest point, so that the X-ray covers it"),
    ("MIDDLE", "Middle", "Halfway through the character, where the bones are"),
    ("BEHIND", "Behind", "Just behind the character's farthest point"),
)
LAYERS = (
    ("BOTH", "Both", "Bone and soft tissue"),
    ("BONE", "Bone", "Bone alone"),
    ("SOFT", "Soft Tissue", "Soft tissue alone"),
)
KEEP = (
    ("REPLACE", "Replace", "The X-ray of the same camera and character is renewed in place"),
    ("VERSIONS", "Keep Versions", "It is kept, numbered and hidden, and can be stepped back to"),
)

"""Marks on what MaSkel makes: a custom property on objects, images and collections. No bpy."""

from __future__ import annotations

ROLE_KEY = "maskel_role"
"""Custom property that marks what MaSkel made; marked objects are never part of a silhouette."""

ROLE_COLLECTION = "results"
ROLE_PLANE = "xray_plane"
ROLE_EMPTY = "xray_empty"
ROLE_SEQUENCE = "xray_sequence"
"""The image whose files are frames, and the plane or Empty that shows it."""
ROLE_PREVIEW = "xray_preview"
ROLE_REFERENCE = "xray_reference"
"""A plane's double for solid shading."""
ROLE_PICTURE = "xray_picture"
"""The image that is shown; a result lives in it, whatever shows it."""
ROLE_LAYERS = "xray_layers"
ROLE_GREY = "xray_grey"
"""In place of the layers, if the server sent none."""
ROLE_CAMERA = "rigging_camera"
ROLE_CAMERAS = "rigging_cameras"
"""The collection of those."""

PLACED = (ROLE_PLANE, ROLE_EMPTY)
"""Objects that show a single result."""

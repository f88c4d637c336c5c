"""Cameras, thickness of closed meshes, and X-ray line integrals in batched torch."""

from maskel_core.projection.camera import Camera
from maskel_core.projection.rasterise import signed_thickness

__all__ = ["Camera", "signed_thickness"]

"""Deleting an object of ours with what only it used."""

from __future__ import annotations

import bpy

from .material import is_ours
from .reference import double_of


def delete_object(item: bpy.types.Object) -> None:
    """Delete a plane or Empty with its double, mesh and materials; what else uses those, and what is the user's, stays."""
    double = double_of(item)
    mesh = item.data if item.type == "MESH" else None
    materials = [material for material in mesh.materials if material is not None] if mesh is not None else []
    if double is not None:
        bpy.data.objects.remove(double)
    bpy.data.objects.remove(item)
    if mesh is not None and mesh.users == 0:
        bpy.data.meshes.remove(mesh)
    for material in materials:
        if material.users == 0 and is_ours(material):
            bpy.data.materials.remove(material)

"""The plane's material: shown to the camera as it is, unlit, see-through where the silhouette is not."""

from __future__ import annotations

import bpy

from .. import compat

NODE_NAME = "MaSkel X-ray"
OPACITY_NAME = "MaSkel Opacity"


def give_material(plane: bpy.types.Object, name: str, image: bpy.types.Image) -> bpy.types.Node | None:
    """Give the plane a material that shows an image; a material it already has is the user's to change.

    Returns:
        The node that shows the image; None if the user has put it out of the material.

    """
    if any(plane.data.materials):
        return _node(plane, NODE_NAME)
    material = bpy.data.materials.new(name)
    node = _build(material)
    node.image = image
    node.id_data.nodes.active = node
    plane.data.materials.clear()
    plane.data.materials.append(material)
    return node


def set_opacity(plane: bpy.types.Object, opacity: float) -> None:
    """Set it in the material, if that still has the node for it."""
    node = _node(plane, OPACITY_NAME)
    if node is not None:
        node.inputs[1].default_value = opacity


def is_ours(material: bpy.types.Material) -> bool:
    """Whether it still shows the picture the way we made it."""
    return material.node_tree is not None and NODE_NAME in material.node_tree.nodes


def _node(plane: bpy.types.Object, name: str) -> bpy.types.Node | None:
    trees = [material.node_tree for material in plane.data.materials if material is not None]
    return next((tree.nodes[name] for tree in trees if tree is not None and name in tree.nodes), None)


def _build(material: bpy.types.Material) -> bpy.types.Node:
    tree = compat.use_nodes(material)
    nodes, links = tree.nodes, tree.links
    nodes.clear()

    def node(kind: str, x: float, y: float) -> bpy.types.Node:
        made = nodes.new(kind)
        made.location = (x, y)
        return made

    picture = node("ShaderNodeTexImage", -900, 0)
    picture.name = picture.label = NODE_NAME
    # a body cut by the frame must not fade at the border
    picture.extension = "EXTEND"
    rays = node("ShaderNodeLightPath", -900, 400)
    seen = node("ShaderNodeMath", -550, 300)
    opacity = node("ShaderNodeMath", -350, 300)
    opacity.name = opacity.label = OPACITY_NAME
    seen.operation = opacity.operation = "MULTIPLY"
    opacity.inputs[1].default_value = 1.0
    clear = node("ShaderNodeBsdfTransparent", -350, 100)
    glow = node("ShaderNodeEmission", -350, -50)
    mix = node("ShaderNodeMixShader", -100, 100)
    output = node("ShaderNodeOutputMaterial", 150, 100)
    links.new(picture.outputs["Color"], glow.inputs["Color"])
    links.new(picture.outputs["Alpha"], seen.inputs[0])
    links.new(rays.outputs["Is Camera Ray"], seen.inputs[1])
    links.new(seen.outputs[0], opacity.inputs[0])
    links.new(opacity.outputs[0], mix.inputs[0])
    links.new(clear.outputs[0], mix.inputs[1])
    links.new(glow.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], output.inputs["Surface"])
    material.surface_render_method = "BLENDED"
    # solid shading knows no pictures: there the plane hides nothing, and its double shows the picture
    material.diffuse_color = (0.2, 0.6, 0.8, 0.0)
    return picture

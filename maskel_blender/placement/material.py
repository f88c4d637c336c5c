"""The plane's image and its material: shown to the camera as it is, unlit, see-through where the silhouette is not."""

from __future__ import annotations

import bpy

from .. import compat

NODE_NAME = "MaSkel X-ray"


def image_material(plane: bpy.types.Object, name: str, png: bytes) -> bpy.types.Image:
    """Give the plane a material with a packed image; a material it already has keeps the user's changes.

    Args:
        plane: The mesh object.
        name: Name of image and material.
        png: RGBA PNG, straight alpha.

    Returns:
        The image.

    """
    material = plane.data.materials[0] if plane.data.materials else None
    node = material.node_tree.nodes.get(NODE_NAME) if material is not None and material.node_tree else None
    old = node.image if node is not None else None
    if old is not None:
        # the new image takes the name, whatever else of that name there is
        bpy.data.images.remove(old)
    image = packed_image(name, png)
    if node is None:
        material = bpy.data.materials.new(name)
        node = _build(material)
        plane.data.materials.clear()
        plane.data.materials.append(material)
    node.image = image
    node.id_data.nodes.active = node
    return image


def packed_image(name: str, png: bytes) -> bpy.types.Image:
    """An image that lives in the blend file."""
    image = bpy.data.images.new(name, 1, 1, alpha=True)
    image.source = "FILE"
    # where "Unpack" would write it
    image.filepath_raw = f"//{bpy.path.clean_name(name)}.png"
    image.pack(data=png, data_len=len(png))
    image.alpha_mode = "STRAIGHT"
    image.colorspace_settings.name = "sRGB"
    return image


def _build(material: bpy.types.Material) -> bpy.types.Node:
    tree = compat.use_nodes(material)
    nodes, links = tree.nodes, tree.links
    nodes.clear()

    def node(kind: str, x: float, y: float) -> bpy.types.Node:
        made = nodes.new(kind)
        made.location = (x, y)
        return made

    picture = node("ShaderNodeTexImage", -700, 0)
    picture.name = picture.label = NODE_NAME
    # a body cut by the frame must not fade at the border
    picture.extension = "EXTEND"
    rays = node("ShaderNodeLightPath", -700, 400)
    seen = node("ShaderNodeMath", -350, 300)
    seen.operation = "MULTIPLY"
    clear = node("ShaderNodeBsdfTransparent", -350, 100)
    glow = node("ShaderNodeEmission", -350, -50)
    mix = node("ShaderNodeMixShader", -100, 100)
    output = node("ShaderNodeOutputMaterial", 150, 100)
    links.new(picture.outputs["Color"], glow.inputs["Color"])
    links.new(picture.outputs["Alpha"], seen.inputs[0])
    links.new(rays.outputs["Is Camera Ray"], seen.inputs[1])
    links.new(seen.outputs[0], mix.inputs[0])
    links.new(clear.outputs[0], mix.inputs[1])
    links.new(glow.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], output.inputs["Surface"])
    material.surface_render_method = "BLENDED"
    # solid shading knows no pictures: there the plane hides nothing, and its double shows the picture
    material.diffuse_color = (0.2, 0.6, 0.8, 0.0)
    return picture

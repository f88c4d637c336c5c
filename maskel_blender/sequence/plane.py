"""The plane that shows a sequence, keyed at each frame where the camera stood then.

Keys rather than drivers: the pictures are of the camera as it was, so the plane must stay there when the camera is animated
anew; keys need no scripts, survive linking and appending, and hold moves, lens, shift and depth alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import bpy
import numpy as np
from mathutils import Matrix

from .. import compat
from ..placement.roles import results_collection
from ..targets import ROLE_KEY
from .files import SequenceFiles
from .pose import FrameView

ROLE_SEQUENCE = "xray_sequence"
ROLE_DOUBLE = "xray_reference"
_OVER = 0.002
_NODE = "MaSkel X-ray"
_CURVES = {"location": 3, "rotation_quaternion": 4, "scale": 3}


def place_sequence(
    scene: bpy.types.Scene,
    target: str,
    camera: str,
    files: SequenceFiles,
    views: Mapping[int, FrameView],
    provenance: Mapping[str, str | int | float],
) -> bpy.types.Object:
    """Make the plane of a camera and character, or renew the one there is.

    Args:
        scene: Where it belongs.
        target: Name of the character.
        camera: Name of the camera.
        files: Pictures on disk, one for every frame.
        views: Where the camera stood, by frame; at least one.
        provenance: Custom properties to set, without the prefix ``maskel_``.

    Returns:
        The mesh object.

    """
    collection = results_collection(scene)
    plane = next((item for item in collection.objects if _is_for(item, target, camera)), None)
    name = f"X-ray {target} {camera} frames"
    if plane is None:
        plane = _new_plane(collection, name)
    image = _image(plane, name, files)
    _material(plane, name, image, files)
    first = views[min(views)]
    _double(collection, plane, image, first, files)
    _key(plane, files, views, scene.frame_current)
    plane[ROLE_KEY], plane["maskel_camera"], plane["maskel_target"] = ROLE_SEQUENCE, camera, target
    for key, value in provenance.items():
        plane[f"maskel_{key}"] = value
    return plane


def _is_for(item: bpy.types.Object, target: str, camera: str) -> bool:
    return (
        item.get(ROLE_KEY) == ROLE_SEQUENCE
        and item.type == "MESH"
        and item.get("maskel_camera") == camera
        and item.get("maskel_target") == target
    )


def _new_plane(collection: bpy.types.Collection, name: str) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(
        [(-0.5, -0.5, 0.0), (0.5, -0.5, 0.0), (0.5, 0.5, 0.0), (-0.5, 0.5, 0.0)], [], [(0, 1, 2, 3)]
    )
    layer = mesh.uv_layers.new(name="UVMap", do_init=False)
    layer.data.foreach_set("uv", [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    mesh.update()
    plane = bpy.data.objects.new(name, mesh)
    collection.objects.link(plane)
    plane.hide_select = True
    plane.rotation_mode = "QUATERNION"
    for ray in ("shadow", "diffuse", "glossy", "transmission", "volume_scatter"):
        setattr(plane, f"visible_{ray}", False)
    return plane


def _image(plane: bpy.types.Object, name: str, files: SequenceFiles) -> bpy.types.Image:
    path = str(files.path(files.range.start))
    if bpy.data.filepath:
        try:
            path = bpy.path.relpath(path)
        except ValueError:
            # another drive
            path = str(files.path(files.range.start))
    old = next((child.data for child in plane.children if child.get(ROLE_KEY) == ROLE_DOUBLE), None)
    image = old or bpy.data.images.load(path)
    image.name, image.filepath = name, path
    image.source = "SEQUENCE"
    image.alpha_mode = "STRAIGHT"
    image.colorspace_settings.name = "sRGB"
    image.reload()
    return image


def _play(user: bpy.types.ImageUser, files: SequenceFiles) -> None:
    user.frame_start, user.frame_offset = files.range.start, files.offset
    user.frame_duration = files.range.end - files.range.start + 1
    user.use_cyclic, user.use_auto_refresh = False, True


def _material(plane: bpy.types.Object, name: str, image: bpy.types.Image, files: SequenceFiles) -> None:
    material = plane.data.materials[0] if plane.data.materials else None
    node = material.node_tree.nodes.get(_NODE) if material is not None and material.node_tree else None
    if node is None:
        material = bpy.data.materials.new(name)
        node = _build(material)
        plane.data.materials.clear()
        plane.data.materials.append(material)
    node.image = image
    _play(node.image_user, files)


def _build(material: bpy.types.Material) -> bpy.types.Node:
    """Shown to the camera as it is: unlit, and see-through where the silhouette is not."""
    tree = compat.use_nodes(material)
    nodes, links = tree.nodes, tree.links
    nodes.clear()
    picture = nodes.new("ShaderNodeTexImage")
    picture.name = picture.label = _NODE
    picture.extension = "EXTEND"
    rays, seen = nodes.new("ShaderNodeLightPath"), nodes.new("ShaderNodeMath")
    seen.operation = "MULTIPLY"
    clear, glow = nodes.new("ShaderNodeBsdfTransparent"), nodes.new("ShaderNodeEmission")
    mix, output = nodes.new("ShaderNodeMixShader"), nodes.new("ShaderNodeOutputMaterial")
    for column, row in enumerate((picture, rays, seen, clear, glow, mix, output)):
        row.location = (220.0 * (column - 3), 0.0)
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


def _double(
    collection: bpy.types.Collection,
    plane: bpy.types.Object,
    image: bpy.types.Image,
    first: FrameView,
    files: SequenceFiles,
) -> None:
    """An image Empty a hair nearer, for solid shading; its parent's keys move it too."""
    empty = next((item for item in plane.children if item.get(ROLE_KEY) == ROLE_DOUBLE), None)
    if empty is None:
        empty = bpy.data.objects.new(f"{plane.name} (solid view)", None)
        empty[ROLE_KEY] = ROLE_DOUBLE
        collection.objects.link(empty)
        empty.parent = plane
        empty.hide_select = True
        empty.empty_display_type, empty.empty_display_size = "IMAGE", 1.0
        empty.empty_image_offset, empty.empty_image_side = (-0.5, -0.5), "DOUBLE_SIDED"
        empty.use_empty_image_alpha = True
    empty.data = image
    _play(empty.image_user, files)
    picture = first.view.picture
    longer = max(picture.width, picture.height)
    # Blender draws the image's longer side one unit long
    fit = Matrix.Diagonal((longer / picture.width, longer / picture.height, 1.0, 1.0))
    empty.matrix_parent_inverse = Matrix.Identity(4)
    empty.matrix_basis = Matrix(first.nearer(_OVER).tolist()) @ fit


def _key(plane: bpy.types.Object, files: SequenceFiles, views: Mapping[int, FrameView], current: int) -> None:
    """Constant keys at each frame with a picture; between them the picture holds, and so does its place."""
    action = compat.new_action(plane, plane.name)
    frames = sorted(views)
    rows: dict[str, list[tuple[float, ...]]] = {path: [] for path in _CURVES}
    before = None
    for frame in frames:
        location, rotation, scale = Matrix(views[frame].matrix().tolist()).decompose()
        if before is not None:
            # the shorter way round, should the user make the keys flow
            rotation.make_compatible(before)
        before = rotation
        for path, value in zip(_CURVES, (location, rotation, scale), strict=True):
            rows[path].append(tuple(value))
    shown = max((i for i, frame in enumerate(frames) if frame <= current), default=0)
    for path, count in _CURVES.items():
        values = np.array(rows[path], np.float64)
        setattr(plane, path, rows[path][shown])
        for index in range(count):
            curve = compat.new_fcurve(action, plane, path, index)
            points = curve.keyframe_points
            points.add(len(frames))
            points.foreach_set("co", np.stack([frames, values[:, index]], axis=1).ravel())
            for point in points:
                point.interpolation = "CONSTANT"
            curve.update()
    plane.update_tag(refresh={"TIME"})

"""Meshes and camera as a render would see them, without a render and without touching the user's scene.

A dependency graph in render mode (render-level subdivision, render-only modifiers, hide_render, particle counts) is only handed
to render engines. So a render engine of our own, which draws nothing, is asked to "render" 4 x 4 pixels of a temporary scene
that links the objects; it reads what it is given. This needs no GPU and costs a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import compat
from ..errors import SilhouetteError
from .sharing import shared_within

MESH_TYPES = ("MESH", "CURVE", "SURFACE", "FONT", "META")
"""Object types that become a mesh in a render."""


@dataclass
class Part:
    """One evaluated mesh and everywhere it stands."""

    vertices: NDArray[np.float32]  # (V, 3) object space, metres
    triangles: NDArray[np.int32]  # (T, 3)
    to_world: list[NDArray[np.float64]] = field(default_factory=list)  # (4, 4) each

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest coordinates (3,) in object space."""
        return self.vertices.min(axis=0).astype(np.float64), self.vertices.max(axis=0).astype(np.float64)


def bounds(parts: Sequence[Part]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest coordinates (3,) in world space of boxes around the parts."""
    corners = []
    for part in parts:
        low, high = part.bounds
        box = np.array(
            [[*(high[i] if k >> i & 1 else low[i] for i in range(3)), 1.0] for k in range(8)], np.float64
        )
        corners += [(box @ to_world.T)[:, :3] for to_world in part.to_world]
    points = np.concatenate(corners)
    return points.min(axis=0), points.max(axis=0)


class _SilhouetteEngine(bpy.types.RenderEngine):
    """Reads the dependency graph of one render and draws nothing."""

    bl_idname = "MASKEL_SILHOUETTE"
    bl_label = "MaSkel silhouette"
    bl_use_preview = False

    visit: ClassVar[Callable[[bpy.types.Depsgraph], None] | None] = None
    frame: ClassVar[int | None] = None
    failure: ClassVar[Exception | None] = None

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        # Blender prints what a callback raises and goes on; keep it for the caller
        cls = type(self)
        try:
            if cls.frame is not None:
                # the operator renders the frame of the window's scene; this graph is its own, so that one stays as it is
                self.frame_set(cls.frame, 0.0)
            if cls.visit is not None:
                cls.visit(depsgraph)
        except Exception as error:
            cls.failure = error


def in_render_mode(
    scene: bpy.types.Scene,
    objects: Sequence[bpy.types.Object],
    camera: bpy.types.Object,
    visit: Callable[[bpy.types.Depsgraph], None],
    frame: int | None = None,
) -> None:
    """Call `visit` with a dependency graph in render mode that holds the objects and the camera.

    Args:
        scene: The user's scene; only read.
        objects: Objects to evaluate; their armatures and other dependencies come along unseen.
        camera: The camera object.
        visit: Called once, synchronously; the graph is gone afterwards, so it must copy what it wants to keep.
        frame: Frame to evaluate; None for the scene's own, which stays where it is either way.

    Raises:
        SilhouetteError: ``render_busy`` if Blender refuses to render now; else what `visit` raised.

    """
    had_result = "Render Result" in bpy.data.images
    temporary = bpy.data.scenes.new("MaSkel (temporary)")
    visited: list[bool] = []

    def once(depsgraph: bpy.types.Depsgraph) -> None:
        visited.append(True)
        visit(depsgraph)

    _SilhouetteEngine.visit, _SilhouetteEngine.failure = staticmethod(once), None
    _SilhouetteEngine.frame = frame
    # registered for this moment only: nobody can choose it, and a class left registered at exit hangs the 4.5 module
    bpy.utils.register_class(_SilhouetteEngine)
    try:
        _copy_settings(scene, temporary)
        for item in objects:
            temporary.collection.objects.link(item)
        temporary.camera = camera
        with compat.quiet_handlers():
            bpy.ops.render.render(scene=temporary.name)
    finally:
        compat.remove_scene(temporary)
        failure = _SilhouetteEngine.failure
        _SilhouetteEngine.visit, _SilhouetteEngine.failure = None, None
        bpy.utils.unregister_class(_SilhouetteEngine)
        result = bpy.data.images.get("Render Result")
        if result is not None and not had_result:
            bpy.data.images.remove(result)
    if failure is not None:
        raise failure
    if not visited:
        raise SilhouetteError(
            "render_busy",
            "Blender is rendering and cannot give out the character now.",
            "Wait for the render to end or cancel it.",
        )


def _copy_settings(scene: bpy.types.Scene, temporary: bpy.types.Scene) -> None:
    """What of a scene changes the shape of objects in a render."""
    source, render = scene.render, temporary.render
    render.engine = _SilhouetteEngine.bl_idname
    render.resolution_x = render.resolution_y = 4
    render.resolution_percentage = 100
    render.use_compositing = render.use_sequencer = False
    for name in (
        "fps",
        "fps_base",
        "use_simplify",
        "simplify_subdivision_render",
        "simplify_child_particles_render",
    ):
        setattr(render, name, getattr(source, name))
    temporary.frame_start, temporary.frame_end = scene.frame_start, scene.frame_end
    temporary.frame_current = scene.frame_current
    temporary.frame_subframe = scene.frame_subframe
    temporary.gravity = scene.gravity
    temporary.use_gravity = scene.use_gravity
    # drivers may look at custom properties of "the active scene"
    for name, value in scene.items():
        if isinstance(value, int | float | str):
            temporary[name] = value


@shared_within
def collect(depsgraph: bpy.types.Depsgraph, left_out: Container[str] = frozenset()) -> list[Part]:
    """Copy all meshes a render shows, instances included.

    Strands (hair curves, particle hair) are no meshes and never count; what particles or nodes instance does.

    Args:
        depsgraph: A graph in render mode.
        left_out: Full names of objects that do not count.

    Returns:
        One part a distinct mesh.

    """
    parts: dict[int, Part | None] = {}
    for instance in depsgraph.object_instances:
        item = instance.object
        # an instancer may hide itself and show only what it instances; rays of the camera may pass an object by
        if item.type not in MESH_TYPES or not instance.show_self or not item.visible_camera:
            continue
        if left_out and any(
            source is not None and source.original.name_full in left_out for source in (item, instance.parent)
        ):
            continue
        key = item.data.as_pointer()
        if key not in parts:
            parts[key] = _read_mesh(item)
        part = parts[key]
        if part is not None:
            part.to_world.append(np.array(instance.matrix_world, np.float64))
    return [part for part in parts.values() if part is not None]


def _read_mesh(item: bpy.types.Object) -> Part | None:
    mesh = item.to_mesh()
    if mesh is None:
        return None
    try:
        vertices = np.empty((len(mesh.vertices), 3), np.float32)
        mesh.vertices.foreach_get("co", vertices.ravel())
        if len(mesh.loops) == 3 * len(mesh.polygons):
            triangles = np.empty((len(mesh.polygons), 3), np.int32)
            mesh.loops.foreach_get("vertex_index", triangles.ravel())
        else:
            mesh.calc_loop_triangles()
            triangles = np.empty((len(mesh.loop_triangles), 3), np.int32)
            mesh.loop_triangles.foreach_get("vertices", triangles.ravel())
    finally:
        item.to_mesh_clear()
    return Part(vertices, triangles) if len(triangles) else None

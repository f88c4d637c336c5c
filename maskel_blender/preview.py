"""Live preview: a coarse X-ray that follows the character and the camera, or the viewport's own view.

Handlers only set a flag; the pump does the work. The preview is an image Empty of its own, and only changes of the character
and the camera set the flag, so it never triggers itself.
"""

from __future__ import annotations

import bpy
import numpy as np

from . import compat, targets
from .client.png import decode_png, encode_png
from .client.request import XrayRequest
from .errors import MaskelError, unforeseen
from .jobs import Job, JobOptions
from .marks import ROLE_KEY, ROLE_PREVIEW
from .orders import names_of
from .placement.frame import Frame
from .placement.picture import compose
from .placement.reference import lay_reference, new_empty
from .preferences import job_options
from .queue.newest import Newest
from .session import SESSION
from .silhouette.camera import find_camera
from .silhouette.capture import Silhouette, capture
from .silhouette.matrices import inverse
from .silhouette.raster import Region
from .silhouette.view import CameraView

PIXELS = 256
_NAME = "X-ray preview"


class LivePreview:
    """Only used on the main thread."""

    def __init__(self) -> None:
        self.on = False
        self.dirty = False
        self.error: MaskelError | None = None
        self.source = "CAMERA"
        self._scene = ""
        self._style = ""
        self._objects: tuple[tuple[str, str | None], ...] = ()
        self._options: JobOptions | None = None
        self._area = 0
        self._seen: object = None
        self._newest: Newest[Silhouette] = Newest(self._start_job)

    def start(self, context: bpy.types.Context, source: str = "CAMERA") -> None:
        """Switch on.

        Args:
            context: Whose character and preferences count; for the viewport also whose area.
            source: ``CAMERA``, the scene's active one, or ``VIEW``, the viewport.

        Raises:
            MaskelError: No server, no character, no camera, or no viewport.

        """
        settings = context.scene.maskel
        self._options = job_options(context)
        objects = targets.of_settings(context)[1]
        if source == "CAMERA":
            find_camera(context.scene)
        elif context.area is None or context.area.type != "VIEW_3D":
            raise MaskelError(
                "no_viewport", "There is no 3D viewport to follow.", "Switch it on in a viewport's sidebar."
            )
        self.source, self._scene, self._style = source, context.scene.name, settings.style
        self._objects = names_of(objects)
        self._area = context.area.as_pointer() if context.area else 0
        self.on, self.dirty, self.error, self._seen = True, True, None, None

    def stop(self) -> None:
        """Switch off, and take the preview out of the scene."""
        if self.on:
            self.on = False
            self._newest.cancel()
        self.remove()

    def note(self, depsgraph: bpy.types.Depsgraph) -> None:
        """Something has changed: if it is the character or the camera, the preview is out of date."""
        if not self.on or self.dirty:
            return
        names = {name for name, _ in self._objects}
        camera = bpy.data.scenes[self._scene].camera if self._scene in bpy.data.scenes else None
        if camera is not None and self.source == "CAMERA":
            names.add(camera.name)
        for update in depsgraph.updates:
            changed = update.id
            if (
                isinstance(changed, bpy.types.Object)
                and changed.name in names
                and (update.is_updated_transform or update.is_updated_geometry)
            ):
                self.dirty = True
                return

    def undone(self) -> None:
        """An undo may bring back a preview that was switched off, or one that nothing holds."""
        self.remove()
        if self.on:
            self.renew()

    def renew(self) -> None:
        """Make it again, also where the silhouette is the same: it was taken out of the scene."""
        self._newest.cancel()
        self.dirty = True

    def remove(self) -> bool:
        """Take the preview out of the file; whether it was there."""
        found = [item for item in bpy.data.objects if item.get(ROLE_KEY) == ROLE_PREVIEW]
        for item in found:
            image = item.data
            bpy.data.objects.remove(item)
            if image is not None:
                bpy.data.images.remove(image)
        return bool(found)

    def tick(self) -> bool:
        """One step; whether it is on."""
        if not self.on:
            return False
        if compat.hands_full(transforming=False):
            return True
        try:
            self._step()
        except MaskelError as error:
            if error.code in ("scene_gone", "character_gone"):
                SESSION.error = error
                self.stop()
            self.error = error
        except Exception as error:
            # else the timer would end, and the panel say that it is on
            SESSION.error = unforeseen(error)
            self.stop()
        return self.on

    def _step(self) -> None:
        shown = self._newest.poll()
        scene = bpy.data.scenes.get(self._scene)
        if scene is None:
            raise MaskelError(
                "scene_gone", f'The scene "{self._scene}" is gone.', "Switch the preview on again."
            )
        if shown is not None:
            self.error = None
            self._show(scene, shown.tag, shown.answer.image_png)
        elif self._newest.error is not None:
            self.error = self._newest.error
        seen = self._look()
        key = seen.camera_to_world.tobytes() + seen.projection.tobytes() if seen else scene.camera
        if key != self._seen:
            self._seen, self.dirty = key, True
        if self.dirty and not self._newest.busy:
            self.dirty = False
            silhouette = self._capture(scene, seen)
            request = XrayRequest(encode_png(silhouette.mask, level=1), self._style, priority="preview")
            if not self._newest.offer(request, silhouette):
                # the same silhouette from elsewhere
                self._move(silhouette)

    def _start_job(self, request: XrayRequest) -> Job:
        if self._options is None:
            raise MaskelError("no_server", "No server is known.", "Switch the preview on again.")
        return Job(request, self._options, SESSION.backend)

    def _capture(self, scene: bpy.types.Scene, look: CameraView | None) -> Silhouette:
        objects = [
            item
            for name, library in self._objects
            if (item := bpy.data.objects.get(name if library is None else (name, library))) is not None
        ]
        if not objects:
            raise MaskelError("character_gone", "The character is gone.", "Switch the preview on again.")
        options = targets.silhouette_options(scene)
        if look is None:
            return capture(scene, objects, find_camera(scene), 3, options, longest=PIXELS)
        # a render needs some camera; what it sees does not matter
        camera = bpy.data.objects.new(_NAME, bpy.data.cameras.new(_NAME))
        try:
            return capture(scene, objects, camera, 3, options, look=look)
        finally:
            bpy.data.cameras.remove(camera.data)

    def _look(self) -> CameraView | None:
        if self.source != "VIEW":
            return None
        for window in bpy.context.window_manager.windows:
            for area in window.screen.areas:
                if area.as_pointer() == self._area and area.type == "VIEW_3D":
                    region = next(region for region in area.regions if region.type == "WINDOW")
                    return view_of(area.spaces.active, region.width, region.height)
        raise MaskelError(
            "character_gone", "The viewport that the preview follows is gone.", "Switch the preview on again."
        )

    def _show(self, scene: bpy.types.Scene, silhouette: Silhouette, xray_png: bytes) -> None:
        png = encode_png(compose(decode_png(xray_png), silhouette.mask), level=1)
        empty = _find() or _new_empty(scene)
        old = empty.data
        image = bpy.data.images.new(_NAME, 1, 1, alpha=True)
        image.source = "FILE"
        image.pack(data=png, data_len=len(png))
        image.alpha_mode = "STRAIGHT"
        empty.data = image
        if old is not None:
            bpy.data.images.remove(old)
        self._move(silhouette)

    def _move(self, silhouette: Silhouette) -> None:
        empty = _find()
        if empty is None:
            return
        lay_reference(empty, Frame(silhouette.view, silhouette.nearest, silhouette.farthest), "FRONT")


def view_of(space: bpy.types.SpaceView3D, width: int, height: int, longest: int = PIXELS) -> CameraView:
    """What a 3D viewport sees; perspective, orthographic and through a camera alike, all are flat.

    Args:
        space: The viewport.
        width: Of its window region in pixels.
        height: Of its window region in pixels.
        longest: Pixels of the longer side.

    """
    region = space.region_3d
    shrink = longest / max(width, height, 1)
    columns, rows = max(round(width * shrink), 1), max(round(height * shrink), 1)
    projection = np.array(region.window_matrix, np.float64)
    return CameraView(
        camera="viewport",
        frame_width=columns,
        frame_height=rows,
        region=Region(0, 0, columns, rows),
        cropped=False,
        projection=projection,
        camera_to_world=inverse(region.view_matrix),
        clip_start=float(space.clip_start) if projection[3, 3] == 0.0 else 0.0,
    )


def _find() -> bpy.types.Object | None:
    return next((item for item in bpy.data.objects if item.get(ROLE_KEY) == ROLE_PREVIEW), None)


def _new_empty(scene: bpy.types.Scene) -> bpy.types.Object:
    empty = new_empty(scene.collection, _NAME, ROLE_PREVIEW)
    empty.hide_render = True
    empty.empty_image_depth = "FRONT"
    return empty


PREVIEW = LivePreview()

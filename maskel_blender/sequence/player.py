"""The image whose files are the frames, and the image users that play it in step with the timeline."""

from __future__ import annotations

import bpy

from ..marks import ROLE_KEY, ROLE_SEQUENCE
from .files import SequenceFiles


def load(name: str, files: SequenceFiles, image: bpy.types.Image | None) -> bpy.types.Image:
    """The image of a sequence; whatever shows it shows the files as they are now.

    Args:
        name: Of a new one.
        files: Pictures on disk, one for every frame.
        image: The one that is to be renewed; None makes a new one.

    """
    path = str(files.path(files.range.start))
    if bpy.data.filepath:
        try:
            path = bpy.path.relpath(path)
        except ValueError:
            # another drive
            path = str(files.path(files.range.start))
    if image is None:
        # one that the user has loaded from there is left alone
        image = bpy.data.images.load(path, check_existing=False)
        image.name = name
    image[ROLE_KEY] = ROLE_SEQUENCE
    image.filepath = path
    image.source = "SEQUENCE"
    image.alpha_mode = "STRAIGHT"
    image.colorspace_settings.name = "sRGB"
    image.reload()
    return image


def play(user: bpy.types.ImageUser, files: SequenceFiles, current: int) -> None:
    """Have an image user show at each frame of the timeline the file of that frame.

    Args:
        user: Whose.
        files: Pictures on disk.
        current: Frame that the timeline is at.

    """
    user.frame_start, user.frame_offset = files.range.start, files.offset
    user.frame_duration = length = files.range.end - files.range.start + 1
    user.use_cyclic, user.use_auto_refresh = False, True
    # an Empty's follows the timeline, but only once that moves
    user.frame_current = min(max(current - files.range.start + 1, 0), length) + files.offset

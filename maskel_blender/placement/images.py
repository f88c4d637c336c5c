"""Images that live in the blend file.

Layers and picture are packed images: unlike long custom properties they are not copied with every evaluation of an object;
they are written with the file, kept by undo, and follow a linked or appended object, which holds a pointer to its picture as
the picture does to its layers, so that no purge takes them.
"""

from __future__ import annotations

import bpy

from ..errors import MaskelError

STAMP = "maskel_painted"
"""On a picture: what its file was painted from and how."""
_decoded: dict[int, str] = {}


def new_image(name: str, png: bytes, colorspace: str = "sRGB") -> bpy.types.Image:
    """A packed image.

    Args:
        name: Its name; Blender numbers it if there is one of that name.
        png: The file.
        colorspace: ``sRGB`` or ``Non-Color``.

    """
    image = bpy.data.images.new(name, 1, 1, alpha=True)
    image.source = "FILE"
    # where "Unpack" would write it
    image.filepath_raw = f"//{bpy.path.clean_name(image.name)}.png"
    image.alpha_mode = "STRAIGHT"
    image.colorspace_settings.name = colorspace
    set_png(image, png)
    return image


def set_png(image: bpy.types.Image, png: bytes, stamp: str = "") -> None:
    """Exchange the file of a packed image; whatever shows the image shows the new one.

    Args:
        image: The image.
        png: Its new file.
        stamp: What tells this file from the image's others.

    """
    image.pack(data=png, data_len=len(png))
    if stamp:
        image[STAMP] = stamp
    _decode_again(image)


def refresh(image: bpy.types.Image) -> None:
    """Have the file decoded again if it is not the one that was decoded last."""
    if _decoded.get(image.session_uid) != image.get(STAMP):
        _decode_again(image)


def forget() -> None:
    """Forget what was decoded: another file is loaded."""
    _decoded.clear()


def _decode_again(image: bpy.types.Image) -> None:
    # not reload(): that would look for a file on disk first
    image.buffers_free()
    image.gl_free()
    image.update_tag()
    _decoded[image.session_uid] = str(image.get(STAMP, ""))


def png_of(image: bpy.types.Image) -> bytes:
    """The packed file.

    Raises:
        MaskelError: ``unpacked`` if the user has unpacked or replaced it.

    """
    if image.packed_file is None:
        raise MaskelError(
            "unpacked",
            f'The image "{image.name}" is no longer packed in the file.',
            "Pack it again (File > External Data), or generate the X-ray again.",
        )
    return bytes(image.packed_file.data)

"""What has been placed since Blender's last undo step: taken away before an undo, which would otherwise leave it half there.

Undo re-uses the data-blocks in memory that two steps say are the same, a collection or a camera for instance, also where they
have got objects or pictures since. Those are not in the step: their pointers would point nowhere, and Blender would crash.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import bpy

from .errors import MaskelError
from .marks import PLACED, ROLE_COLLECTION, ROLE_REFERENCE
from .placement.reference import double_of
from .placement.removal import delete_object
from .placement.results import apply, delete, remove_picture
from .placement.roles import find_collection, is_picture, placed_objects, role, scenes_of_pictures


def showing(image: bpy.types.Image | None) -> dict[int, str]:
    """The objects that show a result, planes' doubles included: names by what tells them from others of their name."""
    items = placed_objects(image) if image is not None else []
    doubles = [double for item in items if (double := double_of(item)) is not None]
    return {item.session_uid: item.name for item in (*items, *doubles)}


@dataclass
class Unstepped:
    """Names, since an undo invalidates references.

    Args:
        pictures: New results.
        renewed: Older results that were renewed in place.
        objects: New objects that show those.
        collection: Whether the results' collection is new.
        gone: What was taken away; the step that is restored may know some of it, and nothing that holds it.
    """

    pictures: list[str] = field(default_factory=list)
    renewed: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)
    collection: bool = False
    gone: set[str] = field(default_factory=set)

    def note(
        self,
        before: bpy.types.Image | None,
        shown: dict[int, str],
        image: bpy.types.Image,
        had_collection: bool,
    ) -> None:
        """A result was placed.

        Args:
            before: The newest one of its camera and character before it.
            shown: `showing` of that, taken before.
            image: The newest one now.
            had_collection: Whether there was a collection for results.

        """
        if image != before:
            self.pictures.append(image.name)
        elif image.name not in self.pictures:
            self.renewed.add(image.name)
            self.objects |= {name for uid, name in showing(image).items() if uid not in shown}
        self.collection |= not had_collection

    def withdraw(self, scene: str) -> bool:
        """Take away what no step knows; whether there was any."""
        some = bool(self.pictures or self.objects)
        for name in self.pictures:
            image = bpy.data.images.get(name)
            if image is not None and is_picture(image):
                self.gone |= {name, *showing(image).values()}
                delete(image)
        for name in self.objects:
            item = bpy.data.objects.get(name)
            if item is not None and role(item) in (*PLACED, ROLE_REFERENCE):
                self.gone.add(name)
                delete_object(item)
        if self.collection and scene in bpy.data.scenes:
            own = find_collection(bpy.data.scenes[scene])
            if own is not None and not own.objects and not own.children:
                bpy.data.collections.remove(own)
        self.pictures.clear()
        self.objects.clear()
        return some

    def sweep(self, scene: str) -> None:
        """After the undo: delete what of that came back with nothing that holds it; show renewed results again, as they were."""
        for name in self.gone:
            item = bpy.data.objects.get(name)
            if item is not None and role(item) in (*PLACED, ROLE_REFERENCE) and not item.users_scene:
                delete_object(item)
        for name in self.gone:
            image = bpy.data.images.get(name)
            if image is not None and is_picture(image) and image.users == 0:
                remove_picture(image)
        for name in self.renewed:
            image = bpy.data.images.get(name)
            if image is None or scene not in bpy.data.scenes:
                continue
            if is_picture(image) and image not in scenes_of_pictures():
                # its camera may be gone
                with suppress(MaskelError):
                    apply(image, bpy.data.scenes[scene], lay=True)
        if self.gone and self.collection:
            for own in [c for c in bpy.data.collections if role(c) == ROLE_COLLECTION]:
                if own.users == 0 and own.library is None and not own.objects:
                    bpy.data.collections.remove(own)
        self.gone.clear()

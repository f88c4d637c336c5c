"""The one file that holds the anatomy: body, skeleton, bindings, tissues."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import torch
from maskel_core.errors import MaskelError
from safetensors import safe_open

ASSET_PATH = Path(__file__).resolve().parent.parent / "assets" / "anatomy.safetensors"
"""The asset that ships with the package."""


class Anatomy:
    """Tensors and names of the anatomy asset on one device.

    Body: ``body.template`` (V, 3), ``body.basis`` (K, V, 3), ``body.heads`` (J, 3), ``body.heads_basis`` (K, J, 3),
    ``body.faces`` (F, 3), ``body.skin_weights`` and ``body.skin_joints`` (V, 6), ``body.parents`` (J,), in metres.
    Phenotypes: ``phenotype.mask`` (P, 26), ``phenotype.projection`` (P, K), ``phenotype.offset`` (K,).
    Bones: ``bone.vertices`` (N, 3) in each bone's own space, ``bone.vertex_bone`` (N,), ``bone.faces`` (M, 3),
    ``bone.face_mu`` (M, 2) steps of bone and soft-tissue attenuation in 1/m, ``bone.affine`` (B, 3, 4),
    ``bone.affine_basis`` (K, B, 3, 4),
    ``bone.joint_weights`` and ``bone.joint_indices`` (B, 2), ``landmark.*`` for the named joints, ``anchor.*`` for the ends
    of bones that must meet their neighbours.

    Args:
        tensors: As read from the file.
        names: Lists of names: ``joints``, ``phenotypes``, ``bones``, ``landmarks``.
        device: Where the tensors go; floats become float32, integers int64.
    """

    def __init__(
        self,
        tensors: dict[str, torch.Tensor],
        names: dict[str, list[str]],
        device: torch.device | str = "cpu",
    ) -> None:
        self._tensors = {
            key: (t.float() if t.is_floating_point() else t.long()).to(device) for key, t in tensors.items()
        }
        self.names = names
        self.device = torch.device(device)

    def __getitem__(self, key: str) -> torch.Tensor:
        return self._tensors[key]

    def joint(self, name: str) -> int:
        """Index of a body joint by its name."""
        return self.names["joints"].index(name)

    def to(self, device: torch.device | str) -> Anatomy:
        """The same anatomy on another device."""
        return Anatomy(self._tensors, self.names, device)


def read_anatomy(path: Path = ASSET_PATH, device: torch.device | str = "cpu") -> Anatomy:
    """Read an anatomy asset.

    Raises:
        MaskelError: ``asset_missing`` or ``asset_damaged``.
    """
    if not path.is_file():
        raise MaskelError(
            "asset_missing", f"The anatomy file {path.name} is missing.", "Reinstall the maskel package."
        )
    try:
        with safe_open(path, framework="pt") as file:
            names = json.loads(file.metadata()["names"])
            return Anatomy({key: file.get_tensor(key) for key in file.keys()}, names, device)  # noqa: SIM118
    except Exception as error:
        raise MaskelError(
            "asset_damaged", f"The anatomy file {path.name} cannot be read.", "Reinstall the maskel package."
        ) from error


@functools.lru_cache(maxsize=2)
def default_anatomy(device: str = "cpu") -> Anatomy:
    """The asset that ships, read once per device."""
    return read_anatomy(ASSET_PATH, device)

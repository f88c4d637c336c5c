"""The one file that holds the anatomy: body, skeleton, bindings, tissues."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import torch
from maskel_core.anatomy.balls import with_left_balls
from maskel_core.anatomy.dimorphism import with_left_shift
from maskel_core.errors import MaskelError
from safetensors import safe_open

ASSET_PATH = Path(__file__).resolve().parent.parent / "assets" / "anatomy.safetensors"
"""The asset that ships with the package."""


class Anatomy:
    """Tensors and names of the anatomy asset on one device.

    Body: ``body.template`` (V, 3), ``body.basis`` (K, V, 3), ``body.heads`` (J, 3), ``body.heads_basis`` (K, J, 3),
    ``body.faces`` (F, 3), ``body.skin_weights`` and ``body.skin_joints`` (V, 6), ``body.parents`` (J,), in metres.
    Phenotypes: ``phenotype.mask`` (P, 26), ``phenotype.projection`` (P, K), ``phenotype.offset`` (K,).
    Bones: ``bone.vertices`` (N, 3) in each bone's own space, ``bone.vertex_piece`` (N,), ``bone.faces`` (M, 3),
    ``bone.face_piece`` (M,), ``bone.affine`` (B, 3, 4), ``bone.affine_basis`` (K, B, 3, 4), ``bone.joint_weights`` and
    ``bone.joint_indices`` (B, 2), ``bone.end_joints`` (B, 2), ``bone.youngest`` the least body parameter ``age`` that they are
    fitted for, ``landmark.*`` for the named joints, ``anchor.*`` for the ends of bones that must meet their neighbours,
    ``seat.*`` and ``slot.*`` for the joints that bones are seated in (see ``construction.seats``), ``cover.*`` for the skin
    over bones (see ``construction.covers``), ``ball.*`` for the hips' heads and sockets (see ``balls``).
    Changes: ``change.vertex`` (N,), ``change.owner`` (N,) and ``change.shift`` (N, 3): local displacements of the skin.
    Pieces, the closed surfaces of the bones (P): ``piece.bone``, ``piece.inside`` and ``piece.outside`` (tissues that begin and
    end where a ray enters), ``piece.kind`` (see ``maskel_core.anatomy.age``), ``piece.appears``, ``piece.closes`` (years),
    ``piece.centre`` (P, 3) that ossification centres grow from. The file holds those of the axis and the right side.
    Tissues: ``tissue.energies`` (E,) keV, ``tissue.mu`` (T, E) 1/m, ``tissue.energy_kev`` of the layers by default.

    Args:
        tensors: As read from the file.
        names: Lists of names: ``joints``, ``phenotypes``, ``bones``, ``landmarks``, ``tissues``, ``changes``.
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

    def __contains__(self, key: str) -> bool:
        return key in self._tensors

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
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return Anatomy(with_left_side(tensors, names["bones"]), names, device)
    except Exception as error:
        raise MaskelError(
            "asset_damaged", f"The anatomy file {path.name} cannot be read.", "Reinstall the maskel package."
        ) from error


def with_left_side(tensors: dict[str, torch.Tensor], bones: list[str]) -> dict[str, torch.Tensor]:
    """Tensors with the pieces of the left bones added, exact mirror images of the right ones.

    Args:
        tensors: Of a file, which holds the axis and the right side.
        bones: Names of all bones; paired ones end in ``_r`` and ``_l``.
    """
    left_of = {i: bones.index(f"{n[:-2]}_l") for i, n in enumerate(bones) if n.endswith("_r")}
    piece_bone = tensors["piece.bone"].long()
    paired = torch.tensor([int(b) in left_of for b in piece_bone])
    chosen = paired.nonzero().squeeze(1)
    new_piece = torch.full((len(piece_bone),), -1)
    new_piece[chosen] = len(piece_bone) + torch.arange(len(chosen))
    mirror = torch.tensor([-1.0, 1.0, 1.0])
    out = dict(tensors)
    for key in ("inside", "outside", "kind", "appears", "closes"):
        values = tensors[f"piece.{key}"]
        out[f"piece.{key}"] = torch.cat([values, values[chosen]])
    out["piece.bone"] = torch.cat(
        [piece_bone, torch.tensor([left_of[int(b)] for b in piece_bone[chosen]]).long()]
    )
    centre = tensors["piece.centre"].float()
    out["piece.centre"] = torch.cat([centre, centre[chosen] * mirror])

    vertex_piece = tensors["bone.vertex_piece"].long()
    vertices = tensors["bone.vertices"].float()
    moved = paired[vertex_piece].nonzero().squeeze(1)
    renumber = torch.full((len(vertices),), -1)
    renumber[moved] = len(vertices) + torch.arange(len(moved))
    out["bone.vertices"] = torch.cat([vertices, vertices[moved] * mirror])
    out["bone.vertex_piece"] = torch.cat([vertex_piece, new_piece[vertex_piece[moved]]])
    if "bone.sex_vertex" in tensors:
        out |= with_left_shift(tensors, renumber)
    faces, face_piece = tensors["bone.faces"].long(), tensors["bone.face_piece"].long()
    turned = paired[face_piece]
    out["bone.faces"] = torch.cat([faces, renumber[faces[turned]].flip(1)])
    out["bone.face_piece"] = torch.cat([face_piece, new_piece[face_piece[turned]]])
    if "seat.bones" in tensors:
        out |= _mirrored_seats(tensors, left_of)
    if "ball.bone" in tensors:
        out |= with_left_balls(tensors, left_of, renumber)
    if "cover.bone" in tensors:
        out |= _mirrored_covers(tensors, left_of)
    return out


def _mirrored_covers(tensors: dict[str, torch.Tensor], left_of: dict[int, int]) -> dict[str, torch.Tensor]:
    """Covers of the file and those of the left side."""
    bones = tensors["cover.bone"].long()
    chosen = torch.tensor([int(b) in left_of for b in bones])
    swapped = torch.tensor([left_of[int(b)] for b in bones[chosen]])
    points, patch = tensors["cover.points"].float(), tensors["cover.patch"].long()
    slider, around, mirror = (tensors[key].long() for key in ("cover.slider", "cover.around", "body.mirror"))
    return {
        "cover.bone": torch.cat([bones, swapped]),
        "cover.points": torch.cat([points, points[chosen] * torch.tensor([-1.0, 1.0, 1.0])]),
        "cover.patch": torch.cat([patch, mirror[patch[chosen]]]),
        "cover.slider": torch.tensor([int(slider), left_of[int(slider)]]),
        "cover.around": torch.stack([around, mirror[around]]),
    }


def _mirrored_seats(tensors: dict[str, torch.Tensor], left_of: dict[int, int]) -> dict[str, torch.Tensor]:
    """Joints of the file and those of the left side."""
    bones = tensors["seat.bones"].long()
    chosen = torch.tensor([any(int(b) in left_of for b in row) for row in bones])
    swapped = torch.tensor([[left_of.get(int(b), int(b)) for b in row] for row in bones[chosen]])
    mirror = torch.tensor([-1.0, 1.0, 1.0])
    out = {"seat.bones": torch.cat([bones, swapped])}
    out["seat.ends"] = torch.cat([tensors["seat.ends"], tensors["seat.ends"][chosen]])
    for key in ("seat.points", "seat.normals"):
        values = tensors[key].float()
        out[key] = torch.cat([values, values[chosen] * mirror])
    return out


@functools.lru_cache(maxsize=2)
def default_anatomy(device: str = "cpu") -> Anatomy:
    """The asset that ships, read once per device."""
    return read_anatomy(ASSET_PATH, device)

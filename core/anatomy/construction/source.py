"""Bone meshes of an adult, read from myo-sim's full body (Apache-2.0) and named one by one."""

from __future__ import annotations

import warnings

import mujoco
import myo_sim
import numpy as np
import trimesh
from maskel_core.anatomy.construction.bones import CARPALS

AXIS = np.array([-0.025, 0.0, 0.0])
"""The source's mid-sagittal plane is x = -0.025 m."""

_HAND = (
    "1mc",
    "thumbprox",
    "thumbdist",
    *tuple(f"{finger}{part}" for finger in "2345" for part in ("mc", "proxph", "midph", "distph")),
)
_LIMBS = {
    "clavicle_r": "clavicle",
    "scapula_r": "scapula",
    "humerus_r": "humerus",
    "ulna_r": "ulna",
    "radius_r": "radius",
    "r_pelvis": "hip_bone",
    "r_femur": "femur",
    "r_tibia": "tibia",
    "r_fibula": "fibula",
    "r_talus": "talus",
    "r_patella": "patella",
}


def read_model() -> tuple[dict[str, trimesh.Trimesh], dict[str, np.ndarray]]:
    """Bone meshes and body origins of myo-sim's full body at rest.

    Returns:
        Meshes by the source's mesh name and body origins by the source's body name; metres, Z up, facing -Y, shifted so
        that the mid-sagittal plane is x = 0.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = myo_sim.load_model("myofullbody")
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    meshes: dict[str, trimesh.Trimesh] = {}
    for geom in range(model.ngeom):
        if model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_MESH:
            continue
        mesh = model.geom_dataid[geom]
        vertices = model.mesh_vert[model.mesh_vertadr[mesh] :][: model.mesh_vertnum[mesh]]
        faces = model.mesh_face[model.mesh_faceadr[mesh] :][: model.mesh_facenum[mesh]]
        world = vertices @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom] - AXIS
        merged = trimesh.Trimesh(world, faces, process=True)
        merged.merge_vertices()
        meshes[model.mesh(mesh).name] = merged
    origins = {model.body(i).name: data.xpos[i] - AXIS for i in range(model.nbody)}
    return meshes, origins


def _parts(mesh: trimesh.Trimesh, least_faces: int) -> list[trimesh.Trimesh]:
    return [p for p in mesh.split(only_watertight=False) if len(p.faces) >= least_faces and p.is_watertight]


def named_bones() -> tuple[dict[str, trimesh.Trimesh], dict[str, np.ndarray]]:
    """The axial bones and those of the right side, each under its anatomical name.

    The left side is made by mirroring, so that a mirrored pose gives a mirrored skeleton.
    """
    meshes, origins = read_model()
    bones = {_LIMBS[name]: mesh for name, mesh in meshes.items() if name in _LIMBS}
    bones |= {name: meshes[f"{name}_r"] for name in CARPALS + _HAND}
    bones["skull"], bones["mandible"] = meshes["hat_skull"], meshes["hat_jaw"]
    for name, mesh in meshes.items():
        for region in ("lumbar", "thoracic"):
            if f"_{region}" in name:
                level = name.split(f"_{region}")[1].removesuffix("_s")
                bones[f"{region[0]}{level}"] = mesh
    bones["sacrum"] = next(mesh for name, mesh in meshes.items() if name.endswith("_sacrum"))
    cervical = sorted(_parts(meshes["hat_cervical"], 200), key=lambda p: -p.centroid[2])
    bones |= {f"c{level}": mesh for level, mesh in enumerate(cervical, 1)}

    cage = _parts(next(mesh for name, mesh in meshes.items() if "ribcage" in name), 90)
    ribs = sorted(
        (p for p in cage if len(p.faces) < 300 and p.centroid[0] < 0),
        key=lambda p: -p.vertices[p.vertices[:, 1] > p.bounds[1][1] - 0.02][:, 2].mean(),
    )
    bones |= {f"rib{level}": mesh for level, mesh in enumerate(ribs, 1)}
    bones["sternum"] = next(p for p in cage if 300 < len(p.faces) < 5000)  # with its costal cartilages

    foot = sorted(_parts(meshes["r_foot"], 60), key=lambda p: -abs(p.volume))
    bones["calcaneus"] = foot[0]
    metatarsals = sorted((p for p in foot[1:] if len(p.faces) == 220), key=lambda p: -p.centroid[0])
    bones |= {f"metatarsal{i}": mesh for i, mesh in enumerate(metatarsals, 1)}
    tarsals = [p for p in foot[1:] if len(p.faces) != 220]
    bones |= {f"tarsal{i}": mesh for i, mesh in enumerate(sorted(tarsals, key=lambda p: p.centroid[1]), 1)}
    toes = sorted(_parts(meshes["r_bofoot"], 60), key=lambda p: p.centroid[1])
    bones |= {f"toe_phalanx{i}": mesh for i, mesh in enumerate(toes, 1)}
    return bones, origins

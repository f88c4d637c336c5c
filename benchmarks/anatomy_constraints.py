"""Does every skeleton obey the rules of the trade? Random bodies in random poses, measured.

    python benchmarks/anatomy_constraints.py [--count 1000] [--seed 11]

Writes docs/measurements/anatomy_constraints.json. Needs trimesh, embreex and rtree.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import report
import torch

JOINTS = {
    "hip": ("hip_bone_r", "femur_r"),
    "knee": ("femur_r", "tibia_r"),
    "ankle": ("tibia_r", "talus_r"),
    "shoulder": ("scapula_r", "humerus_r"),
    "elbow": ("humerus_r", "ulna_r"),
    "wrist": ("radius_r", "lunate_r"),
    "finger": ("3mc_r", "3proxph_r"),
    "sacroiliac": ("hip_bone_r", "sacrum"),
    "l4_l5": ("l4", "l5"),
    "t6_t7": ("t6", "t7"),
    "c4_c5": ("c4", "c5"),
}
SEGMENTS = {
    "thigh": ("hip_l", "knee_l", "upperleg01.L", "lowerleg01.L"),
    "shank": ("knee_l", "ankle_l", "lowerleg01.L", "foot.L"),
}
SEGMENTS |= {
    "upper_arm": ("shoulder_l", "elbow_l", "upperarm01.L", "lowerarm01.L"),
    "forearm": ("elbow_l", "wrist_l", "lowerarm01.L", "wrist.L"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    facts = report.machine()
    from maskel_core.anatomy.asset import default_anatomy
    from maskel_core.anatomy.figure import sample_figure
    from maskel_core.anatomy.joints import JOINT_NAMES

    anatomy = default_anatomy()
    outer = outer_meshes(anatomy)
    rows = []
    for index in range(options.count):
        figure = sample_figure(
            anatomy,
            np.random.default_rng([options.seed, index, 0]),
            np.random.default_rng([options.seed, index, 1]),
        )
        row = under_skin(anatomy, figure, outer)
        row["pose"] = figure.pose.name
        row["years"] = round(figure.years, 1)
        row["gaps_mm"] = {name: gap(figure, outer, *pair) for name, pair in JOINTS.items()}
        places = figure.landmarks
        posed = figure.transforms
        row["segments"] = {}
        for name, (a, b, start, stop) in SEGMENTS.items():
            bone = float((places[JOINT_NAMES.index(a)] - places[JOINT_NAMES.index(b)]).norm())
            heads = figure.shape.heads[0]
            ends = [
                posed[i, :, :3] @ heads[i] + posed[i, :, 3]
                for i in (anatomy.joint(start), anatomy.joint(stop))
            ]
            row["segments"][name] = round(bone / float((ends[0] - ends[1]).norm()) - 1, 5)
        rows.append(row)
        if (index + 1) % 50 == 0:
            print(f"{index + 1} of {options.count}", flush=True)
    result = summarise(rows)
    result |= {
        "what": f"{options.count} random bodies in random poses",
        "command": f"python benchmarks/anatomy_constraints.py --count {options.count} --seed {options.seed}",
        "machine": facts,
    }
    report.keep("anatomy_constraints", result, options.out)
    for name, value in result.items():
        print(name, value)
    return 0


def outer_meshes(anatomy) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Vertex numbers and local faces of the outer surface of every bone, by name."""
    from maskel_core.anatomy.age import PIECE_KINDS

    hard = (anatomy["piece.outside"] == anatomy.names["tissues"].index("muscle")) & (
        anatomy["piece.inside"] == anatomy.names["tissues"].index("cortical")
    )
    hard &= anatomy["piece.kind"] == PIECE_KINDS.index("always")
    out = {}
    for piece in hard.nonzero().squeeze(1).tolist():
        faces = anatomy["bone.faces"][anatomy["bone.face_piece"] == piece]
        used, local = faces.unique(return_inverse=True)
        out[anatomy.names["bones"][int(anatomy["piece.bone"][piece])]] = (used.numpy(), local.numpy())
    return out


def under_skin(anatomy, figure, outer) -> dict[str, object]:
    """Share of bone vertices outside the posed skin, and how far the farthest lies, mm; a tenth of the vertices."""
    import trimesh

    skin = trimesh.Trimesh(figure.skin.numpy(), anatomy["body.faces"].numpy(), process=False)
    chosen = np.concatenate([used[::10] for used, _ in outer.values()])
    owner = np.concatenate([[name] * len(used[::10]) for name, (used, _) in outer.items()])
    points = figure.bones.numpy()[chosen]
    # A skin that folds over itself makes odd crossings along some directions: three directions vote.
    votes = np.zeros(len(points), int)
    for direction in ([1.0, 0.02, 0.01], [0.01, -1.0, 0.02], [-0.02, 0.01, 1.0]):
        _, ray, triangle = skin.ray.intersects_location(points, np.tile(direction, (len(points), 1)))
        leaving = np.sign(skin.face_normals[triangle] @ np.array(direction))
        winding = np.bincount(ray, weights=leaving, minlength=len(points))
        votes += winding > 0.5
    out = (votes < 2).nonzero()[0]
    # The skin has a mouth within: what no straight line from outside reaches is not outside.
    out = np.array([i for i in out if seen_from_outside(skin, points[i])], dtype=int)
    depth = 0.0
    worst = ""
    if len(out):
        _, distance, _ = trimesh.proximity.closest_point(skin, points[out])
        depth, worst = float(distance.max()) * 1e3, str(owner[out][distance.argmax()])
    return {"outside": len(out) / len(points), "depth_mm": round(depth, 2), "worst": worst}


def seen_from_outside(skin, point: np.ndarray) -> bool:
    """Whether some straight line leads from a point to infinity without meeting the skin."""
    steps = np.array(
        [[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) != (0, 0, 0)]
    )
    return bool((~skin.ray.intersects_any(np.tile(point, (len(steps), 1)), steps + 0.01)).any())


def gap(figure, outer, one: str, other: str) -> float:
    """Least distance between the surfaces of two bones, mm; negative where they run through each other."""
    import trimesh
    from scipy.spatial import cKDTree

    bones = figure.bones.numpy()
    (a, _), (b, faces) = outer[one], outer[other]
    nearest = cKDTree(bones[b]).query(bones[a])[0]
    close = bones[a][nearest < nearest.min() + 0.004]
    mesh = trimesh.Trimesh(bones[b], faces, process=False)
    _, distance, _ = trimesh.proximity.closest_point(mesh, close)
    inside = mesh.contains(close)
    return round(float(-distance[inside].max() if inside.any() else distance.min()) * 1e3, 2)


def summarise(rows: list[dict]) -> dict[str, object]:
    """Means and extremes over all figures."""
    outside = np.array([r["outside"] for r in rows])
    depth = np.array([r["depth_mm"] for r in rows])
    result: dict[str, object] = {
        "bone_vertices_inside_the_skin": round(float(1 - outside.mean()), 5),
        "figures_with_all_but_a_thousandth_inside": round(float((outside <= 0.001).mean()), 4),
        "depth_outside_mm": {
            "median": round(float(np.median(depth)), 2),
            "p95": round(float(np.quantile(depth, 0.95)), 2),
            "max": round(float(depth.max()), 2),
        },
    }
    worst: dict[str, int] = {}
    for row in rows:
        if row["depth_mm"] > 2:
            worst[row["worst"]] = worst.get(row["worst"], 0) + 1
    result["bones_farthest_outside"] = dict(sorted(worst.items(), key=lambda item: -item[1])[:10])
    result["gaps_mm"] = {}
    for name in JOINTS:
        values = np.array([r["gaps_mm"][name] for r in rows])
        result["gaps_mm"][name] = {
            "p5": round(float(np.quantile(values, 0.05)), 2),
            "median": round(float(np.median(values)), 2),
            "p95": round(float(np.quantile(values, 0.95)), 2),
            "within_1_to_8": round(float(((values >= 1) & (values <= 8)).mean()), 3),
        }
    result["segment_error"] = {
        name: round(float(np.mean([abs(r["segments"][name]) for r in rows])), 4) for name in SEGMENTS
    }
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())

"""Does every skeleton obey the rules of the trade? Random bodies in random poses, measured.

    python benchmarks/anatomy_constraints.py [--count 1000] [--seed 11] [--joints 200]

Writes docs/measurements/anatomy_constraints.json. Needs trimesh, embreex and rtree. Every joint of the asset is measured in the
first ``--joints`` figures; bones that may not touch, segment lengths and mirror images in all.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import report
import torch

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
    parser.add_argument("--joints", type=int, default=200)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    facts = report.machine()
    from maskel_core.anatomy.asset import default_anatomy
    from maskel_core.anatomy.construction.tuck import open_vertices
    from maskel_core.anatomy.figure import sample_figure

    anatomy = default_anatomy()
    outer = outer_meshes(anatomy)
    open_skin = open_vertices(anatomy)
    bones = anatomy.names["bones"]
    joints = [tuple(bones[i] for i in pair) for pair in anatomy["seat.bones"].tolist()]
    joints += [(f"hip_bone_{s}", "sacrum") for s in "rl"]
    rows = []
    for index in range(options.count):
        figure = sample_figure(
            anatomy,
            np.random.default_rng([options.seed, index, 0]),
            np.random.default_rng([options.seed, index, 1]),
        )
        row = under_skin(anatomy, figure, outer, open_skin)
        row["pose"], row["years"], row["style"] = (
            figure.pose.name,
            round(figure.years, 1),
            figure.person.style,
        )
        row["gaps_mm"] = {}
        if index < options.joints:
            row["gaps_mm"] = {f"{a} {b}": gap(figure, outer, a, b) for a, b in joints}
        row["ribs_to_pelvis_mm"] = min(
            gap(figure, outer, f"rib{i}_{s}", f"hip_bone_{s}") for s in "rl" for i in (10, 11, 12)
        )
        row["mirror_mm"] = mirror_error(anatomy, figure)
        row["segments"] = segment_errors(anatomy, figure)
        rows.append(row)
        if (index + 1) % 50 == 0:
            print(f"{index + 1} of {options.count}", flush=True)
    result = summarise(rows)
    result |= {
        "what": f"{options.count} random bodies in random poses",
        "command": "python benchmarks/anatomy_constraints.py "
        f"--count {options.count} --seed {options.seed} --joints {options.joints}",
        "machine": facts,
    }
    report.keep("anatomy_constraints", result, options.out)
    for name, value in result.items():
        print(name, value)
    return 0


def segment_errors(anatomy, figure) -> dict[str, float]:
    """Length of each limb segment between the bones' named joints relative to that between the body's joints, less one."""
    from maskel_core.anatomy.joints import JOINT_NAMES

    errors = {}
    heads = figure.shape.heads[0]
    for name, (a, b, start, stop) in SEGMENTS.items():
        for side in "lr":
            places = [figure.landmarks[JOINT_NAMES.index(f"{n[:-1]}{side}")] for n in (a, b)]
            joints = [anatomy.joint(f"{n[:-1]}{side.upper()}") for n in (start, stop)]
            ends = [figure.transforms[i, :, :3] @ heads[i] + figure.transforms[i, :, 3] for i in joints]
            length = float((places[0] - places[1]).norm())
            errors[f"{name}_{side}"] = round(length / float((ends[0] - ends[1]).norm()) - 1, 5)
    return errors


def mirror_error(anatomy, figure) -> float:
    """Farthest that a bone or skin vertex of the figure in the mirrored pose lies from the mirror image of the figure, mm."""
    from maskel_core.anatomy.figure import make_figure
    from maskel_core.anatomy.pose import mirrored

    other = make_figure(anatomy, figure.person, mirrored(figure.pose))
    flip = torch.tensor([-1.0, 1.0, 1.0])
    skin = (other.skin[anatomy["body.mirror"]] - figure.skin * flip).norm(dim=1).max()
    swapped = [n[:-2] + {"_l": "_r", "_r": "_l"}.get(n[-2:], n[-2:]) for n in joint_names()]
    order = [joint_names().index(n) for n in swapped]
    joints = (other.landmarks[order] - figure.landmarks * flip).norm(dim=1).max()
    return round(1e3 * float(torch.maximum(skin, joints)), 4)


def joint_names() -> list[str]:
    """Names of the joints in their order."""
    from maskel_core.anatomy.joints import JOINT_NAMES

    return list(JOINT_NAMES)


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


def under_skin(anatomy, figure, outer, open_skin) -> dict[str, object]:
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
    # The skin lines mouth and eye sockets: what is nearest to a lining, or out of sight from outside, is not outside.
    distance = np.zeros(0)
    if len(out):
        _, distance, triangle = trimesh.proximity.closest_point(skin, points[out])
        bare = open_skin[skin.faces[triangle]].any(1)
        bare &= [seen_from_outside(skin, point) for point in points[out]]
        out, distance = out[bare], distance[bare]
    depth = 0.0
    worst = ""
    if len(out):
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
    result |= summarise_joints([r["gaps_mm"] for r in rows if r["gaps_mm"]])
    ribs = np.array([r["ribs_to_pelvis_mm"] for r in rows])
    result["ribs_clear_of_the_pelvis"] = round(float((ribs > 0).mean()), 4)
    result["ribs_to_pelvis_mm"] = {"min": float(ribs.min()), "median": round(float(np.median(ribs)), 1)}
    result["mirror_error_mm_max"] = max(r["mirror_mm"] for r in rows)
    result["segment_error"] = {}
    for name in rows[0]["segments"]:
        values = np.array([abs(r["segments"][name]) for r in rows])
        result["segment_error"][name] = {
            "median": round(float(np.median(values)), 4),
            "p95": round(float(np.quantile(values, 0.95)), 4),
            "within_1_percent": round(float((values <= 0.01).mean()), 3),
        }
    return result


def summarise_joints(rows: list[dict[str, float]]) -> dict[str, object]:
    """Joint spaces, left and right together: all of them, and each kind."""
    kinds: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            kinds.setdefault(name.replace("_r", "").replace("_l", ""), []).append(value)
    every = np.concatenate([np.array(v) for v in kinds.values()])
    out: dict[str, object] = {
        "figures_whose_joints_are_measured": len(rows),
        "joint_spaces_within_1_to_8_mm": round(float(((every >= 1) & (every <= 8)).mean()), 4),
        "joint_spaces_above_0_mm": round(float((every > 0).mean()), 4),
        "joint_spaces_mm": {},
    }
    for name, values in kinds.items():
        spaces = np.array(values)
        out["joint_spaces_mm"][name] = {
            "p5": round(float(np.quantile(spaces, 0.05)), 2),
            "median": round(float(np.median(spaces)), 2),
            "p95": round(float(np.quantile(spaces, 0.95)), 2),
            "within_1_to_8": round(float(((spaces >= 1) & (spaces <= 8)).mean()), 3),
        }
    return out


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())

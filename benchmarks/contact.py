"""How often limbs run through the trunk or through each other, before and after poses are relieved of it.

Run as `.venv/bin/python benchmarks/contact.py --count 500 --out docs/measurements/contact.json`. A skin vertex of a limb lies
within another part of the body if that part's skin surrounds it (generalised winding number above one half: Jacobson et al.,
"Robust inside-outside segmentation using generalized winding numbers", 2013), as deep as the nearest of that skin.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.anatomy.body import joint_transforms, skin
from maskel_core.anatomy.contact import part_of_vertices, relieve
from maskel_core.anatomy.figure import rest_person, touch_abduction
from maskel_core.anatomy.person import sample_person
from maskel_core.anatomy.pose import Poser
from maskel_core.anatomy.pose_library import sample_pose
from scipy.spatial import cKDTree

LIMIT = 0.010
"""Depth that counts as running through, metres."""
FOLD = 0.5
"""Share of the upper arm and thigh, from the root, whose skin folds against the trunk rather than meeting it."""
NAMES = ("trunk", "arm", "arm", "leg", "leg")


def along_limb(anatomy, vertices, parts) -> np.ndarray:
    """Place of each skin vertex along its upper arm or thigh; above 1 beyond it, infinite on the trunk."""
    heads = anatomy["body.heads"].numpy()
    out = np.full(len(vertices), np.inf)
    for part, names in enumerate((("upperarm01", "lowerarm01"), ("upperleg01", "lowerleg01"))):
        for side in (0, 1):
            first, second = (heads[anatomy.joint(f"{n}.{'LR'[side]}")] for n in names)
            own = parts == 1 + 2 * part + side
            axis = second - first
            out[own] = (vertices[own] - first) @ axis / (axis @ axis)
    return out


def winding(points, triangles) -> np.ndarray:
    """Share of the full solid angle that triangles (F, 3, 3) cover, seen from points (N, 3) (van Oosterom & Strackee 1983)."""
    out = np.empty(len(points))
    for number, point in enumerate(points):
        a, b, c = (triangles - point).transpose(1, 0, 2)
        x, y, z = (np.sqrt((v * v).sum(1)) for v in (a, b, c))
        top = (a * np.cross(b, c)).sum(1)
        bottom = x * y * z + (a * b).sum(1) * z + (b * c).sum(1) * x + (c * a).sum(1) * y
        out[number] = np.arctan2(top, bottom).sum() / (2 * np.pi)
    return out


def deepest(points, faces, parts, along, step=4) -> tuple[float, str]:
    """Depth of the limb vertex that lies deepest in another part, metres, and which two parts those are."""
    worst, pair = 0.0, ""
    owner = parts[faces[:, 0]]
    for part in (1, 2, 3, 4):
        for other in (0, *(p for p in (1, 2, 3, 4) if p != part)):
            own = np.flatnonzero((parts == part) & (along > (FOLD if other == 0 else 0.3)))[::step]
            there = np.flatnonzero(parts == other)
            box = points[there].min(0) - 1e-3, points[there].max(0) + 1e-3
            own = own[((points[own] > box[0]) & (points[own] < box[1])).all(1)]
            if not len(own):
                continue
            triangles = points[faces[owner == other]]
            # Vertices and the middles of faces stand for the surface.
            distance, _ = cKDTree(np.concatenate([points[there], triangles.mean(1)])).query(points[own])
            order = np.argsort(-distance)
            order = order[distance[order] > max(worst, 0.004)]
            for few in np.array_split(order, max(1, len(order) // 8)):
                within = few[winding(points[own[few]], triangles) > 0.5]
                if len(within):
                    worst, pair = float(distance[within].max()), f"{NAMES[part]} in {NAMES[other]}"
                    break
    return worst, pair


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    anatomy = default_anatomy()
    parts = part_of_vertices(anatomy)
    along = along_limb(anatomy, anatomy["body.template"].numpy(), parts)
    faces = anatomy["body.faces"].numpy()
    depths, seconds, rows = {"before": [], "after": []}, [], []
    for number in range(given.count):
        person = sample_person(np.random.default_rng([given.seed, number, 0]))
        shape, _ = rest_person(anatomy, person)
        pose = sample_pose(np.random.default_rng([given.seed, number, 1]), touch_abduction(anatomy, shape))
        start = time.process_time()
        mended = relieve(anatomy, shape, pose)
        seconds.append(time.process_time() - start)
        poser = Poser(anatomy, shape.heads[0])
        row = {
            "number": number,
            "pose": pose.name,
            "style": person.style,
            "weight": person.phenotypes["weight"],
        }
        for name, one in (("before", pose), ("after", mended)):
            transforms = joint_transforms(anatomy, shape.heads, poser.rotations(one)[None])
            posed = skin(anatomy, shape.vertices, transforms)[0].numpy()
            depth, row[f"{name}_pair"] = deepest(posed, faces, parts, along)
            depths[name].append(depth)
            row[name] = round(1e3 * depth, 1)
        rows.append(row)
    report = {
        "figures": given.count,
        "limit_mm": 1e3 * LIMIT,
        "milliseconds": round(1e3 * float(np.mean(seconds[1:])), 2),
    }
    heavy = np.array([r["weight"] > 0.8 for r in rows])
    for name, values in depths.items():
        deep = np.array(values) > LIMIT
        report[name] = {
            "share_beyond_limit": round(float(deep.mean()), 4),
            "share_beyond_limit_heavy": round(float(deep[heavy].mean()), 4),
            "depth_mm_p95": round(1e3 * float(np.quantile(values, 0.95)), 1),
            "pairs": dict(
                Counter(r[f"{name}_pair"] for r, d in zip(rows, deep, strict=True) if d).most_common()
            ),
            "poses": dict(Counter(r["pose"] for r, d in zip(rows, deep, strict=True) if d).most_common()),
        }
    report["worst"] = sorted(rows, key=lambda r: -r["after"])[:20]
    text = json.dumps(report, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

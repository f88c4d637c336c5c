"""Fits the source's adult skeleton to a resting body: one affine map a bone.

Long bones take their length from the joints and keep their girth in proportion; vertebrae follow the curve of the back;
ribs follow their vertebrae and the chest; the skull fills the head. Only the axial bones and the right side are
fitted: the left is the mirror image.
"""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.construction.affine import Affine, affine, moved, similarity, unit
from maskel_core.anatomy.construction.limbs import fit_arm, fit_legs, limb
from maskel_core.anatomy.construction.measure import RestBody
from maskel_core.anatomy.construction.tuck import Skin, settle
from scipy.ndimage import gaussian_filter1d

_SCALP = 0.0065
_DISC = {"c": 0.87, "t": 0.92, "l": 0.92}
"""Height of a vertebra against its share of the source's spine: what is lost to it is left to the discs and facet joints."""
_TILT = np.radians(5.0)
"""Forward tilt of the pelvis against the source's, whose bearer lies."""
_SHALLOW = 0.96
"""Depth of the pelvis relative to its height, against the source's."""


class SkeletonFit:
    """The source skeleton's landmarks, and its fit to one body after another.

    Args:
        bones: Vertices (N, 3) of each source bone by name (right side at x < 0, mid-sagittal plane x = 0).
        origins: Joint centres of the source's bodies by name.
        shapes: Points (N, 3) of the outer surfaces as sculpted, in the source's space, to lay under the skin.
    """

    def __init__(
        self,
        bones: dict[str, np.ndarray],
        origins: dict[str, np.ndarray],
        shapes: dict[str, np.ndarray],
    ) -> None:
        self.bones, self.origins, self.shapes = bones, origins, shapes
        self.vertebrae = [f"l{i}" for i in range(5, 0, -1)] + [f"t{i}" for i in range(12, 0, -1)]
        self.vertebrae += [f"c{i}" for i in range(7, 0, -1)]
        self.bodies = {name: self._vertebral_body(name) for name in self.vertebrae}
        self.elbow = (origins["ulna_r"] + origins["radius_r"]) / 2
        self.wrist = (bones["lunate"].max(0) + bones["scaphoid"].max(0)) / 2
        self.wrist[:2] = (bones["lunate"].mean(0)[:2] + bones["scaphoid"].mean(0)[:2]) / 2

    def _vertebral_body(self, name: str) -> np.ndarray:
        """Centre of a vertebra's body: the front part of its mid-sagittal slice."""
        points = self.bones[name]
        low, high = points.min(0), points.max(0)
        depth = 0.30 * (high[1] - low[1])
        return np.array([0.0, low[1] + depth, points[points[:, 1] < low[1] + 2 * depth][:, 2].mean()])

    def fit(self, body: RestBody, skin: Skin) -> dict[str, Affine]:
        """Affine maps (3, 4) from the source to the resting body, by bone name."""
        maps = self._pelvis(body, skin)
        source = self.origins["femur_r"]
        hip = moved(maps["sacrum"], source)
        maps |= fit_legs(self, body, skin, hip, maps["hip_bone"]) | fit_arm(self, body, skin)
        maps |= self._head(body)
        spine, curve = self._spine(body, maps["sacrum"], maps["skull"])
        maps |= spine
        maps |= self._cage(body, curve)
        self._settle(maps, body, skin)
        return maps | self._shoulder(body, maps["sternum"], maps["rib4"])

    def _settle(self, maps: dict[str, Affine], body: RestBody, skin: Skin) -> None:
        """Lay the bones of trunk and head under the skin, their joints held."""
        size = body.stature / 1.75
        for name in self.vertebrae[:-1]:
            centre = self.bodies[name]
            pins = centre + 0.012 * np.array(
                [[1, 0, 0], [-1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1]]
            )
            points = self.shapes[name]
            maps[name] = settle(maps[name], points, skin, 0.007 * size, pins, symmetric=True)
        for i in range(1, 13):
            points = self.shapes[f"rib{i}"]
            near = np.linalg.norm(points - self.bodies[f"t{i}"], axis=1)
            pins = points[near <= np.quantile(near, 0.08)]
            maps[f"rib{i}"] = settle(maps[f"rib{i}"], points, skin, 0.007 * size, pins, symmetric=False)
        points = self.shapes["sternum"]
        # Skull and mandible are fitted to the head's own measures; the ears beside them would press them in.
        maps["sternum"] = settle(
            maps["sternum"], points, skin, 0.006 * size, points.mean(0)[None], symmetric=True
        )

    def _pelvis(self, body: RestBody, skin: Skin) -> dict[str, Affine]:
        source = self.origins["femur_r"]
        wide = body.hip[0] / source[0]
        long = np.linalg.norm(body.joint("lowerleg01") - body.hip) / np.linalg.norm(
            self.origins["tibia_r"] - source
        )
        size = body.stature / 1.75
        tall = np.cbrt(wide * long * size) * 0.95
        blade = self.bones["hip_bone"]
        crest = blade[:, 0].argmin()
        level = body.hip[2] + tall * (blade[crest, 2] - source[2])
        wide = min(wide, (body.half_width(level) - 0.016 * size) / -blade[crest, 0])
        cos, sin = np.cos(_TILT), np.sin(_TILT)
        turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
        matrix = turn @ np.diag([wide, _SHALLOW * tall, tall])
        points = np.vstack([self.shapes["hip_bone"], self.shapes["sacrum"]])
        column = np.vstack([self.shapes["l5"], self.shapes["l4"]])

        def room(shape: np.ndarray, y: float, side: float) -> float:
            """Least cover where the skin faces the front (-1) or the back (1)."""
            centre = np.array([wide * source[0], y, body.hip[2]])
            depth, normals = skin.depth((shape - source) @ matrix.T + centre)
            return float(depth[side * normals[:, 1] > 0.3].min(initial=0.1))

        # anny's hip joints lie too far back for any pelvis: it stands where the skin covers it in front and behind alike. The
        # lumbar spine steps forward a little more than the source's.
        y = body.hip[1] - 0.03 * size
        for _ in range(12):
            behind = min(
                room(points, y, 1.0) - 0.010 * size,
                room(column, y, 1.0) + 0.012 * size,
            )
            y += 0.4 * (behind - (room(points, y, -1.0) - 0.005 * size))
        pelvis = affine(matrix, source, np.array([wide * source[0], y, body.hip[2]]))
        ring = source + 0.02 * np.vstack([np.eye(3), -np.eye(3)])
        pelvis = settle(pelvis, points, skin, 0.003 * size, ring, symmetric=True, hold=0.02, stiff=0.05)
        return {"hip_bone": pelvis, "sacrum": pelvis}

    def _spine(
        self, body: RestBody, sacrum: Affine, skull: Affine
    ) -> tuple[dict[str, Affine], dict[str, np.ndarray]]:
        base = moved(sacrum, self.bodies["l5"])
        top = moved(skull, self.bodies["c1"])
        # Levels are spaced as along the source's curved spine, not by height: where the body's is straighter, it is taller.
        steps = np.diff(np.array(list(self.bodies.values())), axis=0)
        arc = dict(zip(self.bodies, np.append(0.0, np.linalg.norm(steps, axis=1).cumsum()), strict=True))
        scale = (top[2] - base[2]) / arc["c1"]
        # The body's neck is longer than the source's: T1 stands about 45 mm above the inner ends of the clavicles.
        shoulder = body.joint("clavicle")[2] + 0.026 * body.stature
        knots = np.array([[0.0, base[2]], [arc["t1"], shoulder], [arc["c1"], top[2]]])

        def height(place: float) -> float:
            """Two slopes, trunk and neck, the bend between them spread over three vertebrae."""
            slopes = np.diff(knots[:, 1]) / np.diff(knots[:, 0])
            around = place + np.linspace(-0.03, 0.03, 13)
            below = knots[1, 1] + slopes[0] * (around - knots[1, 0])
            above = knots[1, 1] + slopes[1] * (around - knots[1, 0])
            return float(np.where(around < knots[1, 0], below, above).mean())

        centres = {n: np.array([0.0, 0.0, height(arc[n])]) for n in self.bodies}
        tall = {n: (height(arc[n] + 0.005) - height(arc[n] - 0.005)) / 0.01 for n in self.bodies}
        # The spinous processes lie a finger's breadth under the skin of the back; a smooth curve through that.
        heights = np.array([c[2] for c in centres.values()])
        depth = []
        for name, centre in centres.items():
            points = self.shapes[name]
            behind = (points[:, 1].max() - self.bodies[name][1]) * scale
            lower = centre[2] - (self.bodies[name][2] - points[points[:, 1].argmax()][2]) * tall[name]
            cover = (0.012 if name[0] != "c" else 0.022) * body.stature / 1.75
            depth.append(body.midline(lower)[1] - cover - behind)
        u = (heights - heights[0]) / (heights[-1] - heights[0])
        weight = np.where([n[0] == "l" for n in centres], 0.5, 1.0)
        curve = np.polynomial.Polynomial.fit(u, depth, 5, w=weight)
        source_y = np.array([p[1] for p in self.bodies.values()])
        source_z = np.array([p[2] for p in self.bodies.values()])
        y = curve(u)
        blend = np.clip(1 - u / 0.25, 0, 1)
        y = y + blend * (base[1] - y[0])
        blend = np.clip(1 - (1 - u) / 0.2, 0, 1)
        y = y + blend * blend * (3 - 2 * blend) * (top[1] - y[-1])
        # A spine that still shows at the back gives way smoothly.
        excess = np.maximum(y - np.array(depth), 0.0)
        excess[[0, -1]] = 0.0
        y = y - np.maximum(gaussian_filter1d(excess, 2.0), 0.7 * excess) * (
            1 - np.exp(-np.arange(len(y)) / 1.0)
        )
        tilt = np.arctan2(-np.gradient(y), np.gradient(heights)) - np.arctan2(
            -np.gradient(source_y), np.gradient(source_z)
        )
        # No level turns much more against its neighbour than in the source: their facets would meet.
        tilt = gaussian_filter1d(tilt, 3.5)
        # The atlas lies level under the skull, and the axis halfway.
        tilt[-2:] *= (0.3, 0.0)
        # The dens stands in the ring of the atlas.
        y[-2] = y[-1] + scale * (source_y[-2] - source_y[-1])
        y[-3] = 0.5 * (y[-3] + 0.5 * (y[-4] + y[-2]))
        maps = {}
        lean = np.hypot(1.0, np.gradient(y) / np.gradient(heights)).clip(max=1.03)
        for i, (name, centre) in enumerate(centres.items()):
            centre[1] = y[i]
            cos, sin = np.cos(tilt[i]), np.sin(tilt[i])
            turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
            matrix = turn @ np.diag([scale, scale, _DISC[name[0]] * tall[name] * lean[i]])
            maps[name] = affine(matrix, self.bodies[name], centre)
        return maps, centres

    def _cage(self, body: RestBody, curve: dict[str, np.ndarray]) -> dict[str, Affine]:
        scale = (curve["t1"][2] - curve["t12"][2]) / (self.bodies["t1"][2] - self.bodies["t12"][2])
        widest = -self.bones["rib8"][:, 0].min()
        level = curve["t9"][2]
        cover = 0.014 * body.stature / 1.75
        wide = (
            min(body.half_width(level), body.half_width(level - 0.03), body.half_width(level + 0.03)) - cover
        ) / widest
        sternum = self.bones["sternum"]
        lower, upper = (
            sternum[np.abs(sternum[:, 2] - z) < 0.02][:, 1].min()
            for z in (sternum[:, 2].min() + 0.11, sternum[:, 2].max() - 0.015)
        )
        # The source lies with a raised chest: in who stands, all ribs and the sternum sink to the clavicles' level.
        top = self.origins["clavicle_r"][2]
        sink = curve["t1"][2] + scale * (top - self.bodies["t1"][2]) - body.joint("clavicle")[2]
        maps: dict[str, Affine] = {}

        def deep(level: str) -> float:
            """Depth scale that puts the front of the cage under the skin of the midline."""
            z = curve[level][2] - 0.05 * scale - 0.7 * sink
            share = np.clip((z - curve["t12"][2]) / (curve["t1"][2] - curve["t12"][2]), 0, 1)
            front = body.midline(z)[0] + cover
            return (front - curve[level][1]) / ((1 - share) * lower + share * upper - self.bodies[level][1])

        typical = float(np.median([deep(f"t{i}") for i in range(3, 9)]))
        slope = sink / (typical * (self.bodies["t1"][1] - upper))
        for i in range(1, 13):
            level_name = f"t{i}"
            front = np.clip(deep(level_name), 0.85 * typical, 1.1 * typical)
            matrix = np.diag([wide, front, scale])
            matrix[2, 1] = slope * front * (1.0 if i <= 10 else 0.6)
            maps[f"rib{i}"] = affine(matrix, self.bodies[level_name], curve[level_name])
        # The sternum leans with the skin of the chest: its two ends decide its depth and slope.
        heights = sternum[:, 2].min() + 0.11, sternum[:, 2].max() - 0.015
        targets = [curve["t5"][2] + scale * (z - self.bodies["t5"][2]) - sink for z in heights]
        fronts = [body.midline(z)[0] + 0.7 * cover for z in targets]
        lean = ((fronts[1] - fronts[0]) - typical * (upper - lower)) / (heights[1] - heights[0])
        tall = (targets[1] - targets[0]) / (heights[1] - heights[0])
        matrix = np.array([[wide, 0, 0], [0, typical, lean], [0, 0, tall]])
        maps["sternum"] = affine(
            matrix, np.array([0, lower, heights[0]]), np.array([0, fronts[0], targets[0]])
        )
        return maps

    def _shoulder(self, body: RestBody, sternum: Affine, ribs: Affine) -> dict[str, Affine]:
        o = self.origins
        size = body.stature / 1.75
        medial = o["clavicle_r"]
        shoulder, source_shoulder = body.joint("upperarm01"), o["humerus_r"]
        tip = o["scapula_r"]
        target_medial = moved(sternum, medial)
        acromion = shoulder + (tip - source_shoulder) * size
        above = body.vertices[np.linalg.norm(body.vertices[:, :2] - acromion[:2], axis=1) < 0.03 * size]
        acromion[2] = min(
            acromion[2], above[above[:, 2] > shoulder[2]][:, 2].min(initial=np.inf) - 0.008 * size
        )
        up = np.array([0.0, 0.0, 1.0])
        scapula = self.bones["scapula"]
        inferior = scapula[scapula[:, 2].argmin()]
        superior = scapula[(scapula @ np.array([1.0, 0.0, 1.0])).argmax()]
        source = np.array([source_shoulder, tip, inferior, superior])
        on_cage = [moved(ribs, p) for p in (inferior, superior)]
        drop = np.array([0.0, 0.0, 0.7 * min(0.0, acromion[2] - moved(ribs, tip)[2])])
        target = np.array([shoulder, acromion, *(p + drop for p in on_cage)])
        blade = similarity(source, target, np.array([4.0, 2.0, 1.0, 1.0]))
        end = moved(blade, tip)
        end += 0.0055 * size * unit(target_medial - end)
        collar = limb(body, (medial, tip), (target_medial, end), (up, up))
        return {"scapula": blade, "clavicle": collar}

    def _head(self, body: RestBody) -> dict[str, Affine]:
        skull, jaw = self.bones["skull"], self.bones["mandible"]
        head = body.part("head", "neck03")
        eye = body.joint("eye.R")
        top = head[:, 2].max()
        size = body.stature / 1.75
        crown = head[head[:, 2] > eye[2] + 0.25 * (top - eye[2])]
        wide = (np.abs(crown[:, 0]).max() - _SCALP) / np.abs(skull[:, 0]).max()
        brow = head[
            (np.abs(head[:, 2] - eye[2] - 0.2 * (top - eye[2])) < 0.012) & (np.abs(head[:, 0]) < 0.02)
        ]
        front, back = brow[:, 1].min() + _SCALP, crown[:, 1].max() - _SCALP
        orbit = skull[:, 2].max() - 0.47 * (skull[:, 2].max() - jaw[:, 2].min())
        tall = (top - _SCALP - eye[2]) / (skull[:, 2].max() - orbit)
        source_brow = skull[skull[:, 2] > orbit + 0.01]
        deep = (back - front) / np.ptp(source_brow[:, 1])
        matrix = np.diag([wide, deep, tall])
        upper = affine(matrix, np.array([0, source_brow[:, 1].min(), orbit]), np.array([0, front, eye[2]]))
        face = head[(np.abs(head[:, 0]) < 0.02) & (head[:, 1] < eye[1] + 0.03 * size)]
        chin = face[face[:, 1] < face[:, 1].min() + 0.045 * size][:, 2].min()
        drop = (eye[2] - chin - 0.006 * size) / (orbit - jaw[:, 2].min())
        lower = affine(
            np.diag([wide, deep, drop]),
            np.array([0, source_brow[:, 1].min(), orbit]),
            np.array([0, front, eye[2]]),
        )
        return {"skull": upper, "mandible": lower}

"""Keeps limbs out of the trunk and out of each other: shoulders, elbows, hips and knees turn until skin only touches skin.

A thousand samples of the skin are posed; those that lie under the skin of another part are pushed out by damped least
squares over the angles of their limb (Buss, "Introduction to inverse kinematics with Jacobian transpose, pseudoinverse and
damped least squares methods", 2004).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.body import Shape
from maskel_core.anatomy.motion_range import ARM, LEG, clamp_limb
from maskel_core.anatomy.pose import Limb, Pose, Poser
from maskel_core.anatomy.turns import Array, X, unit
from numpy.typing import NDArray

Index = NDArray[np.int64]

_ROUNDS = 4
_ALLOWED = 0.002
"""Depth of skin under skin that counts as touching, metres."""
_NEAR, _FACING = 0.03, 0.5
"""A sample lies under the skin that it is nearest to if it is on the inner side of that skin's plane; farther than the first
value, metres, at least the second share of the distance has to be along the normal."""
_DEEPEST = 0.09
"""No limb is so thick that more than this lies under another skin, metres; beyond it the nearest sample tells nothing."""
_STEP = np.radians(16.0)
_DAMPING = 0.03
"""Metres of penetration that are worth a radian of change to a limb."""
_ANGLES = ("flexion", "abduction", "twist", "bend")
_STIFF = np.array([1.0, 0.7, 1.6, 1.2])
"""How unwillingly each angle gives way."""
_SAMPLES = {"trunk": 320, "arm": 180, "leg": 200}
"""Samples of the skin on each side of the body."""
_FREE = {("arm", "trunk"): 0.45, ("leg", "trunk"): 0.5, ("leg", "leg"): 0.26}
"""Share of the upper arm's or thigh's length, from its root, where skin folds rather than meets."""
_ARM_CHAIN, _LEG_CHAIN = ("upperarm01", "lowerarm01", "wrist"), ("upperleg01", "lowerleg01", "foot")
_TWIN = {1: 2, 2: 1, 3: 4, 4: 3}
_UPPER = 0.75
"""Share of the thigh's length down to which the two may meet under the groin."""
_INNER = 0.4
"""Least part of a normal towards the other thigh on a thigh's inner side."""
_CROTCH, _FOLD = -0.125, 0.32
"""Height below which the trunk's middle is crotch, metres in the template; share of the thigh's length that is."""
_PARTS = ("trunk", "left arm", "right arm", "left leg", "right leg")
_SPREADS = (("arm", ("upperarm", "lowerarm"), 1), ("leg", ("upperleg", "lowerleg"), 3))


def part_of_vertices(anatomy: Anatomy) -> Index:
    """Part of the body that each skin vertex belongs to, a number in trunk, left arm, right arm, left leg, right leg; (V,)."""
    weights, joints = anatomy["body.skin_weights"].cpu(), anatomy["body.skin_joints"].cpu()
    owner = joints.gather(1, weights.argmax(1, keepdim=True)).squeeze(1).numpy()
    found: Index = _part_of_joints(anatomy)[owner]
    return found


def _part_of_joints(anatomy: Anatomy) -> Index:
    arm = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
    leg = ("upperleg", "lowerleg", "foot", "toe")
    parts = [
        (1 if name.startswith(arm) else 3) + (name.endswith(".R")) if name.startswith(arm + leg) else 0
        for name in anatomy.names["joints"]
    ]
    return np.array(parts, dtype=np.int64)


@dataclass
class _Samples:
    """Samples of the skin (N), ordered so that the right half mirrors the left.

    Args:
        vertex: (N,), skin vertex.
        part: (N,), part of the body.
        along: (N,), place along the upper arm or thigh as a share of its length; above 1 beyond it, infinite on the trunk.
        weights: (N, J), skin weights.
        root: (N,), weight of all joints of the limb.
        end: (N,), weight of the joints from elbow or knee on.
        corners: (N, 4, 3), skin vertices of faces round each sample.
        levels: Joints by their distance from the root, with their parents.
        sides: What each limb may meet, see ``_sides``.
    """

    vertex: Index
    part: Index
    along: Array
    weights: Array
    root: Array
    end: Array
    corners: Index
    levels: list[tuple[Index, Index]]
    sides: list[list[tuple[Index, Index, Array]]]


@functools.lru_cache(maxsize=4)
def _samples(anatomy: Anatomy) -> _Samples:
    template = anatomy["body.template"].cpu().double().numpy()
    heads = anatomy["body.heads"].cpu().double().numpy()
    parts = part_of_vertices(anatomy)
    chosen = []
    for part, name in ((0, "trunk"), (1, "arm"), (3, "leg")):
        there = np.flatnonzero((parts == part) & (template[:, 0] >= -1e-6))
        chosen.append(there[_spread(template[there], _SAMPLES[name])])
    left = np.concatenate(chosen)
    image = template[left] * np.array([-1.0, 1.0, 1.0])
    squares = (template**2).sum(1)
    right = (squares - 2 * image @ template.T).argmin(1)
    vertex = np.concatenate([left, right[right != left]])
    part = parts[vertex]

    names = anatomy.names["joints"]
    weights = np.zeros((len(vertex), len(names)))
    joints_of, weights_of = (anatomy[f"body.skin_{n}"].cpu().numpy()[vertex] for n in ("joints", "weights"))
    np.add.at(weights, (np.arange(len(vertex))[:, None], joints_of), weights_of)
    along = np.full(len(vertex), np.inf)
    root, end = np.zeros(len(vertex)), np.zeros(len(vertex))
    of_joint = _part_of_joints(anatomy)
    near = np.array([n.startswith(("upperarm", "upperleg")) for n in names])
    for _, (first, second), number in _SPREADS:
        for side in (0, 1):
            ends = [heads[anatomy.joint(f"{n}01.{'LR'[side]}")] for n in (first, second)]
            own = part == number + side
            axis = ends[1] - ends[0]
            along[own] = (template[vertex[own]] - ends[0]) @ axis / (axis @ axis)
            joints = of_joint == number + side
            root[own] = weights[own][:, joints].sum(1)
            end[own] = weights[own][:, joints & ~near].sum(1)
            along[own] = np.where(end[own] > 0.5, 1.0 + along[own].clip(0), along[own])
    corners = _faces_round(anatomy, vertex)
    a, b, c = (template[corners[:, :, i]] for i in range(3))
    facing = np.cross(b - a, c - a).sum(1)
    inner = np.where(part == 3, -1.0, 1.0) * facing[:, 0] > _INNER * np.linalg.norm(facing, axis=1)
    return _Samples(
        vertex,
        part,
        along,
        weights,
        root,
        end,
        corners,
        _levels(anatomy),
        [_sides(part, along, template[vertex], inner, n) for n in (1, 2, 3, 4)],
    )


def _spread(points: Array, count: int) -> Index:
    """Numbers of points that lie far from one another (farthest point sampling)."""
    found = [0]
    distance = ((points - points[0]) ** 2).sum(1)
    for _ in range(count - 1):
        found.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[found[-1]]) ** 2).sum(1))
    return np.array(found)


def _faces_round(anatomy: Anatomy, vertex: Index) -> Index:
    """The four largest faces round each vertex, (N, 4, 3): the same on the left and on the right."""
    faces = anatomy["body.faces"].cpu().numpy()
    a, b, c = anatomy["body.template"].cpu().double().numpy()[faces].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    order = np.argsort(faces.reshape(-1), kind="stable")
    ends = np.searchsorted(faces.reshape(-1)[order], np.stack([vertex, vertex + 1], axis=1))
    picks = []
    for start, stop in ends:
        near = order[start:stop] // 3
        near = near[np.argsort(-area[near].round(9), kind="stable")]
        picks.append(np.resize(near, 4))
    found: Index = faces[np.array(picks)]
    return found


def _levels(anatomy: Anatomy) -> list[tuple[Index, Index]]:
    parents = anatomy["body.parents"].cpu().numpy()
    depth = np.zeros(len(parents), dtype=np.int64)
    for joint, parent in enumerate(parents):
        depth[joint] = 0 if parent < 0 else depth[parent] + 1
    return [
        (np.flatnonzero(depth == d), parents[np.flatnonzero(depth == d)]) for d in range(1, depth.max() + 1)
    ]


@dataclass
class _Posed:
    """Samples in a pose: points and unit normals (N, 3); joints' rotations (J, 3, 3) and centres (J, 3); points in short."""

    points: Array
    normals: Array
    turns: Array
    centres: Array
    coarse: NDArray[np.float32]


class _Body:
    """One body's samples, to be posed again and again."""

    def __init__(self, anatomy: Anatomy, shape: Shape) -> None:
        self.anatomy, self.samples = anatomy, _samples(anatomy)
        self.poser = Poser(anatomy, shape.heads[0])
        skin = shape.vertices[0].detach().cpu().double().numpy()
        self.points = skin[self.samples.vertex]
        a, b, c = (skin[self.samples.corners[:, :, i]] for i in range(3))
        self.normals = np.cross(b - a, c - a).sum(1)
        self.local: Array | None = None

    def posed(self, pose: Pose) -> _Posed:
        """The samples in a pose; its fingers are those of the first pose asked for."""
        self.local = local = self.poser.turns(pose, self.local)
        heads = self.poser.heads
        turns, centres = local.copy(), heads.copy()
        for joints, parents in self.samples.levels:
            turns[joints] = turns[parents] @ local[joints]
            offset = (heads[joints] - heads[parents])[:, :, None]
            centres[joints] = centres[parents] + (turns[parents] @ offset)[:, :, 0]
        shifts = centres - (turns @ heads[:, :, None])[:, :, 0]
        maps = (self.samples.weights @ np.concatenate([turns.reshape(-1, 9), shifts], axis=1)).T
        points, normals = (
            np.stack([maps[i] * v[0] + maps[i + 1] * v[1] + maps[i + 2] * v[2] for i in (0, 3, 6)], axis=1)
            for v in (self.points.T, self.normals.T)
        )
        normals /= np.sqrt((normals * normals).sum(1, keepdims=True))
        points += maps[9:].T
        return _Posed(points, normals, turns, centres, points.astype(np.float32))

    def axes(self, limb: Limb, number: int, turns: Array, centres: Array) -> tuple[Array, Array]:
        """World axes (4, 3) that the angles of a limb turn about, and the centres (4, 3) they pass through."""
        base, names = ("spine01", _ARM_CHAIN) if number < 3 else ("root", _LEG_CHAIN)
        first, second, third = (self.anatomy.joint(f"{n}.{'LR'[1 - number % 2]}") for n in names)
        # Axes of a left limb in the frame of chest or pelvis; those of a right one are their mirror images.
        mirror = np.array([1.0, 1.0, 1.0] if number % 2 else [1.0, -1.0, -1.0])
        sine, cosine = np.sin(limb.flexion), np.cos(limb.flexion)
        flexion, abduction = -X, np.array([0.0, -cosine, sine])
        local = np.stack([flexion, abduction]) * mirror
        rest = self.poser.heads
        upper, lower = rest[second] - rest[first], rest[third] - rest[second]
        hinge = np.cross(upper, lower) if number < 3 else X - (X @ unit(upper)) * unit(upper)
        axes = [
            *(local @ turns[self.anatomy.joint(base)].T),
            unit(centres[second] - centres[first]) * mirror[1],
            turns[first] @ unit(hinge),
        ]
        return np.array(axes), centres[[first, first, first, second]]


def relieve(anatomy: Anatomy, shape: Shape, pose: Pose) -> Pose:
    """A pose like the given one whose limbs touch the trunk and each other, but do not run through them.

    Shoulders, elbows, hips and knees give way within their ranges of motion; the trunk, hands and feet stay as they are.

    Args:
        anatomy: The asset.
        shape: Rest state, batch of one.
        pose: Wanted pose.
    """
    body = _Body(anatomy, shape)
    best, least = pose, np.inf
    asked, hits = {1, 2, 3, 4}, dict[int, _Hits]()
    for step in range(_ROUNDS + 1):
        at = body.posed(pose)
        hits |= {number: _hits(body.samples, at, number) for number in asked}
        depth = max(float(one.depth.max(initial=0.0)) for one in hits.values())
        if depth < least:
            best, least = pose, depth
        if depth == 0.0 or step == _ROUNDS:
            break
        limbs = [*pose.arms, *pose.legs]
        moved = {number for number in hits if len(hits[number].own)}
        for number in moved:
            limbs[number - 1] = _pushed(body, limbs[number - 1], number, at, hits[number])
        pose = replace(pose, arms=(limbs[0], limbs[1]), legs=(limbs[2], limbs[3]))
        asked = moved | {_TWIN[number] for number in moved} | ({1, 2} if moved & {3, 4} else set())
    return best


@dataclass
class _Hits:
    """Samples of a limb that lie under another part's skin.

    Args:
        own: (H,), numbers of the samples.
        depth: (H,), metres.
        way: (H, 3), direction out.
    """

    own: Index
    depth: Array
    way: Array


def _hits(samples: _Samples, at: _Posed, number: int) -> _Hits:
    """Samples of a limb that lie under other skin; two arms or two legs that meet share the depth."""
    found = []
    for own, others, free in samples.sides[number - 1]:
        here, there = at.coarse[own], at.coarse[others]
        nearest = others[((there * there).sum(1) - 2.0 * (here @ there.T)).argmin(1)]
        offset, way = at.points[nearest] - here, at.normals[nearest]
        depth = (offset * way).sum(1)
        met = samples.part[nearest]
        apart = np.sqrt((offset * offset).sum(1))
        hit = (depth > _ALLOWED) & ((apart < _NEAR) | (depth > _FACING * apart))
        hit &= (samples.along[own] > free[met]) & (depth < _DEEPEST)
        share = np.where((met > 0) & ((met > 2) == (number > 2)), 0.5, 1.0)
        found.append((own[hit], (share * depth)[hit], way[hit]))
    own, depths, ways = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return _Hits(own, depths, ways)


def _sides(
    part: Index, along: Array, template: Array, inner: NDArray[np.bool_], number: int
) -> list[tuple[Index, Index, Array]]:
    """A limb's own samples, those that it may meet, and the share of its length that is free to touch each part."""
    own = np.flatnonzero(part == number)
    # Between the thighs the skin is all folds, its normals any way.
    middle = np.abs(template[:, 0]) < 0.05
    folds = middle & (((part == 0) & (template[:, 2] < _CROTCH)) | ((part > 2) & (along < _FOLD)))
    free = np.zeros(len(_PARTS))
    if number < 3:
        free[0] = _FREE["arm", "trunk"]
        return [(own, np.flatnonzero((part != number) & ~(folds & (part == 0))), free)]
    free[0], free[3:] = _FREE["leg", "trunk"], _FREE["leg", "leg"]
    twin = part == _TWIN[number]
    # Legs do not give way to arms; they meet each other high up too, where the groin is nearer.
    thigh = np.flatnonzero((part == number) & (along < _UPPER))
    met = (((part == 0) | twin) & ~folds, twin & inner & ~folds & (along < _UPPER))
    return [(own, np.flatnonzero(met[0]), free), (thigh, np.flatnonzero(met[1]), free)]


def _pushed(body: _Body, limb: Limb, number: int, at: _Posed, hits: _Hits) -> Limb:
    """A limb turned so that its hits move out, as far as one step goes."""
    axes, middles = body.axes(limb, number, at.turns, at.centres)
    places = at.points[hits.own]
    share = np.stack([body.samples.root[hits.own]] * 3 + [body.samples.end[hits.own]], axis=1)
    arms = places[:, None] - middles[None]
    gain = (np.cross(axes[None], arms) * hits.way[:, None]).sum(-1) * share
    weight = hits.depth / hits.depth.sum()
    wanted = 1.2 * (hits.depth - 0.4 * _ALLOWED)
    normal = gain.T @ (gain * weight[:, None]) + np.diag((_DAMPING * _STIFF) ** 2)
    step = np.linalg.solve(normal, gain.T @ (weight * wanted)).clip(-_STEP, _STEP)
    changed = {n: getattr(limb, n) + float(d) for n, d in zip(_ANGLES, step, strict=True)}
    return clamp_limb(replace(limb, **changed), ARM if number < 3 else LEG)

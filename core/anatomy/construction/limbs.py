"""Fits the bones of arms and legs: each between its own joints, hand and foot as blocks."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from maskel_core.anatomy.construction.affine import Affine, least_squares, moved, segment, unit
from maskel_core.anatomy.construction.bones import CARPALS, FINGERS, TOES
from maskel_core.anatomy.construction.measure import RestBody
from maskel_core.anatomy.construction.sculpt.pelvis import HEAD, SOCKET
from maskel_core.anatomy.construction.tuck import Skin, settle

_FRONT = np.array([0.0, -1.0, 0.0])


class Source(Protocol):
    """What the limbs' fit asks of the source skeleton: vertices and joint centres by name, elbow and wrist."""

    bones: dict[str, np.ndarray]
    shapes: dict[str, np.ndarray]
    origins: dict[str, np.ndarray]
    elbow: np.ndarray
    wrist: np.ndarray


def _front_end(points: np.ndarray) -> np.ndarray:
    """Middle of the front (least y) end of a bone of the foot, (3,)."""
    front = points[points[:, 1] < points[:, 1].min() + 0.15 * np.ptp(points[:, 1])]
    return np.array([front[:, 0].mean(), points[:, 1].min(), front[:, 2].mean()])


def girth(body: RestBody, length_ratio: float | np.floating) -> float:
    """Girth follows the limb's own length and the whole body's size by halves (geometric)."""
    return float(np.sqrt(length_ratio * body.stature / 1.75))


def limb(
    body: RestBody,
    ends: tuple[np.ndarray, np.ndarray],
    target: tuple[np.ndarray, np.ndarray],
    sides,
) -> Affine:
    ratio = np.linalg.norm(target[1] - target[0]) / np.linalg.norm(ends[1] - ends[0])
    return segment(ends, target, sides, girth(body, ratio))


def fit_legs(
    skeleton: Source, body: RestBody, skin: Skin, hip: np.ndarray, pelvis: Affine
) -> dict[str, Affine]:
    """Maps of the right leg; ``hip`` is the centre of the socket and ``pelvis`` the map that made it."""
    o = skeleton.origins
    knee, ankle = body.joint("lowerleg01"), body.joint("foot")
    toward_toe = body.joint("toe2-1") - ankle
    sides = (_FRONT, unit(_FRONT + unit(toward_toe)))
    ratio = np.linalg.norm(knee - hip) / np.linalg.norm(o["tibia_r"] - o["femur_r"])
    narrow = np.linalg.svd(pelvis[:, :3], compute_uv=False)[-1]
    room = (SOCKET * narrow - 0.0018 * body.stature / 1.75) / HEAD
    usual = girth(body, ratio)
    thick = float(np.clip(room, 0.82 * usual, usual))
    thigh = segment((o["femur_r"], o["tibia_r"]), (hip, knee), sides, thick)
    shank = limb(body, (o["tibia_r"], o["talus_r"]), (knee, ankle), sides)
    maps = {"femur": thigh, "tibia": shank, "fibula": shank, "patella": thigh}

    foot = body.part("foot", "toe")
    heel = np.array([ankle[0], foot[:, 1].max(), foot[:, 2].min()])
    size = np.linalg.norm(body.joint("toe1-1") - heel)
    heel += size * np.array([0.0, -0.035, 0.045])
    bones = skeleton.bones
    calcaneus = bones["calcaneus"]
    source = [
        o["talus_r"],
        np.array([calcaneus[:, 0].mean(), calcaneus[:, 1].max(), calcaneus[:, 2].min()]),
    ]
    source += [_front_end(bones[f"metatarsal{k}"]) for k in range(1, 6)]
    target = [ankle, heel, *(body.joint(f"toe{k}-1") for k in range(1, 6))]
    block = least_squares(np.array(source), np.array(target))
    names = (
        "calcaneus",
        "talus",
        *(f"tarsal{i}" for i in range(1, 6)),
        *(f"metatarsal{i}" for i in range(1, 6)),
    )
    points = np.vstack([skeleton.shapes[name] for name in names])
    margin = 0.004 * body.stature / 1.75
    block = settle(block, points, skin, margin, o["talus_r"][None], symmetric=False)
    maps |= dict.fromkeys(names, block)
    for toe, chain in enumerate(TOES, 1):
        maps |= _toe(skeleton, body, toe, chain, block)
    return maps


def _toe(
    skeleton: Source, body: RestBody, toe: int, chain: tuple[int, ...], foot: Affine
) -> dict[str, Affine]:
    """The phalanges of a toe between its joints; the first one meets its metatarsal, which ``foot`` has laid."""
    parts = [skeleton.shapes[f"toe_phalanx{i}"] for i in chain]
    ends = [_front_end(part) for part in (skeleton.shapes[f"metatarsal{toe}"], *parts)]
    flip = np.array([1.0, -1.0, 1.0])
    starts = [flip * _front_end(part * flip) for part in parts]
    between = [0.5 * (end + start) for end, start in zip(ends[:-1], starts, strict=True)] + [ends[-1]]
    joints = [body.joint(f"toe{toe}-{i}") for i in range(1, len(chain) + 1)]
    tip = body.tip(f"toe{toe}-{len(chain)}", f"toe{toe}-{len(chain) - 1}")
    joints[0] = moved(foot, between[0])
    joints.append(tip + 0.2 * (joints[-1] - tip))
    up = np.array([0.0, 0.0, 1.0])
    return {
        f"toe_phalanx{number}": limb(body, (between[i], between[i + 1]), (joints[i], joints[i + 1]), (up, up))
        for i, number in enumerate(chain)
    }


def fit_arm(skeleton: Source, body: RestBody, skin: Skin) -> dict[str, Affine]:
    """Maps of the right arm from the humerus to the finger tips."""
    o = skeleton.origins
    shoulder, elbow, wrist = body.joint("upperarm01"), body.joint("lowerarm01"), body.joint("wrist")
    flexion = unit(wrist - elbow)
    index, little = body.joint("finger2-1"), body.joint("finger5-1")
    thumb_side = index - little
    bend = _FRONT
    maps = {"humerus": limb(body, (o["humerus_r"], skeleton.elbow), (shoulder, elbow), (bend, flexion))}
    ends = (skeleton.elbow, skeleton.wrist)
    maps["ulna"] = limb(body, ends, (elbow, wrist), (bend, -unit(elbow - shoulder) * 0.5 + unit(thumb_side)))
    maps["radius"] = limb(body, ends, (elbow, wrist), (bend, unit(thumb_side)))

    source_index, source_little = o["2proxph_r"], o["5proxph_r"]
    normal = np.cross(source_index - skeleton.wrist, source_little - skeleton.wrist)
    target_normal = np.cross(index - wrist, little - wrist)
    ratio = np.linalg.norm(index - wrist) / np.linalg.norm(source_index - skeleton.wrist)
    lift, grown = 0.02 * unit(normal), 0.02 * girth(body, ratio) * unit(target_normal)
    base = np.array([skeleton.wrist, source_index, source_little, o["3proxph_r"]])
    target = np.array([wrist, index, little, body.joint("finger3-1")])
    hand = least_squares(np.vstack([base, base + lift]), np.vstack([target, target + grown]))
    palm = (*CARPALS, *(f"{k}mc" for k in FINGERS))
    points = np.vstack([skeleton.shapes[name] for name in palm])
    knuckles = np.array([skeleton.wrist, *(o[f"{k}proxph_r"] for k in FINGERS)])
    hand = settle(hand, points, skin, 0.003 * body.stature / 1.75, knuckles, symmetric=False)
    maps |= dict.fromkeys(palm, hand)

    for k in FINGERS:
        chain = [o[f"{k}proxph_r"], o[f"midph{k}_r"], o[f"distph{k}_r"], skeleton.bones[f"{k}distph"].min(0)]
        chain[3][:2] = skeleton.bones[f"{k}distph"].mean(0)[:2]
        joints = [moved(hand, chain[0]), body.joint(f"finger{k}-2"), body.joint(f"finger{k}-3")]
        # The base of the phalanx is hollow and turns about the head of the metacarpal: it starts a joint space further out.
        joints[0] += 0.0022 * body.stature / 1.75 * unit(joints[1] - joints[0])
        tip = body.tip(f"finger{k}-3", f"finger{k}-2")
        joints.append(tip + 0.13 * (joints[2] - tip))
        for i, part in enumerate(("proxph", "midph", "distph")):
            sides = (unit(normal), unit(target_normal))
            maps[f"{k}{part}"] = limb(body, (chain[i], chain[i + 1]), (joints[i], joints[i + 1]), sides)
    chain = [o["firstmc_r"], o["proximal_thumb_r"], o["distal_thumb_r"], skeleton.bones["thumbdist"].min(0)]
    tip = body.tip("finger1-3", "finger1-2")
    last = body.joint("finger1-3")
    joints = [moved(hand, chain[0]), body.joint("finger1-2"), last, tip + 0.13 * (last - tip)]
    for i, name in enumerate(("1mc", "thumbprox", "thumbdist")):
        maps[name] = limb(
            body,
            (chain[i], chain[i + 1]),
            (joints[i], joints[i + 1]),
            (unit(normal), unit(target_normal)),
        )
    return maps

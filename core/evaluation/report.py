"""An evaluation as Markdown: the aims first, then the tables."""

from __future__ import annotations

from typing import Any

from maskel_core.evaluation.aims import CRISP
from maskel_core.evaluation.groups import GROUPS

COLUMNS = {
    "bone_psnr": "Bone PSNR, dB",
    "bone_ssim": "Bone SSIM",
    "bone_ms_ssim": "Bone MS-SSIM",
    "bone_dice": "Bone Dice",
    "bone_pearson": "Bone Pearson",
    "bone_spearman": "Bone Spearman",
    "slope_correlation": "Slope corr.",
    "high_pass_correlation": "High-pass corr.",
    "crispness": "Crispness",
    "frechet": "MAE-FD",
    "soft_psnr": "Soft PSNR, dB",
    "soft_ssim": "Soft SSIM",
    "soft_ms_ssim": "Soft MS-SSIM",
    "outside": "Outside",
    "joint_median": "Joint median",
    "joint_p95": "Joint p95",
    "joint_pck2": "PCK 2 %",
    "joint_pck5": "PCK 5 %",
    "open_median": "Joint median, sides open",
}
"""Figures of the table in their order; the joint errors are shares of the body's height."""

COSTS = {
    "seconds_median": "Seconds",
    "parameters": "Parameters, M",
    "minutes": "Training, min",
    "samples_seen": "Samples seen",
}
"""Further columns of the table of all answers."""

AIM_NAMES = {
    "largest_fall": "Largest fall of a figure by",
    "mirror_largest": "Mirror difference",
    **COLUMNS,
}

BLURRED = "†"
"""Marks answers whose crispness lies outside `CRISP`."""


def markdown_table(
    rows: dict[str, dict[str, float]], title: str, columns: dict[str, str] | None = None
) -> str:
    """A Markdown table, one line a row, figures in the order of ``columns`` (default `COLUMNS`); empty cells where unknown."""
    columns = columns or COLUMNS
    names = [name for name in columns if any(name in figures for figures in rows.values())]
    lines = [f"| {title} | samples | " + " | ".join(columns[name] for name in names) + " |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for label, figures in rows.items():
        cells = [cell(name, figures[name]) if name in figures else "" for name in names]
        lines.append(f"| {label} | {figures['samples']:.0f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(name: str, value: float) -> str:
    """A figure as it stands in a table."""
    if name in ("joint_pck2", "joint_pck5", "largest_fall"):
        return f"{value * 100:.1f} %"
    if name in ("joint_median", "joint_p95", "open_median"):
        return f"{value * 100:.2f} %"
    if name in ("frechet", "mirror_largest", "mean"):
        return f"{value:.3g}"
    if name in COSTS:
        return {
            "seconds_median": f"{value:.3f}",
            "parameters": f"{value / 1e6:.1f}",
            "minutes": f"{value:.0f}",
        }.get(name, f"{value:.0f}")
    return f"{value:.2f}" if name.endswith("psnr") else f"{value:.3f}"


def report_text(report: dict[str, Any]) -> str:
    """report.md of a report as `evaluate` returns it."""
    parts = [
        f"# {report['model']} on {report['samples']} samples of {report['bodies']} held-out bodies\n",
        f"## Aims\n\n{_aims(report['aims'])}",
        f"## All answers\n\n{_answers(report)}",
    ]
    if report["plain"]:
        parts.append(
            f"## Plain bodies\n\nNatural bodies in {' or '.join(report['plain']['poses'])}, bare.\n\n{_plain(report)}"
        )
    if found := report["bare"]:
        rows = {"all": found["all"], **found["by_view"]}
        parts.append(
            "## Bare bodies\n\nAny pose and form, nothing worn: what the outline says without cloth over it.\n\n"
            + markdown_table(rows, "Bare bodies")
        )
    if report["robustness"]:
        parts.append(f"## Robustness\n\n{_robustness(report['robustness'])}")
    if report["mirror"]:
        found = report["mirror"]
        parts.append(
            "## Mirror image\n\nLargest difference between the X-ray of the mirrored mask and the mirrored X-ray over "
            f"{found['samples']} masks: {found['largest']:.2g} of the dense integral (99.9th percentile {found['p999']:.2g}; "
            f"tolerance {found['tolerance']:g}), joints {found['joint_pixels']:.2g} pixels.\n"
        )
    if report["storage"]:
        found = report["storage"]
        parts.append(
            f"## Storage\n\nNormalised X-rays of {found['samples']} masks against the float32 weights: largest change "
            f"{found['largest']:.2g}, mean {found['mean']:.2g} of the dense integral.\n"
        )
    for key, heading in GROUPS.items():
        if len(report[f"by_{key}"]) > 1 or key in ("view", "pose"):
            parts.append(f"## By {heading.lower()}\n\n" + markdown_table(report[f"by_{key}"], heading))
    return "\n".join(parts)


def _aims(rows: list[dict[str, Any]]) -> str:
    lines = ["| Figure | where | aim | reached | |", "|---|---|---|---|---|"]
    for row in rows:
        low, high = (None if row[k] is None else cell(row["figure"], row[k]) for k in ("low", "high"))
        aim = f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"
        reached = cell(row["figure"], row["reached"])
        where = {"all": "all views", "front": "frontal"}.get(row["where"], row["where"])
        verdict = "pass" if row["passed"] else "**fail**"
        lines.append(f"| {AIM_NAMES[row['figure']]} | {where} | {aim} | {reached} | {verdict} |")
    return "\n".join(lines) + "\n"


def _answers(report: dict[str, Any]) -> str:
    rows: dict[str, dict[str, float]] = {}
    blurred = False
    for name, figures in report["all"].items():
        for where, found in ((", all views", figures), (", frontal", report["front"].get(name))):
            if found is None:
                continue
            off = not CRISP[0] <= found.get("crispness", 1.0) <= CRISP[1]
            blurred |= off
            rows[name + where + (f" {BLURRED}" if off else "")] = found
    text = markdown_table(rows, "Answer", COLUMNS | COSTS)
    if blurred:
        text += f"\n{BLURRED} Crispness outside {CRISP[0]} to {CRISP[1]}, blurred or grainy: no fair peer in the other columns.\n"
    found = report["features"]
    if found:
        floors = ", ".join(
            f"{found[key]:.3g} ({label})"
            for key, label in (("floor_all", "all views"), ("floor_front", "frontal"))
            if key in found
        )
        text += (
            f"\nMAE-FD: Fréchet distance in the {found['width']} features of `{found['name']}`; between two halves of the truth "
            f"it is {floors}.\n"
        )
    return text


def _plain(report: dict[str, Any]) -> str:
    plain = report["plain"]
    rows = {"all": plain["all"], **plain["by_view"], **plain["by_camera"]}
    return markdown_table(rows, "Plain bodies")


def _robustness(found: dict[str, Any]) -> str:
    """Change of every figure by family; what worsens by more than the limit is bold."""
    families: dict[str, Any] = found["families"]
    names = [name for name in COLUMNS if any(name in f["change"] for f in families.values())]
    lines = [
        "| Family | samples | " + " | ".join(COLUMNS[name] for name in names) + " |",
        "|---" * (len(names) + 2) + "|",
    ]
    for family, figures in families.items():
        cells = []
        for name in names:
            change = figures["change"].get(name)
            worse = change is not None and (
                change > found["limit"]
                if name in ("joint_median", "joint_p95", "open_median")
                else name not in ("crispness", "outside") and change < -found["limit"]
            )
            text = "" if change is None else f"{change * 100:+.1f} %"
            cells.append(f"**{text}**" if worse else text)
        lines.append(f"| {family} | {figures['samples']} | " + " | ".join(cells) + " |")
    return (
        "Change of each figure against the plain silhouettes of the same bodies in the same view; what worsens by more "
        f"than {found['limit'] * 100:.0f} % is bold.\n\n" + "\n".join(lines) + "\n"
    )

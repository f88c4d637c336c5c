"""Turn a trained run into the folder that ships: half-size weights, checksums, model card."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from maskel_core.errors import MaskelError
from maskel_core.evaluation.report import markdown_table
from maskel_core.models import MaskedAutoencoder, MaskTransformer
from maskel_core.models.store import WEIGHTS, export_model, load_model
from maskel_core.pipeline.edges import is_gain
from maskel_core.training.tracking import LOG, last_figures
from torch import nn

HEADER = """---
license: gpl-3.0
library_name: maskel
pipeline_tag: image-to-image
---

# {name}

Makes a whole-body X-ray (bone and soft-tissue line integrals) and 27 joints from the silhouette of a person.

- Architecture: {architecture}, {parameters:.1f} M parameters, {size} x {size} pixels inside, {megabytes:.1f} MiB.
- Trained on {samples} simulated pairs (parametric bodies with fitted skeletons, projected by Beer-Lambert), no patient data.
{notes}
- Training: {training}.
- Not a medical device: bones are plausible for a silhouette, they are nobody's.

"""


CODEBOOK_NOTES = """\
- Beside the codes of the codebook the decoder gets the continuous tokens and the mask at every scale, unlike the paper's model,
  which sends everything through the codes; `maskel-256` is that configuration.
- Knows: people from about eight years on, thin to stout, standing to acting, any yaw, unclothed silhouettes.
  Does not know: infants, very heavy people, clothes, hair, props, stylised proportions."""

TRANSFORMER_NOTES = """\
- A transformer on 16 x 16 tokens, no codebook, a convolutional decoder led by the mask; a mirrored mask has the mirrored
  answer.
- Takes the view (front, back, left, right) where it is known; else front is taken for what a silhouette leaves open, so
  that a body seen from behind has its left and right named the wrong way round.
- Says how far each pixel of the bone layer may be off.
- Knows the bodies, poses, clothes and views that `maskel data gallery` shows."""


FEATURES_CARD = """---
license: gpl-3.0
library_name: maskel
pipeline_tag: image-feature-extraction
---

# {name}

Describes a whole-body X-ray (bone and soft-tissue line integrals) by {width} numbers, the mean of its tokens after the last norm.

- Made for one use: MAE-FD, the Fréchet distance between true and made X-rays that `maskel eval` reports. Distances are
  comparable only with those taken by the same weights on equally many samples.
- Architecture: {architecture}, {parameters:.1f} M parameters, {size} x {size} pixels, {megabytes:.1f} MiB.
- Trained here to rebuild simulated X-rays of which {hidden:.0%} of the patches are hidden, no patient data, no foreign weights.
- Training: {training}.
- Not a medical device: it knows simulated X-rays only.
"""


def export_run(
    run: Path | str, target: Path | str, report: Path | str | None = None, detail_gain: float | None = None
) -> Path:
    """Export ``RUN/generator``, or ``RUN/autoencoder`` of a run that has nothing else, and write its model card.

    Args:
        run: Folder of a finished training run.
        target: Folder to write, whose name becomes the model's.
        report: report.json of an evaluation, for the figures on the card.
        detail_gain: Of a `MaskTransformer`, as benchmarks/detail.py measures it; None keeps the run's.

    Returns:
        The target folder.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``; ``bad_gain`` for one below 0 or for another model.
    """
    run, target = Path(run), Path(target)
    parts = [run / name for name in ("generator", "autoencoder") if (run / name / "config.json").is_file()]
    model = load_model(parts[0] if parts else run / "generator")
    if detail_gain is not None:
        if not isinstance(model, MaskTransformer) or not is_gain(detail_gain):
            raise MaskelError(
                "bad_gain",
                f"{type(model).__name__} takes no detail gain of {detail_gain:g}.",
                "Leave --detail-gain out, or give a MaskTransformer a number from 0.",
            )
        model.register_to_config(detail_gain=detail_gain)
    export_model(model, target)
    exported = load_model(target)
    found = json.loads(Path(report).read_text(encoding="utf-8")) if report is not None else None
    (target / "README.md").write_text(_card(run, target, exported, found), encoding="utf-8")
    return target


def largest_change(model: nn.Module, exported: nn.Module, mask: torch.Tensor) -> float:
    """Largest difference of two models' normalised X-rays of (B, 1, S, S) masks: what storing in float16 costs."""
    with torch.inference_mode():
        return float((model(mask).xray - exported(mask).xray).abs().max())


def training_summary(run: Path) -> str:
    """One phrase on the stages of a run: steps, samples seen, minutes."""
    parts = [
        f"{name} {r['step']} steps ({r['rate'] * r['seconds']:.0f} samples seen, {r['seconds'] / 60:.0f} minutes)"
        for name, r in last_figures(run / LOG).items()
    ]
    return ", ".join(parts) or "not recorded"


def _samples(run: Path, report: dict[str, Any] | None) -> str:
    """How many pairs a run learned from: made while training, or those of the report's data."""
    made = [record["made"] for record in last_figures(run / LOG).values() if "made" in record]
    if made:
        return f"{max(made):,.0f}"
    return f"{report['training_samples']:,}" if report else "several thousand"


def _card(run: Path, target: Path, model: nn.Module, report: dict[str, Any] | None) -> str:
    if isinstance(model, MaskedAutoencoder):
        return FEATURES_CARD.format(
            name=target.name,
            width=model.config.dim,
            architecture=type(model).__name__,
            parameters=sum(p.numel() for p in model.parameters()) / 1e6,
            size=model.config.sample_size,
            megabytes=(target / WEIGHTS).stat().st_size / 2**20,
            hidden=model.config.hidden_share,
            training=training_summary(run),
        )
    text = HEADER.format(
        name=target.name,
        architecture=type(model).__name__,
        parameters=sum(p.numel() for p in model.parameters()) / 1e6,
        size=model.config.sample_size,  # type: ignore[union-attr]
        megabytes=(target / WEIGHTS).stat().st_size / 2**20,
        notes=TRANSFORMER_NOTES if isinstance(model, MaskTransformer) else CODEBOOK_NOTES,
        samples=_samples(run, report),
        training=training_summary(run),
    )
    if report is not None:
        text += f"## Measured on {report['samples']} views of {report['bodies']} bodies it never saw\n\n"
        text += markdown_table(report["all"], "Answer") + "\n" + markdown_table(report["by_view"], "View")
        text += "\nAll figures are taken inside the mask; joint errors are shares of the body's height in the picture.\n"
    return text


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Export a trained run as a model that ships.")
    parser.add_argument("run", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--detail-gain", type=float)
    given = parser.parse_args(arguments)
    print(export_run(given.run, given.target, given.report, given.detail_gain))


if __name__ == "__main__":
    main()

"""Models on disk: config.json and safetensors, loaded strictly, float16 storage widened to float32."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from maskel_core.errors import MaskelError
from maskel_core.models.diffusion_xray import DiffusionXray
from maskel_core.models.discriminator import PatchDiscriminator
from maskel_core.models.mask_transformer import MaskTransformer
from maskel_core.models.masked_autoencoder import MaskedAutoencoder
from maskel_core.models.plain_unet import PlainUNet
from maskel_core.models.super_resolver import XraySuperResolver
from maskel_core.models.vq_masked_autoencoder import VQMaskedAutoencoder
from maskel_core.models.xray_generator import XrayGenerator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

WEIGHTS = "diffusion_pytorch_model.safetensors"
CHECKSUMS = "checksums.json"
CLASSES: dict[str, type[nn.Module]] = {
    kind.__name__: kind
    for kind in (
        DiffusionXray,
        MaskedAutoencoder,
        MaskTransformer,
        PatchDiscriminator,
        PlainUNet,
        VQMaskedAutoencoder,
        XrayGenerator,
        XraySuperResolver,
    )
}
"""The classes that a model folder may name."""


def load_model(folder: Path | str) -> nn.Module:
    """A model in float32 on the CPU, in eval mode.

    Args:
        folder: config.json and `WEIGHTS`; `CHECKSUMS` is checked when it is there.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``.
    """
    folder = Path(folder)
    config, weights, sums = folder / "config.json", folder / WEIGHTS, folder / CHECKSUMS
    for path in (config, weights):
        if not path.is_file():
            raise MaskelError(
                "model_missing",
                f"{path.name} is missing in {folder}.",
                "Name a folder that holds a model, or install again.",
            )
    if sums.is_file():
        for name, wanted in json.loads(sums.read_text(encoding="utf-8")).items():
            if not (folder / name).is_file() or file_digest(folder / name) != wanted:
                raise damaged(folder, f"{name} does not match its checksum")
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
        kind = CLASSES[values["_class_name"]]
        model = kind.from_config(values)  # type: ignore[attr-defined]
        # Copied into float32 parameters, which widens what is stored in float16.
        model.load_state_dict(load_file(weights), strict=True)
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise damaged(folder, str(error).splitlines()[0]) from error
    return model.eval()


def export_model(model: nn.Module, folder: Path | str, half: bool = True, configuration: str = "") -> None:
    """Write a model as it ships: config.json, weights, checksums.

    Args:
        model: A diffusers model.
        folder: Made when missing.
        half: Store matrices as float16; vectors (norms, biases) and the codebook stay float32.
        configuration: Key of `CONFIGURATIONS`, kept in the weights' metadata; empty names the folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_config(folder)  # type: ignore[operator]
    state = {}
    for name, value in model.state_dict().items():
        small = half and value.ndim > 1 and not name.startswith("quantizer.")
        state[name] = (value.to(torch.float16) if small else value).detach().cpu().contiguous()
    save_file(
        state,
        folder / WEIGHTS,
        metadata={"format": "pt", "configuration": configuration or folder.resolve().name},
    )
    write_checksums(folder)


def write_checksums(folder: Path) -> None:
    """Write `CHECKSUMS` of a model folder: of config.json and every safetensors file."""
    names = sorted(["config.json", *(path.name for path in folder.glob("*.safetensors"))])
    sums = {name: file_digest(folder / name) for name in names}
    (folder / CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damaged(folder: Path, why: str) -> MaskelError:
    """The error for a folder that holds no usable model."""
    return MaskelError("model_damaged", f"The model in {folder} is damaged: {why}.", "Install it again.")

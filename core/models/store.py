"""Models on disk: config.json and safetensors, loaded strictly, float16 storage widened to float32."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from maskel_core.models.diffusion_xray import DiffusionXray
from maskel_core.models.discriminator import PatchDiscriminator
from maskel_core.models.manifest import CHECKSUMS, CONFIG, WEIGHTS, damaged, read_model_files, write_checksums
from maskel_core.models.mask_transformer import MaskTransformer
from maskel_core.models.masked_autoencoder import MaskedAutoencoder
from maskel_core.models.plain_unet import PlainUNet
from maskel_core.models.super_resolver import XraySuperResolver
from maskel_core.models.vq_masked_autoencoder import VQMaskedAutoencoder
from maskel_core.models.xray_generator import XrayGenerator
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import nn

__all__ = ["CHECKSUMS", "CLASSES", "WEIGHTS", "damaged", "export_model", "load_model", "write_checksums"]

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
    files = read_model_files(folder)
    try:
        values = json.loads(files[CONFIG])
        kind = CLASSES[values["_class_name"]]
        model = kind.from_config(values)  # type: ignore[attr-defined]
        # Copied into float32 parameters, which widens what is stored in float16.
        model.load_state_dict(load(files[WEIGHTS]), strict=True)
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise damaged(folder, str(error).splitlines()[0]) from error
    return model.eval()


def export_model(model: nn.Module, folder: Path | str, half: bool = True, configuration: str = "") -> None:
    """Write a model as it ships: config.json, weights, checksums. What was fitted to weights that lay there before goes.

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
    for other in folder.glob("*.safetensors"):
        if other.name != WEIGHTS:
            other.unlink()
    save_file(
        state,
        folder / WEIGHTS,
        metadata={"format": "pt", "configuration": configuration or folder.resolve().name},
    )
    write_checksums(folder)

"""Models: masked autoencoder (stage 1), VQ masked autoencoder (stage 2), mask transformer, discriminator, U-Net, augmenters."""

from maskel_core.models import _diffusers as _diffusers
from maskel_core.models.configurations import CONFIGURATIONS, Augmenter, Configuration
from maskel_core.models.diffusion_xray import DiffusionXray
from maskel_core.models.discriminator import PatchDiscriminator
from maskel_core.models.joint_head import JointMaps
from maskel_core.models.mask_transformer import MaskTransformer
from maskel_core.models.masked_autoencoder import MaskedAutoencoder
from maskel_core.models.plain_unet import PlainUNet
from maskel_core.models.super_resolver import XraySuperResolver
from maskel_core.models.vector_quantizer import Quantized, VectorQuantizer
from maskel_core.models.vq_masked_autoencoder import LayerScaling, VQMaskedAutoencoder, XrayPrediction
from maskel_core.models.xray_generator import XrayGenerator

__all__ = [
    "CONFIGURATIONS",
    "Augmenter",
    "Configuration",
    "DiffusionXray",
    "JointMaps",
    "LayerScaling",
    "MaskTransformer",
    "MaskedAutoencoder",
    "PatchDiscriminator",
    "PlainUNet",
    "Quantized",
    "VQMaskedAutoencoder",
    "VectorQuantizer",
    "XrayGenerator",
    "XrayPrediction",
    "XraySuperResolver",
]

"""Models: masked autoencoder (stage 1), VQ masked autoencoder (stage 2), mask transformer, discriminator, plain U-Net."""

from maskel_core.models.configurations import CONFIGURATIONS, Configuration
from maskel_core.models.diffusion_xray import DiffusionXray
from maskel_core.models.discriminator import PatchDiscriminator
from maskel_core.models.joint_head import JointMaps
from maskel_core.models.mask_transformer import MaskTransformer
from maskel_core.models.masked_autoencoder import MaskedAutoencoder
from maskel_core.models.plain_unet import PlainUNet
from maskel_core.models.vector_quantizer import Quantized, VectorQuantizer
from maskel_core.models.vq_masked_autoencoder import LayerScaling, VQMaskedAutoencoder, XrayPrediction

__all__ = [
    "CONFIGURATIONS",
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
    "XrayPrediction",
]

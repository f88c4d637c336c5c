"""maskel-base: a transformer on coarse tokens, a light convolutional decoder led by the mask, detail at twice its size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import register_to_config
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.devices import constant
from maskel_core.models.areas import LEVEL_REACH, REACH, Area, grown, take_area
from maskel_core.models.base import ConfiguredModel
from maskel_core.models.decoder import MaskPyramid, XrayDecoder
from maskel_core.models.joint_head import JointHead, JointMaps
from maskel_core.models.layers import pixel_shuffle, pixel_unshuffle
from maskel_core.models.mask_features import mask_features
from maskel_core.models.patch_encoder import PatchEncoder
from maskel_core.models.views import MIRRORED_VIEWS, VIEWS
from maskel_core.models.vq_masked_autoencoder import LayerScaling, XrayPrediction
from torch import Tensor, nn

HEAT_GAIN = 16.0
"""Brings a settled joint's heat, which sums to 1 over its map, to about 1 at its peak."""


class FineDetail(nn.Module):
    """Doubles the decoder's picture and corrects it with the mask at full size.

    The coarse picture is enlarged and what the convolutions find is added, so that it starts as plain enlargement.

    Args:
        channels_in: Channels of the decoder's finest level, at a half or a quarter of the full size.
        channels: Channels of the convolutions, which run at half the full size.
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels_in, channels, 1)
        self.join = nn.Conv2d(channels + 6, channels, 3, padding=1)
        self.middle = nn.Conv2d(channels, channels, 3, padding=1)
        self.out = nn.Conv2d(channels, 8, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, coarse: Tensor, mask: Tensor) -> Tensor:
        """Features (B, C, S/4, S/4) or of twice the size, picture (B, 2, S/2, S/2), mask (B, 1, S, S) to (B, 2, S, S)."""
        x = self.narrow(features)
        if x.shape[-1] < coarse.shape[-1]:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        guide = pixel_unshuffle(mask, 2).to(x.dtype)
        x = F.silu(self.join(torch.cat([x, coarse.to(x.dtype), guide], dim=1)))
        x = F.silu(self.middle(x))
        # Measured: enlarging two channels takes a quarter of the time when they are not channels-last.
        coarse = coarse.float().contiguous()
        smooth = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        return smooth + pixel_shuffle(self.out(x), 2).float()


class MaskTransformer(ConfiguredModel):
    """Mask to bone and soft tissue, joints and uncertainty.

    The trunk works at ``base_size``; given a mask of ``sample_size`` it also runs `FineDetail`. A mask is first turned so
    that its asymmetry has one sign and the answer is turned back, so that mirrored masks have mirrored answers by
    construction (exactly, but for masks whose asymmetry is lost in rounding, where the two answers differ by the model's own).

    Args:
        sample_size: Pixels per side of the finest answer: ``base_size`` or twice as much.
        base_size: Pixels per side at which the trunk works.
        patch_size: Pixels of the base per side of a token.
        dim: Width of the tokens.
        depth: Transformer blocks.
        heads: Attention heads.
        mlp_ratio: MLP width over ``dim``.
        latent_dim: Channels of a projection of the tokens that goes beside them into the decoder.
        decoder_channels: Channels of the decoder's levels, coarse (one pixel a token) to fine, doubling in size each.
        decoder_blocks: Residual blocks a level.
        fine_channels: Channels of `FineDetail`.
        joints: Number of joints of the joint head; 0 = no head.
        joint_size: Pixels per side of the decoder level that the joint head reads.
        heat_feedback: The finer levels see the joints' heat maps, so that bones are drawn between places already settled.
        canonical: Turn masks as said above.
        bone_scale: Bone line integral that is 1 in the normalised domain.
        soft_scale: Soft-tissue line integral that is 1 in the normalised domain.
        gamma: Exponent of the normalised domain, see `LayerScaling`.
        margin: Margin round the body's box in letterboxing, share of the box's longer side.
        whole_pixels: It learned from frames that keep whole pixels where they can, see `Letterbox.around`.
        detail_gain: How much detail of middling size the answer gets back, see `maskel_core.pipeline.edges.lift_detail`; no part
            of the network.
        looks: How often a pipeline looks at pictures larger than ``base_size``, 1 or 2, see `maskel_core.pipeline.second_look`;
            no part of the network.
        convolved: The tokens also get what the pyramid's convolutions make of their patch (Xiao et al. 2021).
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int = 512,
        base_size: int = 256,
        patch_size: int = 16,
        dim: int = 256,
        depth: int = 8,
        heads: int = 4,
        mlp_ratio: float = 4.0,
        latent_dim: int = 64,
        decoder_channels: tuple[int, ...] = (256, 128, 64, 32),
        decoder_blocks: int = 2,
        fine_channels: int = 24,
        joints: int = 27,
        joint_size: int = 64,
        heat_feedback: bool = False,
        canonical: bool = True,
        bone_scale: float = 1.0,
        soft_scale: float = 1.0,
        gamma: float = 0.5,
        margin: float = 0.04,
        whole_pixels: bool = False,
        detail_gain: float = 0.0,
        looks: int = 1,
        convolved: bool = False,
    ) -> None:
        super().__init__()
        if sample_size not in (base_size, 2 * base_size):
            raise ValueError(f"sample_size {sample_size} is neither {base_size} nor {2 * base_size}")
        self.encoder = PatchEncoder(4, base_size, patch_size, dim, depth, heads, mlp_ratio, latent_dim)
        # Every block starts as the identity: blocks added to a trained model do not disturb it.
        for name, parameter in self.encoder.blocks.named_parameters():
            if ".project." in name or ".mlp.2." in name:
                nn.init.zeros_(parameter)
        self.view = nn.Embedding(len(VIEWS), dim)
        nn.init.zeros_(self.view.weight)
        widths = tuple(decoder_channels)
        grid = self.encoder.grid
        self.pyramid = MaskPyramid(4, widths, base_size // grid // 2 ** (len(widths) - 1))
        self.decoder = XrayDecoder(
            latent_dim + dim, widths, decoder_blocks, grid, base_size,
            attention=False, light=True, skips=True, guidance=True,
        )  # fmt: skip
        if self.decoder.factor > 2:
            raise ValueError("the decoder's finest level must be the base's size or half of it")
        self.token_stem: nn.Conv2d | None = None
        if convolved:
            self.token_stem = nn.Conv2d(widths[0], dim, 1)
            nn.init.zeros_(self.token_stem.weight)
        self.fine = FineDetail(widths[-1], fine_channels) if sample_size > base_size else None
        self.spread = nn.Conv2d(widths[-1], 2, 1)
        nn.init.zeros_(self.spread.weight)
        self.joint_head: JointHead | None = None
        self.heat_back: nn.Conv2d | None = None
        if joints:
            self.joint_level = (joint_size // grid).bit_length() - 1
            if grid << self.joint_level != joint_size or self.joint_level >= len(widths) - 1:
                raise ValueError(f"no decoder level before the last is {joint_size} pixels wide")
            self.joint_head = JointHead(widths[self.joint_level], joints)
            if heat_feedback:
                self.heat_back = nn.Conv2d(joints, widths[self.joint_level], 1)
                nn.init.zeros_(self.heat_back.weight)

    @property
    def scaling(self) -> LayerScaling:
        """The map between line integrals and what the model predicts."""
        return LayerScaling(self.config.bone_scale, self.config.soft_scale, self.config.gamma)

    def forward(
        self,
        mask: Tensor,
        joints: bool = True,
        generator: torch.Generator | None = None,
        view: Tensor | None = None,
        window: Area | None = None,
        areas: Sequence[Area] | None = None,
    ) -> XrayPrediction:
        """Mask to X-ray.

        Args:
            mask: (B, 1, S, S), float 0 outside to 1 inside, letterboxed; S is ``base_size`` or ``sample_size``.
            joints: Also run the joint head.
            generator: Not used.
            view: int64 (B,), numbers of `VIEWS`; None = unknown.
            window: The answer is the coarse one, and beside it this part of the fine one, which for training costs a fraction
                of the whole.
            areas: The fine answer is made only here and is 0 elsewhere, its spread too, but for the blur at the rim; see
                `areas_of`. A mask of ``base_size`` has none.
        """
        size = mask.shape[-1]
        if size not in (self.config.base_size, self.config.sample_size):
            raise ValueError(
                f"masks of {size} pixels, not {self.config.base_size} or {self.config.sample_size}"
            )
        view = torch.zeros(len(mask), dtype=torch.long, device=mask.device) if view is None else view
        turned = (asymmetry(mask) < 0).to(mask.device) if self.config.canonical else None
        if turned is not None and needless(turned):
            turned = None
        if turned is not None:
            mask = turn(mask, turned)
            view = torch.where(turned, constant(MIRRORED_VIEWS, view.device)[view], view)
        fine = size > self.config.base_size
        base = F.avg_pool2d(mask, 2) if fine else mask
        # Measured: channels-last is several times faster with bfloat16 on a CPU.
        seen = mask_features(base).contiguous(memory_format=torch.channels_last)
        pyramid = self.pyramid(seen)
        beside = None if self.token_stem is None else self.token_stem(pyramid[0]).flatten(2).transpose(1, 2)
        tokens, latent = self.encoder(seen, condition=self.view(view), beside=beside)
        start = torch.cat([latent, tokens], dim=1)
        found: JointMaps | None = None

        def tap(level: int, features: Tensor) -> Tensor:
            nonlocal found
            if self.joint_head is None or level != self.joint_level:
                return features
            if joints or self.heat_back is not None:
                found = self.joint_head(features)
            if found is None or self.heat_back is None:
                return features
            return features + self.heat_back((found.heat * HEAT_GAIN).to(features.dtype))

        part: Tensor | None = None
        if fine and areas is not None and window is None:
            led, _ = self.decoder.lead(start, pyramid, tap)
            xray, spread = self._parts((led, pyramid[-1], base, mask), areas, turned)
        else:
            xray, states = self.decoder(start, pyramid, base, tap)
            maps = states[-1], xray, mask
            spread = self._spread(states[-1])
            if fine and window is not None:
                part, xray = self._part(maps, window, turned), settled(xray, turned)
            else:
                xray = settled(self.fine(*maps) if self.fine is not None and fine else xray, turned)
        spread = F.interpolate(spread, size=xray.shape[2:], mode="bilinear", align_corners=False)
        if turned is not None:
            spread = turn(spread, turned)
            found = None if found is None else turn_joints(found, turned)
        found = found if joints else None
        return XrayPrediction(xray, joints=found, spread=spread, window=part)

    def _spread(self, features: Tensor) -> Tensor:
        """The expected error at the size of the trunk's finest features, from which it learns without changing them."""
        return settled(self.spread(features.detach()), None).contiguous()

    def _part(self, maps: tuple[Tensor, Tensor, Tensor], area: Area, turned: Tensor | None) -> Tensor:
        """An area of the finest answer as it is in the whole, from the finest features, the coarse picture and the mask."""
        size = maps[2].shape[-1]
        close = grown(area, size)
        return self._within([take_area(it, close, size, turned) for it in maps], close, area, turned)

    def _within(self, maps: Sequence[Tensor], close: Area, area: Area, turned: Tensor | None) -> Tensor:
        """The finest answer of an area, of maps that were cut to the area grown."""
        assert self.fine is not None
        made = settled(self.fine(*maps), turned)
        top, left = area[0] - close[0], area[1] - close[1]
        return made[..., top : top + area[2], left : left + area[3]]

    def _parts(
        self, maps: tuple[Tensor, Tensor, Tensor, Tensor], areas: Sequence[Area], turned: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The finest answer and its spread, as `_spread` gives it and not turned back, in some areas and 0 elsewhere.

        ``maps`` are what the decoder's last level works on, the pyramid's finest level, the mask at the base's size and as it is.
        """
        mask = maps[3]
        size, small = mask.shape[-1], maps[1].shape[-1]
        xray = mask.new_zeros((len(mask), 2, size, size))
        spread = mask.new_zeros((len(mask), 2, small, small))
        for area in areas:
            wide, close = grown(area, size, REACH + LEVEL_REACH), grown(area, size)
            coarse, features = self.decoder.last(*(take_area(it, wide, size, turned) for it in maps[:3]))
            within = close[0] - wide[0], close[1] - wide[1], *close[2:]
            features, coarse = (take_area(it, within, wide[3], turned) for it in (features, coarse))
            doubt = self._spread(features)
            take_area(spread, close, size).copy_(doubt if turned is None else turn(doubt, turned))
            cut = features, coarse, take_area(mask, close, size, turned)
            take_area(xray, area, size).copy_(self._within(cut, close, area, turned))
        return xray, spread if turned is None else turn(spread, turned)


def asymmetry(mask: Tensor) -> Tensor:
    """Which way a mask leans: float64 (B,), the third moment of its columns about their centroid; odd under mirroring.

    Args:
        mask: (B, 1, S, S).

    Returns:
        On the mask's device; on the CPU when that is MPS, which has no float64.
    """
    profile = (mask.cpu() if mask.device.type == "mps" else mask).double().sum(dim=(1, 2))
    place = torch.arange(profile.shape[1], dtype=torch.float64, device=profile.device)
    place = place - (profile.shape[1] - 1) / 2
    mass = profile.sum(dim=1, keepdim=True).clamp_min(1e-9)
    centre = (profile * place).sum(dim=1, keepdim=True) / mass
    return (profile * (place - centre).pow(3)).sum(dim=1) / mass[:, 0]


def needless(turned: Tensor) -> bool:
    """Whether no mask of bool (B,) is turned, told only where it costs no wait: without gradients, on the CPU."""
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
    if traced or torch.is_grad_enabled() or turned.device.type != "cpu":
        return False
    return not bool(turned.any())


def settled(xray: Tensor, turned: Tensor | None) -> Tensor:
    """What the convolutions made, (B, C, H, W), as the answer: above 0, and turned back where the mask was turned."""
    xray = F.softplus(xray.float(), beta=8.0)
    return xray if turned is None else turn(xray, turned)


def turn(maps: Tensor, turned: Tensor) -> Tensor:
    """Mirror those of (B, C, H, W) whose entry in bool (B,) is True."""
    return torch.where(turned[:, None, None, None], maps.flip(3), maps)


def turn_joints(maps: JointMaps, turned: Tensor) -> JointMaps:
    """Joint maps of the mirrored picture where bool (B,) is True: left and right change places as well."""
    count = maps.heat.shape[1]
    order = constant(MIRRORED if count == len(MIRRORED) else tuple(range(count)), maps.heat.device)
    position = maps.position.index_select(1, order)
    place = torch.stack([1 - position[..., 0], position[..., 1]], dim=-1)
    return JointMaps(
        turn_order(maps.heat, order, turned),
        torch.where(turned[:, None, None], place, maps.position),
        torch.where(turned[:, None], maps.confidence.index_select(1, order), maps.confidence),
        None if maps.logits is None else turn_order(maps.logits, order, turned),
    )


def turn_order(heat: Tensor, order: Tensor, turned: Tensor) -> Tensor:
    """Mirror (B, J, h, w) and put its joints in another order, int64 (J,), where bool (B,) is True."""
    return torch.where(turned[:, None, None, None], heat.index_select(1, order).flip(3), heat)


__all__ = ["FineDetail", "MaskTransformer", "asymmetry", "turn", "turn_joints"]

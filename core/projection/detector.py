"""What a detector adds to a picture: blur, scatter fog, quantum noise. Named, seeded functions on transmissions.

A transmission is exp(-signal): 1 without a body. All pictures are float (..., H, W).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

_FWHM = 2.354820045


def gaussian_blur(picture: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur by a Gaussian of standard deviation ``sigma`` pixels; the border repeats."""
    if sigma <= 0:
        return picture
    radius = max(1, round(3.5 * sigma))
    at = torch.arange(-radius, radius + 1, device=picture.device, dtype=picture.dtype)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = kernel / kernel.sum()
    flat = picture.reshape(-1, 1, *picture.shape[-2:])
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), "replicate"), kernel[None, None, None, :])
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), "replicate"), kernel[None, None, :, None])
    return flat.reshape(picture.shape)


def detector_blur(transmission: torch.Tensor, fwhm: float) -> torch.Tensor:
    """Spread of light in the scintillator and size of the focal spot, as a Gaussian.

    Args:
        transmission: float (..., H, W).
        fwhm: Full width at half maximum, pixels.
    """
    return gaussian_blur(transmission, fwhm / _FWHM)


def scatter_fog(transmission: torch.Tensor, ratio: float, width: float) -> torch.Tensor:
    """Add scattered photons: a broad copy of what the body removes from the primary beam.

    The scatter of a pixel is a share of the primary intensity round it, spread by a wide kernel (Love & Kruger, "Scatter
    estimation for a digital radiographic system using convolution filtering", Med Phys 14, 1987), and nothing without a body.

    Args:
        transmission: float (..., H, W), primary.
        ratio: Scatter over primary behind the mean of the body, 0 or more; 1 to 4 without a grid, 0.2 to 0.7 with one.
        width: Standard deviation of the kernel, pixels.
    """
    body = (transmission < 0.999).to(transmission)
    inside = body.sum((-2, -1), keepdim=True).clamp(min=1)
    spread = gaussian_blur(transmission * body, width)
    mean_primary = (transmission * body).sum((-2, -1), keepdim=True) / inside
    mean_spread = (spread * body).sum((-2, -1), keepdim=True) / inside
    return transmission + ratio * spread * (mean_primary / mean_spread.clamp(min=1e-12))


def quantum_noise(
    transmission: torch.Tensor, photons: float, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Count photons: Poisson noise.

    Args:
        transmission: float (..., H, W).
        photons: Mean count of a pixel without a body.
        generator: Seed of the noise.

    Returns:
        Counts over ``photons``: the same mean, variance ``transmission / photons``.
    """
    return torch.poisson(transmission.clamp(min=0) * photons, generator=generator) / photons


@dataclass(frozen=True)
class Detector:
    """A detector's faults, applied in their physical order: scatter, blur, counting.

    Args:
        photons: Mean count of a pixel without a body.
        fwhm: Blur, pixels.
        scatter: Scatter over primary behind the body.
        scatter_width: Standard deviation of the scatter's spread, pixels.
    """

    photons: float = 20_000.0
    fwhm: float = 1.2
    scatter: float = 0.3
    scatter_width: float = 40.0

    def read(self, signal: torch.Tensor, seed: int) -> torch.Tensor:
        """The logarithmic signal (..., H, W) as this detector would give it; the same for the same seed."""
        generator = torch.Generator(signal.device).manual_seed(seed)
        seen = scatter_fog(torch.exp(-signal), self.scatter, self.scatter_width)
        seen = quantum_noise(detector_blur(seen, self.fwhm), self.photons, generator)
        return -seen.clamp(min=0.5 / self.photons).log()

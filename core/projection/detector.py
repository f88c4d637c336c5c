"""What a detector adds to a picture: scatter fog, quantum noise, blur. Named, seeded functions on transmissions.

A transmission is exp(-signal): 1 without a body. All pictures are float (..., H, W). Every photon counts the same: the spread of
light from one to another (Swank noise) is left out, so that ``photons`` stands for the detective quantum efficiency's share.
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
    """Spread of light in the scintillator, as a Gaussian.

    Args:
        transmission: float (..., H, W).
        fwhm: Full width at half maximum, pixels.
    """
    return gaussian_blur(transmission, fwhm / _FWHM)


def scatter_fog(transmission: torch.Tensor, ratio: float, width: float) -> torch.Tensor:
    """Add scattered photons, a broad fog over the body and a little beyond.

    A ray of transmission T with the line integral L = -log T leaves T * L singly scattered photons beside it: few where the body
    is thin and few where little gets through (Ohnesorge et al., "Efficient object scatter correction algorithm for third and
    fourth generation CT scanners", Eur Radiol 9, 1999). A wide kernel spreads them (Love & Kruger, "Scatter estimation for a
    digital radiographic system using convolution filtering", Med Phys 14, 1987).

    Args:
        transmission: float (..., H, W), primary.
        ratio: Scatter over primary deep in a wide body of the picture's mean line integral, 0 or more; thicker parts have
            more in proportion. Without a grid 1 to 4, with one 0.2 to 0.7.
        width: Standard deviation of the kernel, pixels.
    """
    integral = -transmission.clamp(min=1e-12).log().clamp(max=0)
    body = (integral > 1e-3).to(transmission)
    mean = (integral * body).sum((-2, -1), keepdim=True) / body.sum((-2, -1), keepdim=True).clamp(min=1)
    return transmission + ratio / mean.clamp(min=1e-3) * gaussian_blur(transmission * integral, width)


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
    """A detector's faults in their physical order: scatter falls in, photons are counted, their light spreads, circuits hum.

    Args:
        photons: Mean count of a pixel without a body.
        fwhm: Blur, pixels. It follows the counting, so that noise is blurred too.
        scatter: Scatter over primary behind the body.
        scatter_width: Standard deviation of the scatter's spread, pixels.
        electronic: Standard deviation of the circuits' noise, photons a pixel.
    """

    photons: float = 20_000.0
    fwhm: float = 1.2
    scatter: float = 0.3
    scatter_width: float = 40.0
    electronic: float = 5.0

    def read(self, signal: torch.Tensor, seed: int) -> torch.Tensor:
        """The logarithmic signal (..., H, W) as this detector would give it; the same for the same seed on one kind of device."""
        generator = torch.Generator(signal.device).manual_seed(seed)
        seen = scatter_fog(torch.exp(-signal), self.scatter, self.scatter_width)
        seen = detector_blur(quantum_noise(seen, self.photons, generator), self.fwhm)
        hum = torch.randn(seen.shape, generator=generator, device=seen.device, dtype=seen.dtype)
        seen = seen + hum * (self.electronic / self.photons)
        return -seen.clamp(min=0.5 / self.photons).log()

"""The noise schedule of ResShift: a short chain between a coarse picture and its sharp original."""

from __future__ import annotations

import math

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerMixin, SchedulerOutput
from torch import Tensor


class ResidualShiftScheduler(SchedulerMixin, ConfigMixin):  # type: ignore[misc]
    """Residual shifting: x_t = x_0 + eta_t (y - x_0) + kappa sqrt(eta_t) e, with e standard normal.

    y is the coarse picture, x_0 the sharp one; eta rises from nearly 0 at t = 1 to nearly 1 at t = T, so that the chain begins
    at y with noise, not at noise alone. Source: Yue, Wang and Loy 2023 (ResShift), section 3: equations 1 and 2 (forward), 7
    (posterior), 9 to 11 (schedule).

    Args:
        num_train_timesteps: T, at least 2.
        kappa: Noise at eta = 1, in the pictures' own unit.
        first_noise: Largest noise at t = 1, kappa sqrt(eta_1); sqrt(eta_1) is at most sqrt(0.001).
        last_eta: eta_T.
        power: p; below 1 the steps crowd at the noisy end, 1 spaces the noise geometrically.
    """

    order = 1

    @register_to_config
    def __init__(
        self,
        num_train_timesteps: int = 15,
        kappa: float = 2.0,
        first_noise: float = 0.04,
        last_eta: float = 0.999,
        power: float = 0.3,
    ) -> None:
        last = num_train_timesteps - 1
        first = min(first_noise / kappa, math.sqrt(0.001)) ** 2
        share = torch.linspace(0, 1, num_train_timesteps, dtype=torch.float64) ** power
        root = math.sqrt(first) * torch.exp(math.log(last_eta / first) / (2 * last) * share * last)
        self.etas = torch.cat([torch.zeros(1, dtype=torch.float64), root.square()]).float()
        """float32 (T + 1,): eta_0 = 0, then eta_1 to eta_T."""
        self.timesteps = torch.arange(num_train_timesteps, 0, -1)
        """int64 (T,): T, ..., 1."""

    def _eta(self, timesteps: Tensor | int, like: Tensor) -> Tensor:
        found = self.etas[torch.as_tensor(timesteps).cpu()].to(like)
        return found.view(-1, *(1,) * (like.ndim - 1))

    def add_noise(self, sharp: Tensor, coarse: Tensor, noise: Tensor, timesteps: Tensor | int) -> Tensor:
        """x_t of pictures (B, C, H, W) at times 1 to T, one for all or (B,) (equation 2)."""
        eta = self._eta(timesteps, sharp)
        return sharp + eta * (coarse - sharp) + self.config.kappa * eta.sqrt() * noise

    def start(self, coarse: Tensor, noise: Tensor) -> Tensor:
        """Where sampling begins: the coarse picture with the noise of T."""
        last = self.config.num_train_timesteps
        return coarse + self.config.kappa * self._eta(last, coarse).sqrt() * noise

    def scale_model_input(self, sample: Tensor, timestep: Tensor | int) -> Tensor:
        """x_t over the root of 1 + kappa^2 eta_t, about its standard deviation, so that the network sees one range."""
        return sample / (1 + self.config.kappa**2 * self._eta(timestep, sample)).sqrt()

    def posterior(
        self, model_output: Tensor, timestep: Tensor | int, sample: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and variance of x_(t-1) given x_t and x_0 (equation 7).

        With alpha_t = eta_t - eta_(t-1): mean eta_(t-1) / eta_t x_t + alpha_t / eta_t x_0, variance
        kappa^2 eta_(t-1) / eta_t alpha_t.

        Args:
            model_output: x_0 as the network predicts it, (B, C, H, W).
            timestep: t, 1 to T.
            sample: x_t.
        """
        times = torch.as_tensor(timestep)
        now, before = self._eta(times, sample), self._eta(times - 1, sample)
        kept = before / now
        mean = kept * sample + (1 - kept) * model_output
        return mean, self.config.kappa**2 * kept * (now - before)

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor | int,
        sample: Tensor,
        noise: Tensor | None = None,
    ) -> SchedulerOutput:
        """x_(t-1) from x_t: the posterior's mean, and its noise where ``noise`` (standard normal) is given."""
        mean, variance = self.posterior(model_output, timestep, sample)
        return SchedulerOutput(prev_sample=mean if noise is None else mean + variance.sqrt() * noise)

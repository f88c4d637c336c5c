"""Orthographic and perspective views of a scene in metres."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch


@dataclass(frozen=True)
class Camera:
    """A view on the body, in the way an artist sets it up: orbit angles, distance and framing.

    The world is Blender's: Z up, the character faces -Y, its left is +X. Yaw 0 looks at the character's front; yaw
    ``pi / 2`` sees its left side.

    Args:
        yaw: Orbit about Z, radians.
        pitch: Orbit above the horizon, radians; positive looks down.
        roll: Rotation about the view axis, radians; positive turns the picture counter-clockwise.
        target: World point (x, y, z) at the picture's centre, metres.
        height: World height that the picture covers at the target, metres.
        distance: Distance from the source to the target, metres; ``None`` is orthographic (an infinite source distance).
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    height: float = 2.0
    distance: float | None = None

    def axes(self) -> torch.Tensor:
        """Rows right, down and forward of the camera in world coordinates, float64 (3, 3)."""
        yaw, pitch, roll = (torch.tensor(a, dtype=torch.float64) for a in (self.yaw, self.pitch, self.roll))
        zero = torch.zeros((), dtype=torch.float64)
        forward = torch.stack([-yaw.sin() * pitch.cos(), yaw.cos() * pitch.cos(), -pitch.sin()])
        right = torch.stack([yaw.cos(), yaw.sin(), zero])
        down = torch.linalg.cross(forward, right)
        cos, sin = roll.cos(), roll.sin()
        return torch.stack([cos * right + sin * down, cos * down - sin * right, forward])

    def project(self, points: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Project world points to the picture.

        Args:
            points: float (..., 3), metres.
            size: Picture height and width in pixels.

        Returns:
            float (..., 3): column, row (centres at integers, row 0 at the top) and depth along the view axis in metres,
            measured from the source, or from the target plane when orthographic.
        """
        axes = self.axes()
        rows, cols = size
        scale = rows / self.height
        offset = -(axes @ torch.tensor(self.target, dtype=torch.float64))
        # Columns lie one after another in memory, which the projector reads faster than triples.
        columns = points.movedim(-1, 0)
        local = torch.addmm(offset.to(points)[:, None], axes.to(points), columns.reshape(3, -1))
        across, down, depth = local.view(columns.shape)
        if self.distance is not None:
            depth = depth + self.distance
            share = (scale * self.distance) / depth
        else:
            share = scale
        return torch.stack([across * share + (cols - 1) / 2, down * share + (rows - 1) / 2, depth]).movedim(
            0, -1
        )

    def ray_stretch(self, size: tuple[int, int], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """Path length per unit of depth for the ray through each pixel, (rows, cols); 1 when orthographic."""
        rows, cols = size
        if self.distance is None:
            return torch.ones(rows, cols, dtype=dtype, device=device)
        focal = rows / self.height * self.distance
        x = (torch.arange(cols, dtype=dtype, device=device) - (cols - 1) / 2) / focal
        y = (torch.arange(rows, dtype=dtype, device=device) - (rows - 1) / 2) / focal
        return (1 + x[None, :] ** 2 + y[:, None] ** 2).sqrt()

    def as_dict(self) -> dict[str, object]:
        """The camera as JSON-ready values."""
        return asdict(self)

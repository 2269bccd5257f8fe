"""Small interfaces made by hand: a metal slab of three layers, water above it (or on both sides), ions."""

from dataclasses import dataclass

import numpy as np

LX, LY, LZ = 9.0, 9.0, 40.0
CELL = np.diag([LX, LY, LZ])
LAYERS = (1.0, 3.4, 5.8)
TOP = LAYERS[-1]


@dataclass
class Interface:
    """One frame: numbers (N,), positions (N, 3) Å, in the cell CELL."""

    numbers: np.ndarray
    positions: np.ndarray

    def moved(self, shift: np.ndarray) -> "Interface":
        return Interface(self.numbers, self.positions + shift)

    def wrapped(self) -> "Interface":
        return Interface(
            self.numbers, self.positions - np.floor(self.positions / np.diag(CELL)) * np.diag(CELL)
        )


def water(oxygen: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(3, 3) Å: O, H, H with the bisector along `direction`, 1 Å bonds at 104.5°."""
    axis = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    side = np.cross(axis, [1.0, 0.3, 0.2])
    side /= np.linalg.norm(side)
    half = np.radians(104.5 / 2)
    return np.array([oxygen, *(oxygen + np.cos(half) * axis + s * np.sin(half) * side for s in (1, -1))])


def slab(heights: list[float], cosines: list[float], ions: list[tuple[float, float, float]]) -> Interface:
    """Waters `heights` Å above the top layer, with cos θ given; ions at (x, y, height).

    Waters stand on nine sites in turn, so that neighbours in height are 3 Å apart.
    """
    metal = [(x, y, z) for z in LAYERS for x in (0.0, 3.0, 6.0) for y in (0.0, 3.0, 6.0)]
    sites = np.array([(3.0 * (i % 3), 3.0 * (i // 3 % 3)) for i in range(len(heights))]).reshape(-1, 2)
    places = sites + np.random.default_rng(3).uniform(0, 0.4, size=sites.shape)
    waters = [
        water(np.array([x, y, TOP + height]), np.array([np.sqrt(1 - c * c), 0.0, c]))
        for (x, y), height, c in zip(places, heights, cosines, strict=True)
    ]
    above = [(x, y, TOP + height) for x, y, height in ions]
    positions = np.concatenate([metal, *waters, np.reshape(above, (-1, 3))])
    return Interface(np.array([79] * 27 + [8, 1, 1] * len(heights) + [11] * len(ions)), positions)

"""How coordinates in [0, 1] stand for choices, and which coordinates belong to which device.

Two encodings. The direct one has a coordinate for every hour of a device, or one for the start of
a job. With feedback each device that chooses by the hour has four gains instead, and its hourly
coordinates follow from features of the hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray

Encoding = Literal["direct", "feedback"]

OFF = 0.25
"""Coordinate below which a device is off."""

IDLE = 0.5
"""Coordinate at which a store does nothing."""

GAIN = 1.0
"""Greatest gain of feedback, each way."""


def share_of(genes: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Return whether devices are on, and how far from their least to their greatest."""
    return genes >= OFF, np.maximum(genes - OFF, 0.0) / (1.0 - OFF)


def gene_of(on: BoolArray, share: FloatArray) -> FloatArray:
    """Return the coordinates of devices that are on to a share; see ``share_of``."""
    return np.where(on, OFF + (1.0 - OFF) * np.clip(share, 0.0, 1.0), 0.0)


def signed_of(genes: FloatArray) -> FloatArray:
    """Return coordinates as shares from -1 to 1, 0 at ``IDLE``."""
    return 2.0 * (genes - IDLE)


def gene_signed(share: FloatArray) -> FloatArray:
    """Return the coordinates of shares from -1 to 1; see ``signed_of``."""
    return np.clip(IDLE + 0.5 * share, 0.0, 1.0)


def share_between(value: FloatArray, least: FloatArray, most: FloatArray) -> FloatArray:
    """Return how far values are from least to most, 0 to 1; 1 where the two are the same."""
    wide = most - least > 1e-12
    return np.where(wide, np.clip((value - least) / np.where(wide, most - least, 1.0), 0, 1), 1.0)


@dataclass(frozen=True)
class Slot:
    """Coordinates of one device: ``count`` of them from ``first``, those of home ``home``."""

    first: int
    count: int
    home: int

    def of(self, genes: FloatArray) -> FloatArray:
        """Return the rows of a device, shape (count, points), of all, shape (D, points)."""
        return genes[self.first : self.first + self.count]


@dataclass(frozen=True)
class Feedback:
    """Gains in place of hourly coordinates.

    Attributes
    ----------
    slots
        Coordinates of each device in the direct encoding.
    features
        By home: features of each hour, shape (T, features), the first of them 1.
    """

    slots: tuple[Slot, ...]
    features: tuple[FloatArray, ...]

    def _gains(self, slot: Slot) -> int:
        """Return the number of coordinates of a device here."""
        hours, features = self.features[slot.home].shape
        return features if slot.count == hours else slot.count

    @property
    def dimensions(self) -> int:
        """Number of coordinates."""
        return sum(self._gains(slot) for slot in self.slots)

    def direct(self, points: FloatArray) -> FloatArray:
        """Return the coordinates of the direct encoding, shape (points, D)."""
        parts, at = [], 0
        for slot in self.slots:
            count = self._gains(slot)
            gains = points[:, at : at + count]
            at += count
            if count != slot.count:
                gains = IDLE + GAIN * signed_of(gains) @ self.features[slot.home].T
            parts.append(np.clip(gains, 0.0, 1.0))
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(points), 0))


def standardised(columns: list[FloatArray]) -> FloatArray:
    """Return a column of ones and columns in standard deviations from their mean, (T, 1 + n)."""
    scaled = [(c - c.mean()) / (c.std() if c.std() > 1e-9 else 1.0) for c in columns]
    return np.column_stack([np.ones(len(columns[0])), *scaled])

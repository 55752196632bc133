"""The three kinds of building on a feeder, and what each draws from it (section 3.7 A).

``coalition`` and ``alone`` draw what their units buy less what they sell; ``grid`` has loads and no
plant, store or car, and takes all of its electricity from the feeder (its heat from elsewhere).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.model.plant import read_plant
from cmgplan.homes.case.records import HomesCase, LoadMix

KINDS = ("coalition", "alone", "grid")
"""Kinds of building, as the keys of a load mix name them."""


@dataclass(frozen=True)
class KindLoad:
    """What one building draws, negative where it feeds in: kW and kvar, each of shape (T,)."""

    p_kw: FloatArray
    q_kvar: FloatArray


KindLoads = Mapping[str, KindLoad]


def has_feeder(case: HomesCase) -> bool:
    """Return whether a case puts buildings on a feeder."""
    return case.file.network is not None and bool(case.file.building.load_mix)


def kind_loads(case: HomesCase, exchange_kw: Mapping[str, FloatArray]) -> dict[str, KindLoad]:
    """Return what a building of each kind draws in every hour.

    Parameters
    ----------
    exchange_kw
        For ``coalition`` and ``alone``: what each unit buys less what it sells, shape (S, T).
    """
    plant = read_plant(case)
    own = plant.load_kw + plant.fixed_kw
    return {kind: kind_load(case, exchange_kw.get(kind, own)) for kind in KINDS}


def kind_load(case: HomesCase, drawn_kw: FloatArray) -> KindLoad:
    """Return the load of one building whose units draw powers of shape (S, T).

    What a unit draws has its power factor; what it feeds in has none.
    """
    factor = np.array([home.power_factor for home in case.homes])
    tangent = np.tan(np.arccos(factor))[:, None]
    q_kvar = np.maximum(drawn_kw, 0.0) * tangent
    return KindLoad(drawn_kw.sum(axis=0), q_kvar.sum(axis=0))


def on_a_bus(mix: LoadMix, loads: KindLoads) -> KindLoad:
    """Return what all buildings on one bus draw together."""
    numbers = {kind: float(getattr(mix, kind)) for kind in KINDS}
    return KindLoad(
        np.sum([number * loads[kind].p_kw for kind, number in numbers.items()], axis=0),
        np.sum([number * loads[kind].q_kvar for kind, number in numbers.items()], axis=0),
    )


def buildings(mix: LoadMix) -> int:
    """Return how many buildings stand on a bus."""
    return mix.coalition + mix.alone + mix.grid

"""The methods by name."""

from __future__ import annotations

from collections.abc import Mapping

from cmgplan.errors import InputError
from cmgplan.search.heuristics.bats import bats
from cmgplan.search.heuristics.climb import climb
from cmgplan.search.heuristics.evolution import evolve
from cmgplan.search.heuristics.protocol import Method
from cmgplan.search.heuristics.swarm import swarm

METHODS: Mapping[str, Method] = {"de": evolve, "bat": bats, "pso": swarm, "climb": climb}
"""Differential evolution, bats, particle swarm, and the climb as control."""


def method_of(name: str) -> Method:
    """Return the method of a name.

    Raises
    ------
    InputError
        There is none.
    """
    if name not in METHODS:
        raise InputError(f"there is no method {name}: take one of {', '.join(METHODS)}")
    return METHODS[name]

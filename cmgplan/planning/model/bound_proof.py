"""What a bound rests on, kept with the run so that it can be proved a second time.

Any multipliers of the coupling rows give a lower bound (docs/model.md), so that nothing here is
taken on trust: changed multipliers prove less, never more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError

MULTIPLIERS = "multipliers"
WHOLE = "whole problem"


@dataclass(frozen=True)
class BoundProof:
    """What a bound of one question rests on.

    Attributes
    ----------
    by
        ``MULTIPLIERS`` of coupling rows and the hours' minima, or a search on the ``WHOLE``.
    bound
        Of the weighted sum of objectives; where nothing is feasible, of the break of the rows.
    weights, caps
        The question: weights of the objectives, and their caps as the search was given them.
    blocks
        First hour of each block and the first one after it.
    multipliers
        By name of the coupling row; rows that are not named have none.
    """

    by: str
    bound: float
    weights: Mapping[str, float]
    caps: Mapping[str, float]
    blocks: Sequence[tuple[int, int]] = ()
    multipliers: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the proof as a file of a run holds it."""
        return {
            "by": self.by,
            "bound": self.bound,
            "weights": dict(self.weights),
            "caps": dict(self.caps),
            "blocks": [list(block) for block in self.blocks],
            "multipliers": dict(self.multipliers),
        }


@dataclass(frozen=True)
class Evidence:
    """Multipliers that prove a bound, as an array over the coupling rows of ``row_names``."""

    bound: float
    multipliers: FloatArray
    row_names: Sequence[str]
    hours: Sequence[range]

    def proof(self, weights: Mapping[str, float], caps: Mapping[str, float]) -> BoundProof:
        """Return the proof that is kept with the run, for a question of these weights and caps."""
        named = zip(self.row_names, self.multipliers.tolist(), strict=True)
        return BoundProof(
            MULTIPLIERS,
            self.bound,
            dict(weights),
            dict(caps),
            [(part.start, part.stop) for part in self.hours],
            {name: value for name, value in named if value != 0.0},
        )


def proof_of(raw: object, file: str, hours: int) -> BoundProof:
    """Return a proof as a file of a run holds it.

    Raises
    ------
    InputError
        If there is none, or a key of it cannot be used; names file and key.
    """
    if raw is None:
        raise InputError("holds no multipliers: plan again")
    if not isinstance(raw, Mapping):
        raise InputError(f"{file}: is damaged (not an object): plan again")
    by = raw.get("by")
    if by not in (MULTIPLIERS, WHOLE):
        raise InputError(f"{file} by: is neither '{MULTIPLIERS}' nor '{WHOLE}': plan again")
    return BoundProof(
        str(by),
        _numbers({"bound": {"": raw.get("bound")}}, "bound", file)[""],
        _numbers(raw, "weights", file),
        _numbers(raw, "caps", file),
        _blocks(raw.get("blocks"), file, hours) if by == MULTIPLIERS else (),
        _numbers(raw, "multipliers", file),
    )


def _numbers(raw: Mapping[Any, Any], key: str, file: str) -> dict[str, float]:
    found = raw.get(key)
    if not isinstance(found, Mapping):
        raise InputError(f"{file} {key}: is not an object: plan again")
    for name, value in found.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and isfinite(value)):
            raise InputError(f"{file} {key}.{str(name)[:80]}: is not a number: plan again")
    return {str(name): float(value) for name, value in found.items()}


def _blocks(raw: object, file: str, hours: int) -> Sequence[tuple[int, int]]:
    """Return blocks that follow each other from the first hour to the last."""
    blocks: list[tuple[int, int]] = []
    end = 0
    for pair in raw if isinstance(raw, list) else ():
        whole = isinstance(pair, list) and len(pair) == 2 and all(type(v) is int for v in pair)
        if not whole or pair[0] != end or not pair[0] < pair[1] <= hours:
            raise InputError(f"{file} blocks: do not follow each other hour by hour: plan again")
        end = pair[1]
        blocks.append((pair[0], end))
    if end != hours:
        raise InputError(f"{file} blocks: do not end with hour {hours}: plan again")
    return blocks

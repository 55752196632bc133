"""The scenarios of a study: factors on loads, sun, wind and prices, each with a weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from cmgplan.arrays import FloatArray
from cmgplan.case.folder import CaseFolder
from cmgplan.case.rows import read_rows
from cmgplan.case.tables import read_table
from cmgplan.devices import Record
from cmgplan.devices.base import Id, NonNegative
from cmgplan.errors import Fault, InputError
from cmgplan.study.records import FACTORS, FactorName, ScenarioSection, Spreads

WHERE = "over.scenarios"

NEEDED = {"toat": ("array", "sd"), "monte-carlo": ("n", "seed", "sd"), "file": ("file",)}
"""Keys of each method."""

DIGITS = 6
"""Decimals of a factor: what tables and case files hold of it is what is run."""


@dataclass(frozen=True)
class StudyScenario:
    """One way the day may go: factors by what they scale, and a weight.

    ``id`` is empty for the case as it is.
    """

    id: str = ""
    weight: float = 1.0
    factors: Mapping[FactorName, float] = field(default_factory=dict)


AS_IT_IS = StudyScenario()


class ScenarioRow(Record):
    """Row of a file of scenarios. An absent column or an empty cell is a factor of 1."""

    scenario: Id
    weight: NonNegative | None = None
    load: NonNegative = 1.0
    sun: NonNegative = 1.0
    wind: NonNegative = 1.0
    price: NonNegative = 1.0


def read_study_scenarios(
    asked: ScenarioSection | None, beside: Path, file: str, faults: list[Fault]
) -> list[StudyScenario]:
    """Return the scenarios that are asked for, appending what is wrong.

    Parameters
    ----------
    asked
        ``[over] scenarios``; None leaves the case as it is.
    beside
        Folder of the study file, where a file of scenarios lies.
    file
        Name of the study file in faults.
    faults
        Is added what is wrong.
    """
    if asked is None:
        return [AS_IT_IS]
    kind = asked.kind
    if not kind:
        mend = 'give "toat" or "monte-carlo", or a file'
        faults.append(Fault(file, f"{WHERE}.method", "method is missing", mend))
        return []
    needed = NEEDED[kind]
    before = len(faults)
    for key in ("array", "n", "seed", "sd", "file"):
        given = getattr(asked, key) is not None
        if given != (key in needed):
            message = f"{key} is {'not a key of' if given else 'missing for'} {kind}"
            mend = "remove it" if given else f"add {key}"
            faults.append(Fault(file, f"{WHERE}.{key}", message, mend))
    if len(faults) > before:
        return []
    if kind == "file":
        return _of_file(str(asked.file), beside, faults)
    varied = (asked.sd or Spreads()).varied()
    if not varied:
        mend = f"give at least one of {', '.join(FACTORS)} above 0"
        faults.append(Fault(file, f"{WHERE}.sd", "no factor varies", mend))
        return []
    if kind == "toat":
        return _of_array(str(asked.array), varied, file, faults)
    return _drawn(asked.n or 1, asked.seed or 0, varied)


def _of_array(
    array: str, varied: Mapping[FactorName, float], file: str, faults: list[Fault]
) -> list[StudyScenario]:
    """Return the runs of an orthogonal array, equally weighted."""
    from cmgplan.search.orthogonal import ARRAYS, LEVELS, deviations  # takes scipy.special along

    try:
        rows = deviations(array, len(varied))
    except InputError as error:
        faults.append(Fault(file, f"{WHERE}.array", str(error), "choose another array"))
        return []
    low = float(min(LEVELS[ARRAYS[array][0]]))
    for name, sd in varied.items():
        if 1.0 + low * sd < 0.0:
            message = f"{sd:g} lets the factor of {name} fall below 0 at the array's low level"
            mend = f"give at most {-1.0 / low:.3f}"
            faults.append(Fault(file, f"{WHERE}.sd.{name}", message, mend))
    return [
        StudyScenario(f"{array}-{k + 1}", 1.0 / len(rows), _factors(row, varied))
        for k, row in enumerate(rows)
    ]


def _drawn(n: int, seed: int, varied: Mapping[FactorName, float]) -> list[StudyScenario]:
    """Return random scenarios, each from a generator of its own: (seed, number)."""
    width = max(3, len(str(n)))
    found = []
    for k in range(n):
        row = np.random.default_rng([seed, k]).standard_normal(len(FACTORS))
        # Every factor draws, varied or not, so that one more leaves the others as they were.
        mine = np.array([row[FACTORS.index(name)] for name in varied])
        found.append(StudyScenario(f"mc-{k + 1:0{width}d}", 1.0 / n, _factors(mine, varied)))
    return found


def _factors(row: FloatArray, varied: Mapping[FactorName, float]) -> dict[FactorName, float]:
    return {
        name: round(max(0.0, 1.0 + float(z) * sd), DIGITS)
        for z, (name, sd) in zip(row, varied.items(), strict=True)
    }


def _of_file(name: str, beside: Path, faults: list[Fault]) -> list[StudyScenario]:
    """Return the rows of a file of scenarios; equal weights where it has none."""
    table = read_table(CaseFolder(beside), name, faults)
    if table is None:
        return []
    try:
        placed = read_rows(table, ScenarioRow, faults)
    except ValidationError:  # pragma: no cover - read_rows tells them as faults
        return []
    ids: dict[str, str] = {}
    for each in placed:
        if each.record.scenario in ids:
            message = f"scenario {each.record.scenario} stands there twice"
            faults.append(Fault(name, each.where, message, "give it another name"))
        ids[each.record.scenario] = each.where
    weighted = [each for each in placed if each.record.weight is not None]
    if weighted and len(weighted) < len(placed):
        message = "some rows have a weight and some have none"
        faults.append(Fault(name, "", message, "give every row a weight, or none"))
    total = sum(each.record.weight or 0.0 for each in weighted)
    if weighted and not 0.0 < total < inf:
        faults.append(Fault(name, "", f"the weights sum to {total:g}", "give weights around 1"))
        return []
    for each in weighted:
        if (each.record.weight or 0.0) / total <= 0.0:  # a mean over such tasks alone is none
            mend = "give more than 0, or leave the row out"
            faults.append(Fault(name, each.where, "the weight counts for nothing", mend))
    return [
        StudyScenario(
            each.record.scenario,
            (each.record.weight or 0.0) / total if weighted else 1.0 / len(placed),
            {factor: round(getattr(each.record, factor), DIGITS) for factor in FACTORS},
        )
        for each in placed
    ]

"""The scenarios of a case: weighted days that scale prices, loads and weather by a factor each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from cmgplan.case.folder import CaseFolder
from cmgplan.case.rows import Placed, read_rows
from cmgplan.case.tables import read_table
from cmgplan.devices import Record
from cmgplan.devices.base import Finite, Id, NonNegative
from cmgplan.errors import Fault

SCENARIO_FILE = "scenarios.csv"

FactorName = Literal["buy", "sell", "load", "heat", "wind", "sun"]
"""What a scenario scales: both prices of the retailer, both kinds of load, both renewables."""

FACTORS: tuple[FactorName, ...] = get_args(FactorName)

WEIGHT_SUM = 1e-6
"""Tolerance of the sum of all weights, which is 1."""


@dataclass(frozen=True)
class Scenario:
    """One way the day may go.

    Attributes
    ----------
    id
        Its name.
    weight
        Its probability, 0..1.
    factors
        What each quantity is multiplied with; those that are absent stay as they are.
    """

    id: str
    weight: float
    factors: Mapping[FactorName, float] = field(default_factory=dict)

    def factor(self, name: FactorName) -> float:
        """Return what a quantity is multiplied with, 1 where the scenario leaves it alone.

        Raises
        ------
        KeyError
            No scenario scales such a quantity.
        """
        if name not in FACTORS:
            raise KeyError(name)
        return self.factors.get(name, 1.0)


CERTAIN = (Scenario("base", 1.0),)
"""The scenarios of a case without a table of them: the profiles as they stand."""


class ScenarioRow(Record):
    """Row of scenarios.csv. An absent column or an empty cell is a factor of 1."""

    scenario: Id
    weight: NonNegative
    buy: Finite = 1.0
    sell: Finite = 1.0
    load: NonNegative = 1.0
    heat: NonNegative = 1.0
    wind: NonNegative = 1.0
    sun: NonNegative = 1.0

    def scenario_record(self) -> Scenario:
        """Return the row as a scenario."""
        return Scenario(self.scenario, self.weight, {name: getattr(self, name) for name in FACTORS})


def read_scenarios(folder: CaseFolder, faults: list[Fault]) -> tuple[Scenario, ...]:
    """Return the scenarios of a case, appending every fault of their table.

    Without the table there is one scenario, of weight 1, that changes nothing. Of a faulty table
    the sound rows are returned, which may be none.
    """
    place = folder.path / SCENARIO_FILE
    if not place.exists() and not place.is_symlink():
        return CERTAIN
    table = read_table(folder, SCENARIO_FILE, faults)
    if table is None:
        return ()
    placed = read_rows(table, ScenarioRow, faults)
    faults.extend(_repeated(placed))
    if table.whole and len(placed) == len(table.rows):
        faults.extend(_wrong_sum(placed))
    return tuple(each.record.scenario_record() for each in placed)


def _repeated(placed: list[Placed[ScenarioRow]]) -> list[Fault]:
    """Return a fault for every row whose scenario stands in an earlier one."""
    first: dict[str, str] = {}
    faults = []
    for each in placed:
        name = each.record.scenario
        if name in first:
            message = f"scenario {name} stands there twice, first in {first[name]}"
            faults.append(Fault(SCENARIO_FILE, each.where, message, "give it another name"))
        first.setdefault(name, each.where)
    return faults


def _wrong_sum(placed: list[Placed[ScenarioRow]]) -> list[Fault]:
    """Return a fault where the weights do not sum to 1."""
    total = sum(each.record.weight for each in placed)
    if round(abs(total - 1.0), 9) <= WEIGHT_SUM:
        return []
    message = f"the column weight sums to {total:.9g} instead of 1"
    mend = f"divide every weight by {total:.9g}" if total > 0.0 else "give weights above 0"
    return [Fault(SCENARIO_FILE, "", message, mend)]

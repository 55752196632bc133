"""The optima of a run of the building, sought again.

The program is the same, so that what it finds is: a linear program of a building takes a second.
Money is compared always; energies, which several best days may differ in, where the solver is of
the same version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from cmgplan.building.report.read_run import BuildingRun
from cmgplan.building.report.run_record import OptimumTotals, optima_of
from cmgplan.building.result import solver_versions
from cmgplan.building.tables import optima_again
from cmgplan.errors import InfeasibleError, LimitError, SolverError
from cmgplan.homes.case.records import HomesCase
from cmgplan.run.findings import CheckResult, Finding, differs, unequal

SAME = 1e-6
"""Tolerance of money and energies, relative above 1."""

PROVEN = 1e-7
"""Gap up to which an optimum is the only least cost."""

LIMIT_S = 20.0
"""Time that each optimum may take; one that takes longer is left as it is told."""

MOST_DAYS = 3
"""Stochastic days whose optima are sought again; of more, so many spread evenly."""

MONEY = ("cost", "value", "bound")
ENERGIES = ("grid_kwh", "heat_unserved_kwh", "electricity_unserved_kwh", "heat_dumped_kwh")


def check_optima_again(case: HomesCase, run: BuildingRun) -> CheckResult:
    """Seek the optima of the day, and of a few stochastic days, again and compare them."""
    record, found = run.record, []
    name = "the optima, sought again, are the same"
    if not record.options.priced:
        found = differs(sorted(record.optima()), [], "optimum")
        return CheckResult(name, tuple(found))
    count = min(len(record.days), MOST_DAYS)
    chosen = sorted({round(k) for k in np.linspace(0, len(record.days) - 1, count)})
    asked: list[tuple[str, int | None, Mapping[str, OptimumTotals]]] = [("", None, record.optima())]
    for k in chosen:
        day = record.days[k]
        asked.append((f"day {day.day}: ", day.day, optima_of(day.optimum)))
    unfinished = 0
    for where, number, told in asked:
        try:
            due = optima_again(case, record.options.gap, LIMIT_S, record.options.seed, number)
        except InfeasibleError:
            due = {}
            if number is None:
                found.append(Finding(f"{where}optimum: no day keeps all limits", np.nan, ""))
                continue
        except (LimitError, SolverError):
            unfinished += 1
            continue
        found += differs(sorted(told), sorted(due), f"{where}optimum")
        for way in told.keys() & due.keys():
            found += _of_optimum(run, f"{where}optimum.{way}", told[way], due[way])
    of = f" ({unfinished} left out, which take over {LIMIT_S:g} s)" if unfinished else ""
    return CheckResult(f"{name}{of}", tuple(found))


def _of_optimum(
    run: BuildingRun, place: str, told: OptimumTotals, due: Mapping[str, float]
) -> Iterator[Finding]:
    """Yield what of an optimum is not what was found again."""
    proven = due["gap"] <= PROVEN
    scale = max(abs(due["value"]), 1.0)
    slack = (SAME if proven else run.record.options.gap + SAME) * scale
    for key in MONEY if proven else MONEY[1:]:
        yield from unequal(getattr(told, key), due[key], f"{place}.{key}", "", slack)
    if proven and run.record.versions.get("highspy") == solver_versions()["highspy"]:
        for key in ENERGIES:
            value = due[key]
            slack = SAME * max(abs(value), 1.0)
            yield from unequal(getattr(told, key), value, f"{place}.{key}", "kWh", slack)

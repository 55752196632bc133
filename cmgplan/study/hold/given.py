"""What no schedule of a held plan tells: told twice, in its tables and in hold.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cmgplan.page.lookup import records
from cmgplan.run.findings import CheckResult, Finding, differs, unequal
from cmgplan.study.hold.folder import given_of, held_figures
from cmgplan.study.hold.marker import HOLD_FILE
from cmgplan.study.hold.read import HeldRun

DIGITS = 1e-9
"""What a table of ten digits may round by, next to the share that every comparison has."""

Raw = Mapping[str, Any]


def check_given(run: HeldRun) -> list[CheckResult]:
    """Check what follows from no schedule, and the key figures, against hold.json."""
    return [
        CheckResult("what no schedule tells is told twice alike", tuple(_told_twice(run))),
        CheckResult("key figures are those of the tables", tuple(_figures(run))),
    ]


def _told_twice(run: HeldRun) -> Iterator[Finding]:
    """Compare held.csv and wait_and_see.csv with what hold.json tells of them."""
    rows = {int(row["point"]): row for row in records(run.rows.reset_index())}
    due = {int(row["point"]): row for row in run.given["points"]}
    yield from differs(sorted(rows), sorted(due), "held.csv: points")
    for number in sorted(rows.keys() & due.keys()):
        told, place = rows[number], f"held.csv point {number}, "
        yield from _alike(given_of(told), due[number], place)
        if told["status"] == "infeasible":
            for name in sorted(told.keys() - due[number].keys()):
                yield from unequal(told[name], np.nan, place + name)
    yield from _alike(given_of(_own(run)), run.given["own"], "wait_and_see.csv ")


def _alike(told: Raw | None, due: Raw | None, place: str) -> Iterator[Finding]:
    """Compare the cells of a row, numbers by their digits."""
    told, due = told or {}, due or {}
    yield from differs(sorted(told), sorted(due), f"{place}columns")
    for name in sorted(told.keys() & due.keys()):
        if isinstance(due[name], str) or isinstance(told[name], str):
            yield from differs(told[name], due[name], place + name)
        else:
            number = np.nan if due[name] is None else float(due[name])
            yield from unequal(told[name], number, place + name, "", DIGITS)


def _figures(run: HeldRun) -> Iterator[Finding]:
    """Compare the key figures of hold.json with the tables that they are taken from."""
    due = held_figures(list(records(run.rows.reset_index())), _own(run))
    yield from _alike(run.figures, due, f"{HOLD_FILE} ")


def _own(run: HeldRun) -> Raw | None:
    return None if run.own is None else {str(name): cell for name, cell in run.own.items()}

"""The folder of a study of reliability: written whole, read and verified again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.errors import InputError, ReplayError
from cmgplan.feeders.report.folders import AGAIN, RELIABILITY, read_json, write_json
from cmgplan.feeders.report.reliability_page import render_page
from cmgplan.feeders.result import Interruption, ReliabilityStudy, Supply
from cmgplan.feeders.tables import ISLANDS_TABLE, RELIABILITY_TABLES
from cmgplan.network.reliability.additions import Addition, additions
from cmgplan.network.reliability.indices import Reliability, reliability
from cmgplan.network.reliability.limits import within_limits
from cmgplan.network.reliability.read import (
    LINES,
    LOADS,
    TIES,
    ReliableFeeder,
    read_reliable_feeder,
)
from cmgplan.run.findings import CheckResult, Finding, differs, require_verified, unequal
from cmgplan.run.folder import prepare, put_page, write_folder
from cmgplan.run.tables import read_csv, read_tables, write_csv, write_tables
from cmgplan.version import __version__

INDICES = ("saifi", "saidi_h", "caidi_h", "asai", "eens_mwh", "aens_kwh")

NEEDED = {
    "name": str,
    "restore": str,
    "additions_asked": int,
    **dict.fromkeys((*INDICES, "customers"), float),
}

NUMBER = 1e-9

ISLANDS = "islands"
"""The table of what homes serve while cut off."""

SERVED_KW = 1e-6
"""Power served beyond what is wanted that counts as none."""


@dataclass(frozen=True)
class ReliabilityRun:
    """A finished study: its folder, its summary, its tables and the feeder of its copy."""

    folder: Path
    summary: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    feeder: ReliableFeeder


def prepare_reliability(out: Path | str) -> None:
    """Raise InputError where a study cannot be written, before any work is spent on it."""
    prepare(Path(out), RELIABILITY)


def write_reliability(study: ReliabilityStudy, out: Path | str, asked: int) -> Path:
    """Write a study to a folder, whole or not at all, and return the folder.

    Parameters
    ----------
    asked
        Additions of each kind that were asked for.

    Raises
    ------
    InputError
        The folder holds something else.
    ReplayError
        The study does not pass its verification; the message names what failed.
    """

    def fill(folder: Path) -> None:
        (folder / "case").mkdir()
        write_feeder(study.feeder, folder / "case")
        write_tables(_tables(study.found, study.additions), RELIABILITY_TABLES, folder)
        if study.islands != "none":
            write_csv(_islands(study.supply), ISLANDS_TABLE, folder / f"{ISLANDS}.csv")
        write_json(_summary(study, asked), folder / RELIABILITY.marker)
        run = read_reliability(folder)
        if run.feeder != study.feeder:
            raise ReplayError(f"{folder / 'case'}: is not the feeder that was read")
        require_verified(verify_reliability(run))
        write_page(run)

    return write_folder(Path(out), RELIABILITY, fill)


def read_reliability(folder: Path | str) -> ReliabilityRun:
    """Read the folder of a study.

    Raises
    ------
    InputError
        It is none, or a file of it is missing or damaged.
    CaseError
        Its copy of the feeder cannot be used any more.
    """
    folder = Path(folder)
    summary = read_json(folder, RELIABILITY, NEEDED)
    if summary["restore"] not in ("topology", "limits"):
        raise InputError(f"{folder / RELIABILITY.marker}: restore is unknown; {AGAIN}")
    if summary.setdefault("islands", "none") not in ("none", "building"):
        raise InputError(f"{folder / RELIABILITY.marker}: islands is unknown; {AGAIN}")
    tables = read_tables(RELIABILITY_TABLES, folder, AGAIN)
    if summary["islands"] != "none":
        tables[ISLANDS] = read_csv(ISLANDS_TABLE, folder / f"{ISLANDS}.csv", AGAIN)
    return ReliabilityRun(folder, summary, tables, read_reliable_feeder(folder / "case"))


def verify_reliability(run: ReliabilityRun) -> tuple[CheckResult, ...]:
    """Return the checks of a study: all of it is worked out again from its copy of the feeder."""
    limited = run.summary["restore"] == "limits"
    supply = Supply.known(_supply(run.tables[ISLANDS]) if ISLANDS in run.tables else {})
    restore = within_limits(run.feeder) if limited else None
    found = reliability(run.feeder, restore, *supply.functions)
    asked = int(run.summary["additions_asked"])
    more = additions(run.feeder, asked, within_limits if limited else None) if asked else ()
    told, due = run.tables, _tables(found, more)
    told_of = [
        finding
        for key in (*INDICES, "customers")
        for finding in unequal(
            float(run.summary[key]), float(getattr(found, key)), key, tolerance=NUMBER
        )
    ]
    checks = [CheckResult("indices", tuple(told_of))]
    for stem, form in RELIABILITY_TABLES.items():
        findings = _apart(told[stem], due[stem], list(form.key), stem)
        checks.append(CheckResult(f"{stem}.csv", tuple(findings)))
    sums = [
        finding
        for key in ("saifi", "saidi_h", "eens_mwh")
        for finding in unequal(
            float(told["faults"][key].sum()), float(run.summary[key]), key, tolerance=1e-7
        )
    ]
    if ISLANDS in told:
        checks.append(CheckResult("islands serve no more than is wanted", _too_much(told[ISLANDS])))
    return (*checks, CheckResult("faults add up to the indices", tuple(sums)))


def write_page(run: ReliabilityRun) -> Path:
    """Write the page of a study again and return its path."""
    return put_page(run.folder, lambda: render_page(run.summary, run.tables, run.feeder))


def _apart(told: pd.DataFrame, due: pd.DataFrame, key: list[str], stem: str) -> list[Finding]:
    """Return where a table differs from the one due."""
    rows = [told[key].astype(str).to_numpy().tolist(), due[key].astype(str).to_numpy().tolist()]
    if rows[0] != rows[1]:
        return differs(len(rows[0]), len(rows[1]), f"{stem}.csv: rows") or [
            Finding(f"{stem}.csv: its rows are not those due", np.nan, "")
        ]
    found = []
    for column in (name for name in due.columns if name not in key):
        a, b = (table[column].to_numpy(dtype=np.float64) for table in (told, due))
        for k in np.flatnonzero(~(np.abs(a - b) <= NUMBER + NUMBER * np.abs(b))):
            place = f"{' '.join(rows[0][k])}, {column}"
            found.append(Finding(place, abs(a[k] - b[k]), "", None, float(a[k]), float(b[k])))
    return found


def _tables(found: Reliability, more: Sequence[Addition]) -> dict[str, pd.DataFrame]:
    columns = list(RELIABILITY_TABLES["additions"].columns)
    rows = [{**one.summary(), "line": one.line or "", "end": one.end or ""} for one in more]
    return {
        "load_points": pd.DataFrame([dict(vars(point)) for point in found.load_points]),
        "faults": pd.DataFrame([dict(vars(fault)) for fault in found.faults]),
        "additions": pd.DataFrame(rows, columns=columns),
    }


def _islands(supply: Mapping[Interruption, tuple[float, float]]) -> pd.DataFrame:
    rows = [(*key, *powers) for key, powers in supply.items()]
    return pd.DataFrame(rows, columns=list(ISLANDS_TABLE.columns))


def _supply(table: pd.DataFrame) -> dict[Interruption, tuple[float, float]]:
    return {
        (str(bus), float(hours), int(begin)): (float(wanted), float(served))
        for bus, hours, begin, wanted, served in table[list(ISLANDS_TABLE.columns)].itertuples(
            index=False
        )
    }


def _too_much(table: pd.DataFrame) -> tuple[Finding, ...]:
    """Return the interruptions in which more is served than is wanted, or less than nothing."""
    wanted, served = (table[name].to_numpy(float) for name in ("wanted_kw", "served_kw"))
    over = np.maximum(served - wanted, -served)
    found = []
    for k in np.flatnonzero(over > SERVED_KW).tolist():
        row = table.iloc[k]
        place = f"bus {row['bus']}, {row['hours']:g} h from {row['from_hour']}:00"
        found.append(Finding(place, float(over[k]), "kW"))
    return tuple(found)


def write_feeder(feeder: ReliableFeeder, folder: Path) -> None:
    """Write a feeder as the tables that ``read_reliable_feeder`` reads."""
    for name, records in ((LINES, feeder.lines), (LOADS, feeder.loads), (TIES, feeder.ties)):
        if records:
            rows = [record.model_dump() for record in records]
            pd.DataFrame(rows).to_csv(folder / name, index=False, lineterminator="\n")


def _summary(study: ReliabilityStudy, asked: int) -> dict[str, Any]:
    found = study.found
    return {
        "system": "reliability",
        "name": study.name,
        "restore": study.restore,
        "islands": study.islands,
        "additions_asked": asked,
        "versions": {"cmgplan": __version__},
        "wall_s": study.wall_s,
        "verified": True,
        **{key: getattr(found, key) for key in (*INDICES, "customers")},
    }

"""The switch schedule as JSON for other tools; ``switch_schedule.schema.json`` describes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from cmgplan.errors import InputError
from cmgplan.planning.case.records import Case

FORMAT = "cmgplan-switch-schedule"
VERSION = 1
SCHEMA = "switch_schedule.schema.json"


def schedule_document(case: Case, table: pd.DataFrame, sha256: str, point: int) -> dict[str, Any]:
    """Return the schedule of every switch of a case.

    Parameters
    ----------
    table
        ``switch_schedule`` of a run.
    sha256
        Hash of the case's files, as in plan.json.
    point
        The Pareto point whose schedule it is.

    Raises
    ------
    InputError
        The table does not give every switch one position, 0 or 1, in every hour.
    """
    given = {switch["id"]: switch for switch in case_switches(case)}
    unknown = sorted(set(table["switch"]) - set(given))
    if unknown:
        raise InputError(
            f"switch_schedule.csv: switch {unknown[0]} is not in the case; plan the case again"
        )
    wide = table.pivot(index="switch", columns="hour", values="closed")
    wide = wide.reindex(index=list(given), columns=range(case.file.time.hours))
    wrong = ~wide.isin([0, 1])
    if wrong.to_numpy().any():
        switch, hour = wrong.stack()[lambda found: found].index[0]
        raise InputError(
            f"switch_schedule.csv: switch {switch} is neither open (0) nor closed (1) in hour "
            f"{hour}; plan the case again"
        )
    return {
        "format": FORMAT,
        "version": VERSION,
        "case": {"name": case.name, "sha256": sha256},
        "point": point,
        "hours": case.file.time.hours,
        "dt_h": case.file.time.dt_h,
        "switches": [
            _scheduled(given[name], [int(closed) for closed in row])
            for name, row in zip(wide.index, wide.to_numpy(), strict=True)
        ],
    }


def schedule_text(document: Mapping[str, Any]) -> str:
    """Return a schedule as JSON text, the positions of a switch on one line."""
    text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False)
    # No string holds a line break, which JSON escapes, so that only lists of positions match.
    return re.sub(r"\[\n[\s01,]+\]", lambda found: "".join(found[0].split()), text) + "\n"


def case_switches(case: Case) -> Iterator[dict[str, Any]]:
    """Yield what a case says of each switch: ties, then connections to the feeder."""
    for tie in case.ties:
        yield {
            "id": tie.id,
            "kind": tie.kind,
            "from": tie.from_microgrid,
            "to": tie.to_microgrid,
            "rating_kva": tie.rating_kva,
            "initially_closed": int(tie.initially_closed),
        }
    for mg in case.microgrids:
        yield {
            "id": mg.pcc.id,
            "kind": "grid",
            "from": mg.id,
            "to": mg.bus,
            "rating_kva": mg.pcc.rating_kva,
            "initially_closed": int(mg.pcc.initially_closed),
        }


def _scheduled(switch: Mapping[str, Any], closed: Sequence[int]) -> dict[str, Any]:
    """Return a switch with its positions and what has to be done when."""
    operations = list(_operations(switch["initially_closed"], closed))
    return {**switch, "closed": list(closed), "operations": operations}


def _operations(initially: int, closed: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield every change at the beginning of an hour, the first counted from the initial state."""
    before = initially
    for hour, now in enumerate(closed):
        if now != before:
            yield {"hour": hour, "action": "close" if now else "open"}
        before = now

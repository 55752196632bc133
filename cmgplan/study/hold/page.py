"""The page of a plan held in one scenario."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cmgplan.errors import InputError
from cmgplan.page.data_table import Column, data_table
from cmgplan.page.lookup import records
from cmgplan.page.page import render
from cmgplan.page.parts import Box, Overview, Section
from cmgplan.page.wording import amount, counted, number
from cmgplan.study.hold.marker import HOLD_FILE

Rows = Sequence[Mapping[str, Any]]

HELD_COLUMNS = (
    Column("point", "point", 0),
    Column("status", "status"),
    Column("gc_usd", "generation cost, $", 2),
    Column("ec_usd", "emission cost, $", 2),
    Column("loss_kwh", "losses, kWh", 3),
    Column("unserved_kwh", "unserved, kWh", 2),
    Column("total_usd", "total, $", 2),
    Column("least_total_usd", "least total with these switches, $", 2),
    Column("broken_before_response", "limits broken before the response", 0),
    Column("upper_status", "Levels 5 and 6"),
    Column("broken_limits", "limits broken after it", 0),
    Column("v_min_pu", "least voltage after it, pu", 4),
)

BROKEN_COLUMNS = (
    Column("point", "point", 0),
    Column("response", "response"),
    Column("hour", "hour", 0),
    Column("kind", "what"),
    Column("place", "where"),
    Column("amount", "amount", 3),
    Column("unit", "unit"),
)


def write_held_page(folder: Path) -> Path:
    """Write the page of a plan held in one scenario from its files and return its path.

    Raises
    ------
    InputError
        A file of it is missing or damaged.
    """
    try:
        told = json.loads((folder / HOLD_FILE).read_text(encoding="utf-8"))
        name, title = str(told["case"]), str(told.get("title") or told["case"])
        held, broken = (
            records(pd.read_csv(folder / f"{stem}.csv")) for stem in ("held", "broken_limits")
        )
        own = folder / "wait_and_see.csv"
        free = list(records(pd.read_csv(own))) if own.is_file() else []
        page = _page(name, title, list(held), list(broken), free)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{folder}: is damaged ({error}); run the task again") from error
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _page(name: str, title: str, held: Rows, broken: Rows, free: Rows) -> str:
    """Return the page of a plan held in one scenario; ``free`` is with switches of its own."""
    good = all(row["status"] in ("kept", "over") and not row["broken_limits"] for row in held)
    verdict = (
        "All load is served, and after the response of Levels 5 and 6 no limit is broken with the "
        "switches of any point."
        if good
        else "With the switches of some points load goes unserved, or limits stay broken after "
        "the response of Levels 5 and 6."
    )
    row = next((each for each in held if each["selected"]), held[0])
    before, after = row["broken_before_response"], row["broken_limits"]
    boxes = (
        Box("Point of the plan", str(row["point"]), True),
        Box("Total", amount(row["total_usd"], "$"), True),
        *(
            Box("Least total with switches of its own", amount(each["total_usd"], "$"), True)
            for each in free
            if each["status"] == "served"
        ),
        Box("Unserved", amount(row["unserved_kwh"], "kWh"), not row["unserved_kwh"]),
        Box("Limits broken before the response", number(before, 0), not before),
        Box("Limits broken after it", number(after, 0), not after),
    )
    table = data_table("held", "Points with their switches held", HELD_COLUMNS, held)
    caption = "Limits broken on the loaded feeder, before Levels 5 and 6 respond and after"
    parts = (data_table("broken", caption, BROKEN_COLUMNS, broken),) if broken else ()
    sections = [Section("broken", "Broken limits", parts)] if parts else []
    about = f"{title}. The switches of {counted(len(held), 'point')} of a plan, held."
    overview = Overview(good, verdict, "", boxes, table, (), ())
    return render(f"{name} held", about, overview, sections)

"""Section 4.2: the three windows of switches, and what stays an island."""

from __future__ import annotations

import pandas as pd

from cmgplan.case.records import SwitchKind
from cmgplan.planning.report.subject import Subject
from paper_claims.claim import COUNTED_KW, OWN_NUMBERS, Claim, exchange, hours_of_trade, hours_text

ISLAND_HOUR = 1
"""The paper's hour 2."""

PAPER_ISLANDED = ("MG5", "MG6", "MG7", "MG8")
PAPER_NO_TRADE = (1, 15, 23)
WINDOW = {"grid": "1", "microgrid": "2", "cluster": "3"}
NOT_PRINTED = "the paper prints no number"


def open_hours(s: Subject) -> pd.DataFrame:
    """Return for every switch its kind and the hours in which it is open."""
    schedule = s.tables["switch_schedule"]
    rows = [
        (switch, str(rows["kind"].iloc[0]), sorted(rows.loc[rows["closed"] == 0, "hour"].tolist()))
        for switch, rows in schedule.groupby("switch", sort=False)
    ]
    return pd.DataFrame(rows, columns=["switch", "kind", "hours"])


def _window(s: Subject, kind: SwitchKind, joins: str) -> Claim:
    table = open_hours(s)
    by_switch = dict(table.loc[table["kind"] == kind, ["switch", "hours"]].to_numpy().tolist())
    every = [t for t in range(s.hours) if all(t in hours for hours in by_switch.values())]
    count, of = sum(len(hours) for hours in by_switch.values()), len(by_switch) * s.hours
    return Claim(
        f"window {WINDOW[kind]}: open switches {joins}",
        "drawn in Fig. 5",
        f"{count} of {of} switch-hours; all open in {hours_text(every)}",
        NOT_PRINTED,
        None,
        "The list of switches below has the hours of each.",
        {"open_hours": by_switch, "all_open": every, "switch_hours": count},
    )


def window_grid(s: Subject) -> Claim:
    """Window 1: the switches between microgrids and the feeder."""
    return _window(s, "grid", "to the feeder")


def window_microgrid(s: Subject) -> Claim:
    """Window 2: the switches between the microgrids of a cluster."""
    return _window(s, "microgrid", "within clusters")


def window_cluster(s: Subject) -> Claim:
    """Window 3: the switches between clusters."""
    return _window(s, "cluster", "between clusters")


def rare_import(s: Subject) -> Claim:
    """Window 1's reading: mostly no import from the feeder, export in some hours."""
    flows = exchange(s, 4, "grid")
    importing = int((flows["p_kw"] < -COUNTED_KW).sum())
    exporting = int((flows["p_kw"] > COUNTED_KW).sum())
    return Claim(
        "microgrids and the feeder, lower level",
        "no import most of the time, export in some hours",
        f"import in {importing}, export in {exporting} of {len(flows)} microgrid-hours",
        "import in under half, export in at least one",
        2 * importing < len(flows) and exporting > 0,
        OWN_NUMBERS,
        {"import": importing, "export": exporting, "of": len(flows)},
    )


def islanded(s: Subject) -> Claim:
    """Microgrids all of whose switches are open: where the three windows meet."""
    schedule = s.tables["switch_schedule"]
    closed = schedule[schedule["closed"] == 1]
    joined = {
        (t, end)
        for a, b, t in closed[["from", "to", "hour"]].itertuples(index=False)
        for end in (a, b)
    }
    names = [mg.id for mg in s.case.microgrids]
    by_hour = {t: [mg for mg in names if (t, mg) not in joined] for t in range(s.hours)}
    there, count = by_hour[ISLAND_HOUR], sum(len(found) for found in by_hour.values())
    return Claim(
        "islanded microgrids",
        f"{', '.join(PAPER_ISLANDED)} in hour 2 (ours 1)",
        f"{', '.join(there) or 'none'} in hour 1 (the paper's 2); "
        f"{count} of {len(names) * s.hours} microgrid-hours",
        "the same microgrids in that hour",
        set(there) == set(PAPER_ISLANDED),
        "Which microgrids need nobody at night depends on the case's own wind and storage.",
        {"by_hour": by_hour, "microgrid_hours": count},
    )


def trade_hours(s: Subject) -> Claim:
    """Hours of exchange between clusters."""
    trade = hours_of_trade(s)
    without = [t for t in range(s.hours) if t not in trade]
    return Claim(
        "hours without exchange between clusters",
        "2, 16, 24 (ours 1, 15, 23)",
        hours_text(without),
        "the same hours",
        tuple(without) == PAPER_NO_TRADE,
        "With the hierarchy of levels a tie between clusters may close only in hours in which "
        "Level 2 left somebody a shortage or a surplus, and it is open where it carries nothing.",
        {"without": without, "with": trade},
    )

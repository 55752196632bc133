"""A pandapower network as a distribution feeder: its loads, fixed, fed by its slacks alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.plurals import counted
from cmgplan.units import kw_from_mw

PHASES = ("a", "b", "c")
NAMED = 10

FULL_LOADING_PERCENT = 100.0


def as_feeder(net: Any) -> list[str]:
    """Fix the loads of a network, rate its branches and take its generation out of service.

    Lines without a limit of their loading may be loaded fully. Returns notes on what is not as
    the file has it.
    """
    notes = list(_without_generation(net))
    net.load["controllable"] = False
    for kind in ("line", "trafo", "trafo3w"):
        table, column = net[kind], "max_loading_percent"
        given = table[column] if column in table else pd.Series(np.nan, index=table.index)
        net[kind][column] = given.astype(float).fillna(FULL_LOADING_PERCENT)
    return notes


def _without_generation(net: Any) -> Iterator[str]:
    """Take every source but the slacks out of service, motors too, and yield notes on them."""
    for kind, what in (
        ("sgen", "generation"),
        ("gen", "generation"),
        ("storage", "storage"),
        ("asymmetric_sgen", "generation"),
        ("motor", "load"),
    ):
        table = net[kind]
        used = table.in_service.astype(bool)
        if kind == "gen":
            used &= ~table.slack.astype(bool)
        if not used.any():
            continue
        buses = sorted(set(table.bus[used].astype(int)))
        mend = "add it to the loads" if what == "load" else "give it to a microgrid there"
        power = ""
        if "p_mw" in table:
            total_mw = float((table.p_mw * table.get("scaling", 1.0))[used].abs().sum())
            power = f" of {kw_from_mw(total_mw):.6g} kW in all,"
        at = ", ".join(map(str, buses[:NAMED])) + (" and more" if len(buses) > NAMED else "")
        yield (f"{what} of table {kind} is left out: {int(used.sum())}{power} at bus {at}; {mend}")
        net[kind]["in_service"] = table.in_service.astype(bool) & ~used


def balanced(net: Any) -> list[str]:
    """Put loads and sources of single phases in as ones of three; return notes if there are any."""
    import pandapower as pp

    notes = []
    for kind, create, what in (
        ("asymmetric_load", pp.create_load, "load"),
        ("asymmetric_sgen", pp.create_sgen, "source"),
    ):
        table = net[kind]
        used = table[table.in_service]
        for row in used.to_dict("records"):
            create(
                net,
                int(row["bus"]),
                p_mw=sum(float(row[f"p_{phase}_mw"]) for phase in PHASES),
                q_mvar=sum(float(row[f"q_{phase}_mvar"]) for phase in PHASES),
                scaling=float(row["scaling"]),
                controllable=False,
            )
        if len(used):
            net[kind]["in_service"] = False
            notes.append(
                f"{counted(len(used), what)} of single phases (table {kind}): taken as equal in "
                "all three"
            )
    return notes

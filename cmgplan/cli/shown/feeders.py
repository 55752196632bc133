"""What is printed of a network by itself: power flow, configuration, reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cmgplan.cli.console import NONE, new_table, number, print_table, say
from cmgplan.plurals import counted

SHOWN_BINDING = 12
"""Binding limits that are listed of an optimal power flow."""

SHOWN_FAULTS = 5
"""Lines whose faults are listed, those of greatest SAIDI first."""


def print_opf(summary: Mapping[str, Any], hours: int) -> None:
    """Print what an optimal power flow found, and which limits bind."""
    several = hours > 1
    where = f"bus {summary['v_min_bus']}"
    if several:
        where += f", hour {summary['v_min_hour']}"
    gap = summary["gap"]
    shown = summary["bound_message"] or "" if gap is None else f"gap {100.0 * gap:.4f} %"
    dv = summary["replay_max_dv_pu"]
    say(f"{summary['status']} ({summary['rung']})")
    if summary["objective"] is not None:
        table = new_table("", "", "")
        table.add_row("cost, $" if several else "cost, $/h", number(summary["objective"], 4))
        table.add_row("lower bound", number(summary["bound"], 4), shown)
        name = "losses, mean MW" if several else "losses, MW"
        table.add_row(name, number(summary["loss_mw"], 6))
        table.add_row("least voltage, pu", number(summary["v_min_pu"], 6), where)
        table.add_row("replay, largest difference, pu", NONE if dv is None else f"{dv:.1e}")
        table.add_row("iterations", number(summary["iterations"], 0))
        print_table(table)
        _print_binding(summary["binding"])
    wall = summary["wall_s"]
    say(", ".join(f"{name} {wall[name]:.3f} s" for name in ("build", "compile", "solve")))


def _print_binding(binding: Sequence[str]) -> None:
    if not binding:
        say("no limit binds")
        return
    say(counted(len(binding), "limit binds", "limits bind"))
    for line in binding[:SHOWN_BINDING]:
        say(f"  {line}")
    if len(binding) > SHOWN_BINDING:
        say(f"  and {len(binding) - SHOWN_BINDING} more; --json lists all")


def print_configured(aim: str, summary: Mapping[str, Any]) -> None:
    """Print what was found for an aim: ``loss``, ``day`` or ``ens``."""
    shown = {"loss": print_reconfiguration, "day": print_day, "ens": print_restoration}
    shown[aim](summary)


def print_day(summary: Mapping[str, Any]) -> None:
    """Print the configurations of a day, the energy lost, and how far it is proven."""
    table = new_table("", "")
    for name, key in (
        ("energy lost as given, kWh", "given_loss_kwh"),
        ("energy lost, kWh", "loss_kwh"),
        ("lower bound, kWh", "bound_kwh"),
    ):
        table.add_row(name, number(summary[key], 4))
    table.add_row("least voltage, pu", number(min(summary["v_min_pu"]), 4))
    table.add_row("operations between blocks", str(summary["operations"]))
    table.add_row("replay, largest difference, pu", f"{summary['replay_max_dv_pu']:.1e}")
    print_table(table)
    for block in summary["blocks"]:
        pairs = zip(block["open"], block["open_rows"], strict=True)
        opened = ", ".join(f"{one}-{other} (row {row})" for (one, other), row in pairs)
        hours = f"hours {block['from_hour']} to {block['to_hour']}"
        say(f"{hours}: {number(block['loss_kwh'], 4)} kWh; open: {opened or 'none'}")
    gap = f"gap {100.0 * summary['gap']:.4f} %"
    say(f"{summary['status']}, {gap}; {summary['wall_s']:.1f} s")


def print_reconfiguration(summary: Mapping[str, Any]) -> None:
    """Print a radial configuration, its loss and how far it is proven."""
    table = new_table("", "")
    for name, key, digits in (
        ("loss as given, kW", "given_loss_kw", 4),
        ("loss, kW", "loss_kw", 4),
        ("lower bound, kW", "bound_kw", 4),
        ("least voltage, pu", "v_min_pu", 4),
    ):
        table.add_row(name, number(summary[key], digits))
    table.add_row("replay, largest difference, pu", f"{summary['replay_max_dv_pu']:.1e}")
    print_table(table)
    opened = [f"{one}-{other}" for one, other in summary["open"]]
    rows = zip(opened, summary["open_rows"], strict=True)
    say("open: " + (", ".join(f"{name} (row {row})" for name, row in rows) or "none"))
    gap = f"gap {100.0 * summary['gap']:.4f} %"
    say(f"{summary['status']}, {gap}; {summary['wall_s']:.1f} s")


def print_restoration(summary: Mapping[str, Any]) -> None:
    """Print what is shed after a fault, and which switches are open then."""
    table = new_table("", "")
    for name, key, digits in (
        ("load shed, kW", "shed_kw", 3),
        ("at buses that nothing reaches, kW", "isolated_kw", 3),
        ("lower bound, kW", "bound_kw", 3),
        ("operations", "operations", 0),
        ("least voltage, pu", "v_min_pu", 4),
    ):
        table.add_row(name, number(summary[key], digits))
    print_table(table)
    pairs = zip(summary["open"], summary["open_rows"], strict=True)
    say("open: " + ", ".join(f"{one}-{other} (row {row})" for (one, other), row in pairs))
    say(f"{summary['status']}; {summary['wall_s']:.1f} s")


def print_reliability(summary: Mapping[str, Any]) -> None:
    """Print the indices of a feeder and the lines whose faults cost most."""
    table = new_table("", "")
    for name, key, digits in (
        ("SAIFI, interruptions a year", "saifi", 6),
        ("SAIDI, h a year", "saidi_h", 6),
        ("CAIDI, h", "caidi_h", 6),
        ("ASAI", "asai", 8),
        ("EENS, MWh a year", "eens_mwh", 4),
        ("AENS, kWh a year", "aens_kwh", 4),
    ):
        table.add_row(name, number(summary[key], digits))
    print_table(table)
    worst = sorted(summary["faults"], key=lambda fault: -float(fault["saidi_h"]))[:SHOWN_FAULTS]
    table = new_table("faults of line", "SAIDI, h", "EENS, MWh")
    for fault in worst:
        cells = (number(fault[key], 4) for key in ("saidi_h", "eens_mwh"))
        table.add_row(str(fault["line"]), *cells)
    print_table(table)
    if not summary["additions"]:
        return
    table = new_table("one more", "saves SAIDI, h", "SAIFI", "EENS, MWh")
    for one in summary["additions"]:
        where = f"{one['from_bus']}-{one['to_bus']}"
        if one["line"] is not None:
            where = f"{one['line']} ({where}) at its {one['end']} end"
        keys = ("saidi_saved_h", "saifi_saved", "eens_saved_mwh")
        table.add_row(f"{one['kind']} {where}", *(number(one[key], 4) for key in keys))
    print_table(table)

"""What a plan assumes: its options in plain words, and what the model takes for granted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.wording import number
from cmgplan.planning.record.plan import About, PlanRecord
from cmgplan.planning.report.topology import FeederView
from cmgplan.plurals import counted

Fact = tuple[str, str, str]

MODEL: tuple[Fact, ...] = (
    (
        "Forecasts",
        "deterministic",
        "headroom and a replay under error show what uncertainty may do",
    ),
    ("Microgrid", "one node", "its inner voltage is not modelled; its bus has the feeder's limits"),
    ("Ties within a cluster", "no losses", "as in the paper: the microgrids are near each other"),
    ("Ties between clusters", "R I² at nominal voltage", "they carry power within their ratings"),
    ("PV, batteries, vehicles", "no reactive power", "turbines, wind and compensators have it"),
    ("Renewables", "may be curtailed", "at no cost"),
    (
        "Feeder at Level 4",
        "carries no other load",
        "its losses and voltages are those of AC power flow",
    ),
    (
        "Levels 5 and 6",
        "keep the chosen schedule",
        "switches, batteries, vehicles, microgrids' response",
    ),
    ("Upstream grid", "buys and sells at the hourly price", "export earns its emission price back"),
    ("Values", "local optima of the AC problem", "bounds are proofs from a convex relaxation"),
    ("Without microgrids", "their loads at their buses", "no generation, no storage, no response"),
)


OPTIONS = {
    "gap": ("Wanted gap", "a point within it is called optimal"),
    "points": ("Points of the front", "epsilon caps on cost and losses"),
    "sweep": ("Sweep", "diagonal: both caps step together; grid: all combinations"),
    "select": ("Point chosen by hand", "none: the fuzzy compromise is taken"),
    "hierarchy": (
        "Hierarchy",
        "levels: switches close only where the level below left something over; joint: anywhere",
    ),
    "minlp": ("Search at Level 4", "how the convex relaxation is solved"),
    "time_limit_s": ("Time limit of a point, s", "a point that meets it keeps its bound"),
    "radial": ("Radial", "closed switches form a forest with the feeder as one node"),
    "operation_cost_usd": ("Cost of a switch operation, $", "enters the generation cost"),
    "operation_limit": ("Operations of a switch", "allowed over the horizon; none: no limit"),
    "soc_balance": (
        "Balance of stored energy",
        "energy: at the end not below the start; power: eq. (14) as printed",
    ),
    "zeta": ("Weights of Levels 5 and 6", "they sum to 1"),
    "normalise": ("Weighted objectives", "yes: each divided by its value without microgrids"),
    "upper_emissions": (
        "Emissions at Levels 5 and 6",
        "all: turbines too; paper: upstream only, as printed",
    ),
    "coupling": (
        "Exchange at Level 5",
        "switches: free within the schedule; fixed: as at Level 4",
    ),
}
"""Options of a plan: what each is called and what its values mean."""


def option_table(summary: PlanRecord, view: FeederView | None) -> DataTable:
    """Return the options of a plan with what each means."""
    facts = [*_plan_facts(summary.options.model_dump()), *_network_facts(summary, view)]
    return _table("options", "How this plan was made", facts)


def model_table() -> DataTable:
    """Return what the model takes for granted."""
    return _table("model", "What the model takes for granted", MODEL)


def version_table(summary: PlanRecord) -> DataTable:
    """Return versions and times."""
    facts = [(name, str(text), "version") for name, text in summary.versions.items()]
    facts += [
        (name.replace("_", " "), f"{number(seconds, 1)} s", "time")
        for name, seconds in summary.wall_s.parts().items()
    ]
    digest = summary.case.sha256
    facts += [("case files", str(digest), "SHA-256")] if digest else []
    return _table("versions", "Versions and times", facts)


def _table(name: str, caption: str, facts: list[Fact] | tuple[Fact, ...]) -> DataTable:
    columns = (Column("item", "Item"), Column("value", "Value"), Column("meaning", "Meaning"))
    records = [dict(zip(("item", "value", "meaning"), fact, strict=True)) for fact in facts]
    return data_table(name, caption, columns, records)


def _plan_facts(options: Mapping[str, Any]) -> list[Fact]:
    """Return the options one by one."""
    return [
        (item, _option_text(key, options[key]), meaning) for key, (item, meaning) in OPTIONS.items()
    ]


def _option_text(key: str, value: Any) -> str:
    """Return the value of an option in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number(float(share), 3)}" for name, share in value.items())
    if key == "gap":
        return f"{100.0 * value:g} %"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _network_facts(summary: PlanRecord, view: FeederView | None) -> list[Fact]:
    """Return slack voltage, limits and the size of the case."""
    about = summary.case
    facts: list[Fact] = [
        (
            "Horizon",
            f"{counted(about.hours, 'interval')} of {about.dt_h:g} h",
            _hours_text(about),
        ),
        ("Slack voltage", f"{number(summary.v_slack_pu, 4)} pu", "held by the upstream grid"),
    ]
    if view is not None:
        low = sorted({low for low, _ in view.v_limits_pu.values()})
        high = sorted({high for _, high in view.v_limits_pu.values()})
        text = f"{_range(low)} to {_range(high)} pu"
        facts.append(("Voltage limits", text, "of every bus but the slack, at Levels 4 to 6"))
        facts.append(("Nominal voltage", f"{view.vn_kv:g} kV", "of the whole feeder"))
    return facts


def _hours_text(about: About) -> str:
    """Say what an hour in tables and charts is."""
    dt_h = about.dt_h
    if dt_h == 1.0 and about.begins_h == 0.0:
        return "hours count from 0"
    minutes = round(60.0 * about.begins_h)
    start = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"hours in tables and charts are intervals of {dt_h:g} h, counted from 0 at {start}"


def _range(values: list[float]) -> str:
    return f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g}\N{EN DASH}{values[-1]:g}"

"""What a study tells of each task, by system: key figures, and quantities in parts, as data."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from cmgplan.run.tables import guarded
from cmgplan.study.quantities import Columns, RunFiles, Share, Source, Told, number_of

Figures = dict[str, float | None]
"""Key figures of a run by name: what tasks.csv and the page show of it."""

BY_PART = "by_part"
"""Table of a task that tells its quantities in parts, beside those of its run."""

CARRIERS = ("electricity", "heat")

PART_COLUMNS = ("figure", "group", "part", "value")


@dataclass(frozen=True)
class Figure:
    """A key figure: its name in tasks.csv, what the page calls it, its unit and digits.

    ``{currency}`` in the unit stands for that of the case. ``source`` is where it stands in a
    run; None where its system reads it by a function of its own.
    """

    name: str
    heading: str
    unit: str
    digits: int = 2
    source: Source | None = None


@dataclass(frozen=True)
class Breakdown:
    """A quantity that a run tells in parts.

    Attributes
    ----------
    name, heading, unit, digits
        As of a key figure.
    group, part
        What a group and a part are; ``group`` is empty where there are none.
    source
        Where it stands in a run.
    counted
        What the page counts tasks by: in how many a part has the ``most`` or the ``least`` of its
        group, or is ``positive``.
    """

    name: str
    heading: str
    unit: str
    digits: int
    part: str
    source: Source
    group: str = ""
    counted: Literal["", "most", "least", "positive"] = ""


@dataclass(frozen=True)
class Reported:
    """What a study tells of the tasks of a system.

    Attributes
    ----------
    shown
        Key figures, the most telling one first.
    breakdowns
        Quantities in parts.
    own
        Reads the key figures that have no source from a run folder.
    """

    shown: tuple[Figure, ...]
    breakdowns: tuple[Breakdown, ...] = ()
    own: Callable[[Path], Figures] = lambda folder: {}

    def figures(self, folder: Path) -> Figures:
        """Return the key figures of a written run."""
        found, run = self.own(folder), RunFiles(folder)
        return {
            figure.name: found.get(figure.name)
            if figure.source is None
            else number_of(figure.source, run)
            for figure in self.shown
        }

    def parts(self, folder: Path) -> list[tuple[str, str, str, str]]:
        """Return the rows of ``by_part.csv`` of a written run."""
        run = RunFiles(folder)
        return [
            (breakdown.name, str(guarded(group)), str(guarded(part)), f"{value:.10g}")
            for breakdown in self.breakdowns
            for (group, part), value in breakdown.source.read(run).items()
        ]

    def write_parts(self, folder: Path) -> None:
        """Write ``by_part.csv`` into a run folder, where its system has quantities in parts."""
        if not self.breakdowns:
            return
        with (folder / f"{BY_PART}.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(PART_COLUMNS)
            rows.writerows(self.parts(folder))


def _planning_figures(folder: Path) -> Figures:
    from cmgplan.planning.record.plan import parse_plan

    told = parse_plan((folder / "plan.json").read_text(encoding="utf-8"))
    chosen, upper = told.selected, told.upper
    gaps = [point.gap for point in told.certificate.points if point.point == chosen.point]
    return {
        "cost": chosen.gc_usd,
        "emission_cost": chosen.ec_usd,
        "loss_kwh": chosen.loss_kwh,
        "gap": gaps[0] if gaps else None,
        "upstream_kwh": upper.upstream_kwh,
        "feeder_loss_kwh": upper.loss_kwh,
        "v_min_pu": upper.v_min_pu,
    }


def _market_figures(folder: Path) -> Figures:
    """Return what all homes are worth together, and more than each alone, and the worst gap."""
    run = _json(folder / "run.json")
    values: Mapping[str, Any] = run.get("values") or {}
    whole = max(values, key=lambda name: name.count("+"), default=None)
    gaps = [each.get("gap_share") for each in run.get("structures") or []]
    known = [gap for gap in map(_number, gaps) if gap is not None]
    worth = None if whole is None else _number(values[whole])
    alone = [_number(values[name]) for name in values if "+" not in name]
    each = None if None in alone or not alone else sum(v for v in alone if v is not None)
    return {
        "cost": None if worth is None else -worth,
        "surplus": None if worth is None or each is None else worth - each,
        "gap": max(known, default=None),
    }


def _response_figures(folder: Path) -> Figures:
    run = _json(folder / "run.json")
    exact = (run.get("methods") or {}).get("exact") or {}
    profit = _number(exact.get("profit_mean"))
    return {"cost": None if profit is None else -profit}


def _hold_figures(folder: Path) -> Figures:
    found = _json(folder / "hold.json")["figures"]
    return {name: _number(found.get(name)) for name in found}


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _number(value: object) -> float | None:
    """Return a finite number, None where there is none."""
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


_COST = Figure("cost", "cost", "{currency}", 2, Told("cost"))
_GAP = Figure("gap", "gap", "", 5)
_PLANTS = {"kind": ("chp", "pv", "wt", "mt")}
_BACKSTOP = {"kind": ("backstop",)}
_LOADS = {"kind": ("load", "job", "ev", "refrigerator", "water_heater")}
_NO_RETAILER = {"home": ("retailer",)}
_COALITION, _EXACT = {"way": ("coalition",)}, {"way": ("exact",)}
_BAND = {"least": "low_per_kwh", "price": "price_per_kwh", "greatest": "high_per_kwh"}


def _unserved(carrier: str, **where: tuple[str, ...]) -> Figure:
    """Return the figure of load of a carrier that nothing serves."""
    rows = {"carrier": (carrier,), **where}
    source = Columns("demand_response", ("unserved_kw",), where=rows, how="energy")
    return Figure(f"unserved_{carrier}_kwh", f"unserved {carrier}", "kWh", 2, source)


def _kept(**where: tuple[str, ...]) -> Share:
    """Return the share of what plants make that is not sold to the retailer."""
    sold = Columns("exchange", ("export_kw",), where=where, how="energy")
    made = Columns("dispatch", ("p_kw",), where={**_PLANTS, **where}, how="energy", positive=True)
    return Share(sold, (made,), rest=True)


def _from_grid(**where: tuple[str, ...]) -> Figure:
    """Return the figure of what homes buy from the retailer."""
    source = Columns("exchange", ("import_kw",), where=where, how="energy")
    return Figure("grid_kwh", "from the grid", "kWh", 1, source)


_SHARED = Columns("exchange", ("pool_kw",), where=_COALITION, how="energy", positive=True)
_TRADED = Share(
    _SHARED, (_SHARED, Columns("exchange", ("export_kw",), where=_COALITION, how="energy"))
)

_UNSERVED_BY_WAY = Breakdown(
    "unserved",
    "unserved energy",
    "kWh",
    2,
    "way",
    Columns("demand_response", ("unserved_kw",), part=("way",), group=("carrier",), how="energy"),
    "carrier",
    "positive",
)

PLANNING = Reported(
    (
        Figure("cost", "generation cost", "$"),
        Figure("emission_cost", "emission cost", "$"),
        Figure("loss_kwh", "losses", "kWh", 1),
        _GAP,
        Figure("upstream_kwh", "upstream import", "kWh", 1),
        Figure("feeder_loss_kwh", "losses with the feeder's loads", "kWh", 1),
        Figure("v_min_pu", "least voltage", "pu", 4),
    ),
    own=_planning_figures,
)

OPTIMUM = Reported(
    (
        _COST,
        Figure("emission_kg", "emission", "kg", 1, Told("emission_kg")),
        Figure("gap", "gap", "", 5, Told("gap")),
        *(_unserved(carrier) for carrier in CARRIERS),
        _from_grid(),
        Figure("kept_share", "share of what plants make that is not exported", "", 3, _kept()),
    ),
    (
        Breakdown(
            "money",
            "money by reason: paid, or earned by sales and by what a job or a store is worth",
            "{currency}",
            2,
            "reason",
            Columns("accounts", ("amount",), part=("reason",)),
        ),
    ),
)

MARKET = Reported(
    (
        Figure("cost", "cost of all homes together", "{currency}"),
        Figure("surplus", "what all earn together beyond each alone", "{currency}"),
        _GAP,
        Figure(
            "backstop_kwh",
            "electricity and heat from nowhere, all structures",
            "kWh",
            2,
            Columns("dispatch", ("p_kw", "heat_kw"), where=_BACKSTOP, how="energy"),
        ),
    ),
    (
        Breakdown(
            "income",
            "income of all homes by structure",
            "{currency}",
            2,
            "structure",
            Columns("income", ("total",), part=("way",), but=_NO_RETAILER, whole="home"),
            counted="most",
        ),
        Breakdown(
            "income_of_home",
            "income of a home by structure",
            "{currency}",
            2,
            "structure",
            Columns("income", ("total",), part=("way",), group=("home",), but=_NO_RETAILER),
            "home",
            "most",
        ),
        Breakdown(
            "price",
            "mean price at which homes settle",
            "{currency}/kWh",
            4,
            "structure",
            Columns("mcp", ("price_per_kwh",), part=("way",), group=("carrier",), how="mean"),
            "carrier",
        ),
        _UNSERVED_BY_WAY,
        Breakdown(
            "backstop",
            "electricity and heat from nowhere",
            "kWh",
            2,
            "structure",
            Columns("dispatch", ("p_kw", "heat_kw"), ("way",), where=_BACKSTOP, how="energy"),
            counted="positive",
        ),
    ),
    _market_figures,
)

BUILDING = Reported(
    (
        Figure("cost", "cost as a coalition", "{currency}", 2, Told("coalition.cost")),
        Figure("alone_cost", "cost of everyone alone", "{currency}", 2, Told("alone.cost")),
        Figure(
            "saved", "what sharing saves", "{currency}", 2, Told("alone.cost", "coalition.cost")
        ),
        Figure(
            "optimum_cost", "cost of the optimum", "{currency}", 2, Told("optimum.coalition.cost")
        ),
        Figure("grid_kwh", "from the grid", "kWh", 1, Told("coalition.grid_kwh")),
        *(
            Figure(
                f"unserved_{carrier}_kwh",
                f"unserved {carrier} as a coalition",
                "kWh",
                2,
                Told(f"coalition.{carrier}_unserved_kwh"),
            )
            for carrier in CARRIERS
        ),
        Figure(
            "traded_share", "share of surplus electricity that other units take", "", 3, _TRADED
        ),
        Figure("gap", "gap of the optimum", "{currency}", 4, Told("optimum.coalition.gap")),
    ),
    (
        Breakdown(
            "gain",
            "what a unit saves by sharing",
            "{currency}",
            2,
            "unit",
            Told("units.*.alone", "units.*.coalition"),
            counted="positive",
        ),
        _UNSERVED_BY_WAY,
    ),
)

RESPONSE = Reported(
    (
        Figure("cost", "cost (the profit with a minus)", "{currency}"),
        Figure("emission_kg", "emission", "kg", 1, Told("emission_kg.exact")),
        Figure(
            "under_emax_share",
            "share of hours within Emax",
            "",
            3,
            Told("share_under_emax.exact.total"),
        ),
        *(_unserved(carrier, **_EXACT) for carrier in CARRIERS),
        _from_grid(**_EXACT),
        Figure("gap", "gap", "", 5, Told("methods.exact.gap_mean")),
    ),
    (
        Breakdown(
            "profit",
            "profit by method",
            "{currency}",
            2,
            "method",
            Told("methods.*.profit_mean"),
            counted="most",
        ),
        Breakdown("emission", "emission by method", "kg", 1, "method", Told("emission_kg.*")),
        Breakdown(
            "under_emax",
            "share of hours within Emax, by method and home",
            "",
            3,
            "method and home",
            Told("share_under_emax.*.homes.*.total"),
        ),
        Breakdown(
            "price",
            "mean price, and mean of the least and the greatest that clear",
            "{currency}/kWh",
            4,
            "price",
            Columns("mcp", group=("way", "carrier"), each=_BAND, how="mean"),
            "method and carrier",
        ),
        Breakdown(
            "unserved",
            "unserved energy by kind of device",
            "kWh",
            2,
            "device",
            Columns(
                "dispatch",
                ("unserved_kw",),
                part=("kind",),
                group=("way",),
                where=_LOADS,
                how="energy",
            ),
            "method",
            "positive",
        ),
        Breakdown(
            "rejected",
            "energy of bids that the market rejects, by method and appliance",
            "kWh",
            2,
            "method and appliance",
            Told("market.*.rejected_kwh.*"),
            counted="positive",
        ),
    ),
    _response_figures,
)

HOLD = Reported(
    (
        Figure("cost", "total of the plan's point", "$"),
        Figure("least_cost", "least total with the plan's switches", "$"),
        Figure("own_cost", "least total with switches of its own", "$"),
        Figure("unserved_kwh", "unserved load", "kWh", 2),
        Figure("broken_before_response", "limits broken before Levels 5, 6 respond", "", 0),
        Figure("broken_limits", "limits broken after Levels 5, 6 respond", "", 0),
        Figure("v_min_pu", "least voltage after Levels 5, 6 respond", "pu", 4),
    ),
    own=_hold_figures,
)

"""The page of a run: one self-contained HTML file that opens without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from cmgplan.report import figures
from cmgplan.report.tables import Tables

Row = tuple[str, Sequence[str]]

NONE = "\N{EN DASH}"

_WINDOWS = (
    ("grid", "Window 1: connection to the feeder"),
    ("microgrid", "Window 2: ties inside the clusters"),
    ("cluster", "Window 3: ties between clusters"),
)
_LOSS = "loss_kwh"
_TOTALS = (
    ("Generation cost, $", "gc_usd", 2),
    ("Emission cost, $", "ec_usd", 2),
    ("Losses, kWh", _LOSS, 3),
    ("Upstream import, kWh", "upstream_kwh", 1),
    ("Least voltage, pu", "v_min_pu", 4),
)
_PARETO = (
    ("gc_usd", 2),
    ("ec_usd", 2),
    (_LOSS, 3),
    ("mu_gc", 3),
    ("mu_ec", 3),
    ("mu_loss", 3),
    ("mu_min", 4),
    ("bound_ec_usd", 2),
    ("gap", 4),
)


def render_page(summary: Mapping[str, Any], tables: Tables) -> str:
    """Return the page of a run from the content of plan.json and its tables."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cmgplan.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja").render(
        case=summary["case"],
        versions=summary.get("versions") or {},
        status=_status(summary),
        totals=_totals(summary),
        levels=[_level(level) for level in summary.get("levels") or []],
        pareto=_pareto(tables),
        certificate=_get(summary, "certificate", "statement") or "",
        charts=_charts(tables),
        plotly_js=Markup(get_plotlyjs()),  # noqa: S704 - the library's own code
    )


def _charts(tables: Tables) -> list[tuple[str, Markup]]:
    """Return title and drawing of every figure that has something to show."""
    drawn: list[tuple[str, go.Figure | None]] = [
        ("Pareto front of the lower level", figures.pareto_front(tables)),
        *((title, figures.switch_schedule(tables, kind)) for kind, title in _WINDOWS),
        ("Voltage profile at the peak hour", figures.voltage_profile(tables)),
        ("Losses by hour", figures.losses(tables)),
        ("Exchange with the upstream grid", figures.upstream(tables)),
        ("Unserved demand by level", figures.shortage(tables)),
        ("Demand response of the microgrids", figures.demand_response(tables)),
        ("State of charge", figures.state_of_charge(tables)),
    ]
    return [
        (title, _html(figure, f"chart-{k}"))
        for k, (title, figure) in enumerate(drawn)
        if figure is not None
    ]


def _html(figure: go.Figure, name: str) -> Markup:
    """Return a figure as HTML; the library escapes its data itself."""
    figure.update_layout(
        template="plotly_white",
        margin={"l": 60, "r": 20, "t": 20, "b": 45},
        legend={"orientation": "h", "y": 1.08},
    )
    html = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        default_height="420px",
        config={"displaylogo": False, "responsive": True},
    )
    return Markup(html)  # noqa: S704


def _status(summary: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Return name, text and whether all is well, for the line at the top."""
    passed = _get(summary, "replay", "passed")
    gap = _get(summary, "certificate", "worst_gap")
    wanted = _get(summary, "options", "gap")
    absolute = bool(_get(summary, "certificate", "absolute"))
    selected = summary.get("selected") or {}
    upper = str(_get(summary, "upper", "status") or "not solved")
    told = "not known" if gap is None else (f"{gap:.3g} $" if absolute else f"{100 * gap:.2f} %")
    return [
        ("Replay", "passed" if passed else "FAILED", bool(passed)),
        ("Worst gap", told, gap is not None and (wanted is None or gap <= wanted)),
        ("Upper level", upper, upper in {"optimal", "local optimum"}),
        ("Selected", f"point {selected.get('point')} ({selected.get('rule')})", True),
    ]


def _totals(summary: Mapping[str, Any]) -> list[Row]:
    """Return the totals of the four situations, one row for each quantity."""
    upper = summary.get("upper") or {}
    columns = (
        summary.get("selected") or {},
        upper,
        upper.get("without_cmg") or {},
        upper.get("without_microgrid_loads") or {},
    )
    return [
        (name, [_number(column.get(key), digits) for column in columns])
        for name, key, digits in _TOTALS
    ]


def _level(level: Mapping[str, Any]) -> Row:
    """Return a lower level's number and cells."""
    allowed = level.get("switch_hours_allowed") or {}
    return str(level.get("level")), [
        str(level.get("status") or NONE),
        *(_number(level.get(key), 2) for key in ("gc_usd", "ec_usd")),
        *(_number(level.get(key), 2) for key in ("unserved_kwh", "surplus_kwh")),
        ", ".join(map(str, level.get("short_microgrids") or [])) or NONE,
        ", ".join(map(str, level.get("short_hours") or [])) or NONE,
        ", ".join(f"{kind} {hours}" for kind, hours in allowed.items()) or NONE,
    ]


def _pareto(tables: Tables) -> list[tuple[bool, str, str, list[str]]]:
    """Return selected, point, status and numbers of every row of the front."""
    return [
        (
            row["selected"] == 1,
            str(row["point"]),
            str(row["status"]),
            [_number(row[name], digits) for name, digits in _PARETO],
        )
        for row in tables["pareto"].to_dict("records")
    ]


def _get(summary: Mapping[str, Any], section: str, key: str) -> Any:
    """Return a value of a section, or None where either is missing."""
    return (summary.get(section) or {}).get(key)


def _number(value: float | None, digits: int) -> str:
    """Return a number with a true minus sign, or a dash where there is none."""
    if value is None or value != value:
        return NONE
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")

"""Sections of a page about uncertainty: orthogonal arrays against samples, a day replanned."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from cmgplan.homes.report.figures.view import drawn
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Chart, Note, Section
from cmgplan.page.style import BLACK, BLUE, ORANGE, label
from cmgplan.page.wording import amount, counted, in_intervals, named
from cmgplan.response.report.overview import percent
from cmgplan.response.report.run_record import ToatRecord
from cmgplan.response.report.view import ResponseView

DESIGNS = {"normal": "random samples", "latin": "Latin hypercube"}


def uncertainty(view: ResponseView) -> tuple[Section, ...]:
    """Return what was asked of uncertainty; nothing where nothing was."""
    parts: list[Chart | DataTable | Note] = []
    if (toat := view.record.toat) is not None:
        parts += [
            Chart("toat", "Profit under uncertainty", _sentence(view, toat), _runs(view, toat)),
            _errors(view, toat),
        ]
    if view.record.rolling is not None:
        parts.append(_foresight(view))
    return (Section("uncertainty", "Uncertainty", tuple(parts)),) if parts else ()


def _sentence(view: ResponseView, toat: ToatRecord) -> str:
    unit, exact, plan = view.record.currency, toat.exact, toat.plan
    factors = named([f"{f.quantity} {percent(f.sd, 0)}" for f in exact.factors])
    nominal = view.record.methods["exact"].profit.total
    text = (
        f"{exact.array}, {counted(exact.runs, 'run')}; standard deviations: {factors}. Planned "
        f"knowing each run the profit is {amount(exact.mean, unit)} on the mean, deviation "
        f"{amount(exact.sd, unit)} (as forecast {amount(nominal, unit)}); with the one plan of the "
        f"exact answer {amount(plan.mean, unit)}, deviation {amount(plan.sd, unit)}. Assumed: "
        f"{exact.correlation}; with hours that deviate by themselves the spread is smaller."
    )
    return in_intervals(text, view.first.dt_h)


def _runs(view: ResponseView, toat: ToatRecord) -> go.Figure:
    """Return profits of the runs of the array, planned anew and with one plan."""
    unit, figure = label(view.record.currency), go.Figure()
    looks = (("planned knowing the run", toat.exact, BLACK), ("one plan", toat.plan, BLUE))
    for name, told, colour in looks:
        figure.add_bar(
            x=list(range(1, told.runs + 1)),
            y=[round(result, 4) for result in told.results],
            name=name,
            marker={"color": colour},
            hovertemplate=f"run %{{x}}: %{{y:.2f}} {unit}<extra>{name}</extra>",
        )
    sample, ends = toat.reference, [0.5, toat.plan.runs + 0.5]
    for shift, dash in ((0.0, "solid"), (-sample.sd, "dot"), (sample.sd, "dot")):
        figure.add_scatter(
            x=ends,
            y=[round(sample.mean + shift, 4)] * 2,
            name="one plan, samples: mean, one deviation around",
            showlegend=shift == 0.0,
            mode="lines",
            line={"color": ORANGE, "dash": dash, "width": 2},
            hovertemplate=f"%{{y:.2f}} {unit}<extra>samples</extra>",
        )
    axis = {"title": {"text": f"run of {toat.exact.array}"}, "dtick": 1}
    return drawn(
        figure, 360, barmode="group", xaxis=axis, yaxis={"title": {"text": f"profit, {unit}"}}
    )


def _errors(view: ResponseView, toat: ToatRecord) -> DataTable:
    """Return how far the array and samples of its size are from a large sample."""
    records: list[dict[str, Any]] = [
        {
            "design": DESIGNS.get(name, name),
            "runs": toat.plan.runs,
            "mean": error,
            "sd": 100.0 * toat.sd_error[name],
        }
        for name, error in toat.mean_error.items()
    ]
    columns = (
        Column("design", "Design"),
        Column("runs", "Runs", 0),
        Column("mean", f"Error of the mean, {view.record.currency}", 3),
        Column("sd", "Error of the deviation, %", 1),
    )
    sample = toat.reference
    caption = (
        f"The one plan against {counted(sample.runs, 'random sample')} (mean "
        f"{amount(sample.mean, view.record.currency)}, deviation "
        f"{amount(sample.sd, view.record.currency)}); of random designs the root mean square"
    )
    return data_table("toat_errors", caption, columns, records)


def _foresight(view: ResponseView) -> Note:
    """Say what a drawn day came to with more and less of it known."""
    told, unit = view.record.rolling, view.record.currency
    if told is None:
        return Note("Foresight", ())
    sentences = [
        f"On a day drawn around the forecast (seed {told.seed}) the plan of the forecast earns "
        f"{amount(told.once, unit)}, planning anew every hour with {counted(told.ahead_h, 'hour')} "
        f"known earns {amount(told.rolled, unit)}, and knowing the whole day "
        f"{amount(told.perfect, unit)}: foresight would have been worth "
        f"{amount(told.worth, unit)}."
    ]
    if told.recovered is not None:
        sentences.append(f"Planning anew recovers {percent(told.recovered, 0)} of that.")
    return Note("Foresight", tuple(in_intervals(s, view.first.dt_h) for s in sentences))

"""Sections of a building's page about its feeder: voltages by scenario, and faults of lines."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.building.report import feeder_figures as figures
from cmgplan.building.report.run_record import FaultRecord, FeederScenario
from cmgplan.building.report.view import BuildingView
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Chart, Section
from cmgplan.page.style import label
from cmgplan.page.wording import amount, counted, in_hours, in_intervals, number
from cmgplan.run.tables import Tables


def feeder(view: BuildingView, tables: Tables) -> tuple[Section, ...]:
    """Return the feeder's voltages and its faults; nothing where there are no buildings on one."""
    told, case = view.record.feeder, view.case
    network = case.file.network
    if not told or network is None or "feeder" not in tables:
        return ()
    dt_h = case.dt_h
    charts = (
        Chart(
            "voltages",
            in_intervals("Voltage by bus and scenario, at its least and by hour", dt_h),
            f"{_lowest(told)} The dotted line is the case's least voltage.",
            figures.voltages(tables["feeder"], network.v_min_pu, dt_h),
        ),
        Chart(
            "deviation",
            in_intervals("Voltage deviation by hour and scenario", dt_h),
            _deviation(told),
            figures.deviations(told, case.hours, dt_h),
        ),
    )
    found = [Section("feeder", "On the feeder", (*charts, _scenarios(view)))]
    if view.record.faults:
        found.append(_faults(view.record.faults))
    return tuple(found)


def feeder_warnings(view: BuildingView) -> Iterator[str]:
    """Yield what of the feeder could not be computed, and is therefore not counted."""
    dt_h = view.case.dt_h
    for told in view.record.feeder:
        if told.not_converged:
            hours = in_intervals(in_hours(told.not_converged), dt_h)
            name = label(told.scenario)
            yield f"Scenario {name}: the feeder has no power flow in {hours}; they are not counted."
    for fault in view.record.faults:
        for scenario in fault.scenarios:
            if scenario.not_converged:
                hours = in_intervals(in_hours(scenario.not_converged), dt_h)
                what = f"{figures.name_of(fault)}, scenario {label(scenario.scenario)}"
                yield f"{what}: what is left of the feeder has no power flow in {hours}."


def _lowest(told: list[FeederScenario]) -> str:
    """Say which scenario's voltage falls lowest, and where."""
    solved = [s for s in told if s.v_min_pu is not None]
    if not solved:
        return "No power flow was found."
    worst = min(solved, key=lambda s: s.v_min_pu or 0.0)
    best = max(solved, key=lambda s: s.v_min_pu or 0.0)
    text = f"Scenario {label(worst.scenario)} falls lowest, to {number(worst.v_min_pu, 4)} pu"
    text += f" at bus {label(worst.v_min_bus)} in hour {worst.v_min_hour}"
    if best is worst:
        return f"{text}."
    return f"{text}; scenario {label(best.scenario)} to {number(best.v_min_pu, 4)} pu at the least."


def _deviation(told: list[FeederScenario]) -> str:
    """Say by how much more other scenarios deviate than the best of each number of buildings."""
    lines = []
    for mine in told:
        others = [
            f"scenario {label(other)} {number(100.0 * share, 1)}\N{NO-BREAK SPACE}%"
            for other, share in mine.improvement.items()
        ]
        if others:
            lines.append(f"{' and '.join(others)} more than scenario {label(mine.scenario)}")
    if not lines:
        return "The sum over all buses of how far their voltages are from 1 pu."
    return f"Deviation over the day: {'; '.join(lines)}."


def _scenarios(view: BuildingView) -> DataTable:
    """Return what each scenario comes to."""
    dt_h = view.case.dt_h
    records = [
        {
            **told.model_dump(),
            "v_min_hour": "" if told.v_min_hour is None else str(told.v_min_hour),
            "low": _hours(told.hours_under_limit, dt_h),
            "none": _hours(told.not_converged, dt_h),
        }
        for told in view.record.feeder
    ]
    columns = (
        Column("scenario", "Scenario"),
        Column("coalition", "Coalition", 0),
        Column("alone", "Alone", 0),
        Column("grid", "Grid alone", 0),
        Column("deviation_pu", "Deviation, pu", 3),
        Column("deviation_printed_pu", "As printed, pu", 3),
        Column("v_min_pu", "Least voltage, pu", 4),
        Column("v_min_bus", "At bus"),
        Column("v_min_hour", in_intervals("In hour", dt_h)),
        Column("low", "Under the limit"),
        Column("loss_kwh", "Losses, kWh", 1),
        Column("none", "No power flow"),
    )
    caption = "Buildings of each kind on every bus, and the feeder over the day"
    return data_table("scenarios", caption, columns, records)


def _hours(hours: list[int], dt_h: float) -> str:
    """Return hours as words, a dash without any."""
    return in_intervals(in_hours(hours), dt_h) if hours else "never"


def _faults(faults: list[FaultRecord]) -> Section:
    """Return supply during faults."""
    records = [
        {
            "fault": figures.name_of(fault),
            "scenario": told.scenario,
            **told.total.model_dump(),
            "v_min_pu": told.v_min_pu,
            "limit": "under the limit" if told.under_limit else "kept",
        }
        for fault in faults
        for told in fault.scenarios
    ]
    columns = (
        Column("fault", "Fault"),
        Column("scenario", "Scenario"),
        Column("ens_chp_kwh", "Not supplied, CHPs alone, kWh", 2),
        Column("ens_kwh", "With cars and batteries, kWh", 2),
        Column("nodc_chp", "Dissatisfied, CHPs alone", 0),
        Column("nodc", "With cars and batteries", 0),
        Column("customers_chp", "Customers, CHPs alone", 0),
        Column("customers", "With cars and batteries", 0),
        Column("v_min_pu", "Least voltage served, pu", 4),
        Column("limit", "Voltage"),
    )
    caption = (
        "Supply during faults: dissatisfied customers as the publication counts them, a unit once "
        "in every interval; customers count each unit once"
    )
    chart = Chart(
        "not_supplied",
        "Energy not supplied by scenario and kind of building",
        _fault_sentence(faults),
        figures.not_supplied(faults),
    )
    table = data_table("faults", caption, columns, records)
    return Section("faults", "Faults of lines", (chart, table))


def _fault_sentence(faults: list[FaultRecord]) -> str:
    """Say what each fault cuts off, and which scenarios lack least and most."""
    told = []
    for fault in faults:
        buses = [bus for group in fault.cut_off.values() for bus in group]
        begins, ends = fault.hours
        until = begins + fault.close_after_h if fault.close_after_h is not None else ends
        cut = f"{counted(len(buses), 'bus', 'buses')} cut off for {number(until - begins, 1)} h"
        text = f"{figures.name_of(fault)}: {cut}"
        ranked = sorted(fault.scenarios, key=lambda scenario: scenario.total.ens_chp_kwh)
        parts = [
            f"scenario {label(s.scenario)} lacks {word} ({amount(s.total.ens_chp_kwh, 'kWh')})"
            for s, word in ((ranked[0], "least"), (ranked[-1], "most"))
        ]
        told.append(
            f"{text}; with CHPs alone {' and '.join(parts if len(ranked) > 1 else parts[:1])}"
        )
    return f"{'. '.join(f'{line[0].upper()}{line[1:]}' for line in told)}."

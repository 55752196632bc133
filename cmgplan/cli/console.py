"""What the command line shows: messages, progress and tables. No mathematics."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # the planner takes seconds to import
    from pandas import DataFrame

    from cmgplan.building.report.run_record import BuildingRecord
    from cmgplan.case.bundled import BundledCase
    from cmgplan.errors import Fault
    from cmgplan.homes.optimum.read_run import OptimumRun
    from cmgplan.homes.report.compare import WrittenDays
    from cmgplan.market.report.run_record import MarketRecord
    from cmgplan.planning.proof.prove import Proved
    from cmgplan.planning.record.plan import PlanRecord
    from cmgplan.planning.report.compare.write import WrittenComparison
    from cmgplan.planning.report.export import Export
    from cmgplan.planning.report.verify import VerifyReport
    from cmgplan.progress import ProgressEvent
    from cmgplan.response.report.run_record import ResponseRecord
    from cmgplan.run.findings import CheckResult

SHOWN_TIED = 5
"""Rows that are listed of those as good as the chosen one."""

SHOWN_FINDINGS = 5
"""Findings that are listed of each failed check."""

SHOWN_BINDING = 12
"""Binding limits that are listed of an optimal power flow."""

LONG_S = 5.0
"""Seconds from which an optimal power flow tells what it is doing."""

REMIND_S = 30.0
"""Seconds after which it tells so again where nobody sees a terminal."""
VERDICTS = ("stands", "not reached", "FAILED")
"""What can become of a printed bound that is proved again."""

NONE = "-"

SHOWN_FAULTS = 5
"""Lines whose faults are listed, those of greatest SAIDI first."""

SHOWN_BESIDE = 3
"""Days of a comparison that stand side by side."""

QUANTITIES_BESIDE = 5
"""Quantities of a comparison in which each day has a row."""

LEAST_SHOWN = 0.005
"""Quantity under which none is shown."""

HOMES_BESIDE = 4
"""Homes whose incomes stand beside those of the groups."""

SHOWN_HOMES = 8
"""Homes whose incomes are listed."""

_TEXT = TextColumn("{task.description}", markup=False)


def plain(text: str) -> str:
    """Return text without the control characters that a terminal would obey."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def say(text: str = "") -> None:
    """Print a line of a command's result."""
    typer.echo(plain(text))


def warn(text: str) -> None:
    """Print a line to the error stream."""
    typer.echo(plain(text), err=True)


@contextmanager
def progress_shown(quiet: bool) -> Iterator[Callable[[ProgressEvent], None]]:
    """Give a function that tells progress on the error stream.

    A bar on a terminal, elsewhere one line for each step and, every ``REMIND_S`` of a long one,
    another with what it has reached; nothing when quiet.
    """
    if quiet:
        yield lambda event: None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_a_step()
        return
    columns = (SpinnerColumn(), _TEXT, BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def show(event: ProgressEvent) -> None:
            bar.update(task, description=plain(str(event)), completed=event.fraction)

        yield show


def _line_a_step() -> Callable[[ProgressEvent], None]:
    """Return a function that prints a step when it begins, and no line twice."""
    step: object = None
    said: set[str] = set()
    last_s = 0.0

    def tell(event: ProgressEvent) -> None:
        nonlocal step, last_s
        now_s, line = time.monotonic(), str(event)
        if line not in said and (event.step != step or now_s >= last_s + REMIND_S):
            warn(line)
            said.add(line)
            last_s = now_s
        step = event.step

    return tell


@contextmanager
def seconds_shown(limit_s: float, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Give a function that takes what is being done and the seconds since the beginning.

    Nothing is shown before ``LONG_S``. Then a terminal shows what is being done; elsewhere each
    thing that is begun gets a line, and another every ``REMIND_S``.
    """
    console = Console(stderr=True)
    if quiet:
        yield lambda what, seconds: None
    elif console.is_terminal:
        with Progress(SpinnerColumn(), _TEXT, console=console, transient=True) as bar:
            task = bar.add_task("", visible=False)

            def show(what: str, seconds: float) -> None:
                line = plain(_seconds_line(what, seconds, limit_s))
                bar.update(task, description=line, visible=seconds >= LONG_S)

            yield show
    else:
        last: tuple[str, float] = ("", 0.0)

        def tell(what: str, seconds: float) -> None:
            nonlocal last
            if seconds >= LONG_S and (what != last[0] or seconds >= last[1] + REMIND_S):
                warn(_seconds_line(what, seconds, limit_s))
                last = (what, seconds)

        yield tell


def _seconds_line(what: str, seconds: float, limit_s: float) -> str:
    return f"{seconds:.0f} s of {limit_s:g} s: {what}"


def print_plan(summary: PlanRecord, told: Sequence[str] = ()) -> None:
    """Print what a plan chose, what the feeder gains, and whether it was confirmed.

    Notes that were ``told`` before are not told again.
    """
    upper, selected = summary.upper, summary.selected
    columns = (selected.by_objective(), upper.totals(), upper.without_cmg.totals())
    table = _table("", "microgrids", "feeder with", "without DER")
    for name, key, digits in (
        ("generation cost, $", "gc_usd", 2),
        ("emission cost, $", "ec_usd", 2),
        ("losses, kWh", "loss_kwh", 3),
        ("upstream import, kWh", "upstream_kwh", 1),
        ("least voltage, pu", "v_min_pu", 4),
    ):
        table.add_row(name, *(_number(column.get(key), digits) for column in columns))
    say(f"selected: point {selected.point} ({selected.rule})")
    _print(table)
    say(summary.certificate.statement)
    for note in summary.notes:
        if note not in told:
            say(f"note: {note}")
    for point in summary.certificate.points:
        for sentence in point.explanation:
            say(f"point {point.point}, {point.status}: {sentence}")


def print_choice(rows: Sequence[Mapping[str, float] | None], chosen: Mapping[str, Any]) -> None:
    """Print the memberships of all rows of a table, and the chosen row."""
    names = list(next(row for row in rows if row is not None))
    table = _table("row", *names, "least")
    for k, row in enumerate(rows, start=1):
        cells = [None] * (len(names) + 1) if row is None else [*row.values(), min(row.values())]
        mark = " *" if k == chosen["selected"]["row"] else ""
        table.add_row(f"{k}{mark}", *(_number(cell, 4) for cell in cells))
    _print(table)
    say(f"selected: row {chosen['selected']['row']}, least membership {chosen['mu_min']:.4f}")
    if tied := chosen["tied"]:
        rest = len(tied) - SHOWN_TIED
        named = ", ".join(str(row) for row in tied[:SHOWN_TIED])
        named += f" and {rest} more" if rest > 0 else ""
        which = f"row {named} has" if len(tied) == 1 else f"rows {named} have"
        say(f"tied: {which} the same least membership")


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
        table = _table("", "", "")
        table.add_row("cost, $" if several else "cost, $/h", _number(summary["objective"], 4))
        table.add_row("lower bound", _number(summary["bound"], 4), shown)
        name = "losses, mean MW" if several else "losses, MW"
        table.add_row(name, _number(summary["loss_mw"], 6))
        table.add_row("least voltage, pu", _number(summary["v_min_pu"], 6), where)
        table.add_row("replay, largest difference, pu", NONE if dv is None else f"{dv:.1e}")
        table.add_row("iterations", _number(summary["iterations"], 0))
        _print(table)
        _print_binding(summary["binding"])
    wall = summary["wall_s"]
    say(", ".join(f"{name} {wall[name]:.3f} s" for name in ("build", "compile", "solve")))


def _print_binding(binding: Sequence[str]) -> None:
    if not binding:
        say("no limit binds")
        return
    say(f"{len(binding)} limit{'s bind' if len(binding) != 1 else ' binds'}")
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
    table = _table("", "")
    for name, key in (
        ("energy lost as given, kWh", "given_loss_kwh"),
        ("energy lost, kWh", "loss_kwh"),
        ("lower bound, kWh", "bound_kwh"),
    ):
        table.add_row(name, _number(summary[key], 4))
    table.add_row("least voltage, pu", _number(min(summary["v_min_pu"]), 4))
    table.add_row("operations between blocks", str(summary["operations"]))
    table.add_row("replay, largest difference, pu", f"{summary['replay_max_dv_pu']:.1e}")
    _print(table)
    for block in summary["blocks"]:
        pairs = zip(block["open"], block["open_rows"], strict=True)
        opened = ", ".join(f"{one}-{other} (row {row})" for (one, other), row in pairs)
        hours = f"hours {block['from_hour']} to {block['to_hour']}"
        say(f"{hours}: {_number(block['loss_kwh'], 4)} kWh; open: {opened or 'none'}")
    gap = f"gap {100.0 * summary['gap']:.4f} %"
    say(f"{summary['status']}, {gap}; {summary['wall_s']:.1f} s")


def print_reconfiguration(summary: Mapping[str, Any]) -> None:
    """Print a radial configuration, its loss and how far it is proven."""
    table = _table("", "")
    for name, key, digits in (
        ("loss as given, kW", "given_loss_kw", 4),
        ("loss, kW", "loss_kw", 4),
        ("lower bound, kW", "bound_kw", 4),
        ("least voltage, pu", "v_min_pu", 4),
    ):
        table.add_row(name, _number(summary[key], digits))
    table.add_row("replay, largest difference, pu", f"{summary['replay_max_dv_pu']:.1e}")
    _print(table)
    opened = [f"{one}-{other}" for one, other in summary["open"]]
    rows = zip(opened, summary["open_rows"], strict=True)
    say("open: " + (", ".join(f"{name} (row {row})" for name, row in rows) or "none"))
    gap = f"gap {100.0 * summary['gap']:.4f} %"
    say(f"{summary['status']}, {gap}; {summary['wall_s']:.1f} s")


def print_restoration(summary: Mapping[str, Any]) -> None:
    """Print what is shed after a fault, and which switches are open then."""
    table = _table("", "")
    for name, key, digits in (
        ("load shed, kW", "shed_kw", 3),
        ("at buses that nothing reaches, kW", "isolated_kw", 3),
        ("lower bound, kW", "bound_kw", 3),
        ("operations", "operations", 0),
        ("least voltage, pu", "v_min_pu", 4),
    ):
        table.add_row(name, _number(summary[key], digits))
    _print(table)
    pairs = zip(summary["open"], summary["open_rows"], strict=True)
    say("open: " + ", ".join(f"{one}-{other} (row {row})" for (one, other), row in pairs))
    say(f"{summary['status']}; {summary['wall_s']:.1f} s")


def print_reliability(summary: Mapping[str, Any]) -> None:
    """Print the indices of a feeder and the lines whose faults cost most."""
    table = _table("", "")
    for name, key, digits in (
        ("SAIFI, interruptions a year", "saifi", 6),
        ("SAIDI, h a year", "saidi_h", 6),
        ("CAIDI, h", "caidi_h", 6),
        ("ASAI", "asai", 8),
        ("EENS, MWh a year", "eens_mwh", 4),
        ("AENS, kWh a year", "aens_kwh", 4),
    ):
        table.add_row(name, _number(summary[key], digits))
    _print(table)
    worst = sorted(summary["faults"], key=lambda fault: -float(fault["saidi_h"]))[:SHOWN_FAULTS]
    table = _table("faults of line", "SAIDI, h", "EENS, MWh")
    for fault in worst:
        cells = (_number(fault[key], 4) for key in ("saidi_h", "eens_mwh"))
        table.add_row(str(fault["line"]), *cells)
    _print(table)
    if not summary["additions"]:
        return
    table = _table("one more", "saves SAIDI, h", "SAIFI", "EENS, MWh")
    for one in summary["additions"]:
        where = f"{one['from_bus']}-{one['to_bus']}"
        if one["line"] is not None:
            where = f"{one['line']} ({where}) at its {one['end']} end"
        keys = ("saidi_saved_h", "saifi_saved", "eens_saved_mwh")
        table.add_row(f"{one['kind']} {where}", *(_number(one[key], 4) for key in keys))
    _print(table)


def print_cases(cases: Sequence[BundledCase]) -> None:
    """Print name, system and title of each bundled case, and where they lie."""
    if not cases:
        warn("no case is bundled with this installation")
        return
    width = max(len(case.name) for case in cases)
    kind = max(len(case.system) for case in cases)
    for case in cases:
        say(f"{case.name:{width}}  {case.system:{kind}}  {case.title}")
    say(f"in {cases[0].folder.parent}")


def print_faults(faults: Sequence[Fault], head: str = "") -> None:
    """Print faults grouped by file, errors before warnings; ``head`` says who finds them."""
    for severity in ("error", "warning"):
        of_kind = [fault for fault in faults if fault.severity == severity]
        if not of_kind:
            continue
        say(f"{head}{len(of_kind)} {severity}{'s' if len(of_kind) != 1 else ''}")
        for file in dict.fromkeys(fault.file for fault in of_kind):
            say(f"  {file}")
            for fault in (fault for fault in of_kind if fault.file == file):
                where = f"{fault.where}: " if fault.where else ""
                say(f"    {where}{fault.message}; {fault.mend}")


def print_export(export: Export) -> None:
    """Print what an export holds, and how far pandapower's solution is from the run."""
    networks = [name for name in export.files if name.startswith("pandapower/")]
    if networks:
        say(f"{networks[0]} to {networks[-1]}: {len(networks)} pandapower networks, {export.level}")
        say(
            f"  solved by pandapower: voltages within {export.max_dv_pu:.2g} pu of the run, "
            f"losses within {export.max_dloss_kw:.2g} kW"
        )
    for name, what in export.files.items():
        if name not in networks:
            say(f"{name}: {what}")
    say(f"export: {export.folder}")


def print_comparison(written: WrittenComparison) -> None:
    """Print the totals of the runs, what they differ by, and what that says."""
    heads = list(written.names)
    for name in written.names[1:]:
        heads += [f"difference, {name}" if len(heads) > 2 else "difference", "which is"]
    table = _table("", *heads)
    for total in written.totals:
        digits = total.quantity.digits
        cells = [_number(value, digits) for value in total.values]
        for d in total.differences:
            amount = 0.0 if d.verdict == "same" else d.amount
            cells += [_number(amount, digits), d.verdict or NONE]
        table.add_row(total.quantity.title, *cells)
    _print(table)
    for note in written.notes:
        say(f"note: {note}")
    say(f"comparison: {written.folder}, page: {written.folder / 'compare.html'}")


def print_optimum(run: OptimumRun) -> None:
    """Print what an optimum costs and emits, what it is made of, and how far it is proven."""
    from cmgplan.homes.day.totals import day_totals

    record = run.record
    total = day_totals(run.tables, "optimum", record.case.dt_h)
    unserved_kwh = total.unserved_electricity_kwh + total.unserved_heat_kwh
    table = _table("", record.currency, "kWh")
    for name, money, kwh in (
        ("purchases", total.purchases, total.import_kwh),
        ("sales", 0.0 - total.sales, total.export_kwh),
        ("gas", total.gas, total.gas_kwh),
        ("load moved", total.shift, total.moved_kwh),
        ("load unserved", total.unserved, unserved_kwh),
        ("peak charge", total.peak, None),
        ("value of jobs and energy left", 0.0 - total.value, None),
        ("cost without unserved load", total.served_cost, None),
        ("cost with unserved load", record.cost, None),
    ):
        if kwh is None and money == 0.0 and not name.startswith("cost"):
            continue
        table.add_row(name, _number(money, 2), _number(kwh, 1))
    _print(table)
    say(f"emission: {record.emission_kg:,.2f} kg")
    if record.front is not None:
        say(f"front: {len(record.front)} points, selected: point {record.point} (fuzzy)")
    gap = "no bound is known" if record.gap is None else f"gap {100.0 * record.gap:.4f} %"
    say(f"{record.status}, {gap}; verified")


def print_days(written: WrittenDays) -> None:
    """Print the totals of days that were compared, and what differs.

    Few days stand side by side; of more each has a row, quantities that are nowhere left out.
    """
    totals = written.table
    names = [str(name) for name in totals.columns[2:] if not str(name).startswith("difference, ")]
    if len(names) > SHOWN_BESIDE:
        _print_days_as_rows(totals, names)
    else:
        table = _table(*("" if name == "quantity" else str(name) for name in totals.columns))
        for row in totals.itertuples(index=False, name=None):
            table.add_row(str(row[0]), str(row[1]), *(_number(value, 2) for value in row[2:]))
        _print(table)
    for note in written.notes:
        say(f"note: {note}")
    say(f"comparison: {written.folder}, page: {written.folder / 'compare.html'}")


def _print_days_as_rows(totals: DataFrame, names: Sequence[str]) -> None:
    """Print a row for each day, a few quantities at a time, so that a narrow screen holds them."""
    columns = []
    for row in totals.to_dict("records"):
        values = [float(row[name]) for name in names]
        if max(map(abs, values)) >= LEAST_SHOWN:
            columns.append((f"{row['quantity']}, {row['unit']}", values))
        if row["quantity"] == "Cost":
            more = [value - values[0] for value in values]
            columns.append((f"more than {names[0]}, {row['unit']}", more))
    for begin in range(0, len(columns), QUANTITIES_BESIDE):
        some = columns[begin : begin + QUANTITIES_BESIDE]
        table = _table("")
        for head, _ in some:
            table.add_column(Text(plain(head)), justify="right", max_width=12)
        for k, name in enumerate(names):
            table.add_row(plain(name), *(_number(values[k], 2) for _, values in some))
        if begin:
            say()
        _print(table)


def print_market(record: MarketRecord) -> None:
    """Print incomes and gap of every structure of a market."""
    ended = {"time": "time ran out", "rounds": "all rounds done"}
    homes = record.case.homes[:SHOWN_HOMES]
    few = homes if len(homes) <= HOMES_BESIDE else []
    table = _table("", *few, "leaders", "followers", "gap")
    for told in record.structures:
        gap = f"{100.0 * told.gap_share:.2f} %" if told.following else NONE
        table.add_row(
            told.structure,
            *(_number(told.income.get(home), 2) for home in few),
            _number(told.leader_income, 2),
            _number(told.follower_income if told.following else None, 2),
            gap if told.status == "optimal" else f"{gap} ({ended.get(told.stopped, told.status)})",
        )
    _print(table)
    if not few:
        table = _table("income", *homes)
        for told in record.structures:
            incomes = (_number(told.income.get(home), 2) for home in homes)
            table.add_row(told.structure, *incomes)
        say()
        _print(table)
    if (several := record.equilibrium) is not None:
        most = max(several.gain.values())
        earned = ", ".join(f"{home} {income:,.2f}" for home, income in several.income.items())
        what = "an equilibrium" if several.status == "equilibrium" else "no equilibrium found"
        say(f"{several.structure}: {what}, somebody gains up to {most:,.2f}; {earned}")
    say(f"incomes in {record.currency}, gaps as a share of the surplus; verified")


def print_feeder(record: BuildingRecord) -> None:
    """Print what the feeder's scenarios and faults come to; nothing without a feeder."""
    if not record.feeder:
        return
    table = _table("scenario", "sum of |1 - V|", "least V, pu", "at bus", "losses kWh")
    for told in record.feeder[:SHOWN_HOMES]:
        v_min = _number(told.v_min_pu, 4)
        cells = _number(told.deviation_pu, 3), v_min, plain(told.v_min_bus or NONE)
        table.add_row(plain(told.scenario), *cells, _number(told.loss_kwh, 1))
    _print(table)
    for told in record.feeder:
        if told.not_converged:
            hours = ", ".join(map(str, told.not_converged))
            say(f"scenario {told.scenario}: no power flow in hours {hours}, which do not count")
    if record.faults:
        table = _table("fault", "scenario", "kWh not supplied", "with stores", "dissatisfied")
        for fault in record.faults:
            closed = f", {', '.join(fault.close)} closed" if fault.reconfigured else ""
            for scenario in fault.scenarios[:SHOWN_HOMES]:
                total = scenario.total
                kwh = _number(total.ens_chp_kwh, 2), _number(total.ens_kwh, 2)
                name = plain(f"line {fault.line}{closed}")
                table.add_row(name, plain(scenario.scenario), *kwh, str(total.nodc_chp))
        _print(table)


def print_building(record: BuildingRecord) -> None:
    """Print totals of both ways beside the optimum, what units pay, and the stochastic days."""
    optima, table = record.optima(), _table("", "cost", "optimum", "grid kWh", "heat unserved kWh")
    for way, told in record.ways().items():
        best = optima.get(way)
        table.add_row(
            way,
            _number(told.cost, 2),
            _number(None if best is None else best.cost, 2),
            _number(told.grid_kwh, 2),
            _number(told.heat_unserved_kwh, 2),
        )
    _print(table)
    table = _table("unit", "coalition", "alone")
    shown = list(record.units.items())[:SHOWN_HOMES]
    for unit, costs in shown:
        table.add_row(unit, _number(costs.coalition, 2), _number(costs.alone, 2))
    _print(table)
    if len(shown) < len(record.units):
        say(f"and {len(record.units) - len(shown)} more units")
    losers = ", ".join(record.losers)
    say(f"pay more in the coalition than alone: {losers or 'none'}")
    if record.days:
        say(f"{len(record.days)} stochastic days, coalition against alone:")
        for key, change in record.improvements().items():
            told_change = NONE if change is None else f"{100.0 * change:.2f} % less"
            say(f"  {key}: {told_change}")
    print_feeder(record)
    what = f"costs in {record.currency}, without the value of unserved load"
    say(f"{what}; rules: {record.rules}; verified")


def print_response(record: ResponseRecord) -> None:
    """Print what every method earns, how far it stays behind, and prices and emissions."""
    table = _table("", "runs", "least", "greatest", "mean", "sd", "gap", "kg", "s")
    for name, told in record.methods.items():
        table.add_row(
            name if told.status != "feasible" else f"{name} (limit)",
            str(told.runs),
            _number(told.profit_min, 2),
            _number(told.profit_max, 2),
            _number(told.profit_mean, 2),
            _number(told.profit_sd, 2),
            f"{100.0 * told.gap_mean:.2f} %",
            _number(record.emission_kg[name], 1),
            _number(told.wall_s, 1),
        )
    _print(table)
    price = record.claims["price"]["exact"]["electricity"]
    below = f"clearing price below the forecast in {100.0 * price['below']:.0f} % of hours"
    drawn = price["drawn_below"]
    say(below if drawn is None else f"{below}, with bids at random in {100.0 * drawn:.0f} %")
    shares = record.share_under_emax["exact"]
    if shares.own is not None:
        say(
            f"own emission within Emax in {100.0 * shares.own:.0f} % of hours, with what is "
            f"bought in {100.0 * (shares.total or 0.0):.0f} %"
        )
    if (spread := record.toat) is not None:
        exact, plan = spread.exact, spread.plan
        say(
            f"under uncertainty ({exact.array}): {exact.mean:.2f}, sd {exact.sd:.2f} planned "
            f"knowing it; {plan.mean:.2f}, sd {plan.sd:.2f} with one plan"
        )
    if (rolling := record.rolling) is not None:
        say(
            f"a drawn day: {rolling.once:.2f} planned once, {rolling.rolled:.2f} replanned every "
            f"hour, {rolling.perfect:.2f} foreseen"
        )
    say(f"profit in {record.currency}, at most {record.bound:,.2f} in any day; verified")


def print_checks(checks: Sequence[CheckResult]) -> None:
    """Print every check, and the worst findings of those that fail."""
    for check in checks:
        say(f"{'ok    ' if check.passed else 'FAILED'} {check.name}")
        for finding in check.findings[:SHOWN_FINDINGS]:
            say(f"         {finding}")
        if len(check.findings) > SHOWN_FINDINGS:
            say(f"         and {len(check.findings) - SHOWN_FINDINGS} more")


def print_report(report: VerifyReport) -> None:
    """Print every check of a plan, and how far it is from the independent power flow."""
    print_checks(report.checks)
    say(
        f"replay: voltages within {report.max_dv_pu:.2g} pu, "
        f"losses within {report.max_dloss_kw:.2g} kW"
    )


def print_proved(proved: Sequence[Proved]) -> None:
    """Print what became of each printed bound, and why where it does not stand."""
    table = _table("bound", "printed", "proved again", "verdict", "s", "by")
    for bound in proved:
        cells = (f"{_number(value, 6)}" for value in (bound.printed, bound.value))
        table.add_row(
            f"{bound.what}, {bound.unit}",
            *cells,
            str(bound.verdict),
            _number(bound.wall_s, 1),
            bound.by or NONE,
        )
    _print(table)
    for bound in proved:
        if bound.reason:
            say(f"{bound.what}, {bound.verdict}: {bound.reason}")
    counts = {verdict: sum(b.verdict == verdict for b in proved) for verdict in VERDICTS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    say(f"{len(proved)} printed bounds: {told}")


def _table(*headers: str) -> Table:
    """Return an empty table, the first column to the left and numbers to the right."""
    table = Table(box=None, pad_edge=False)
    for k, header in enumerate(headers):
        table.add_column(Text(plain(header)), justify="right" if k else "left", no_wrap=True)
    return table


def _print(table: Table) -> None:
    """Print a table as wide as it is when nobody's screen limits it."""
    width = None if sys.stdout.isatty() else 200
    Console(width=width, markup=False, highlight=False).print(table)


def _number(value: float | None, digits: int) -> str:
    """Return a number, or a dash where there is none."""
    return NONE if value is None or value != value else f"{value:,.{digits}f}"

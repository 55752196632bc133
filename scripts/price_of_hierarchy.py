"""What islanding first and radial operation cost: fronts at the same caps, point by point.

The front of the plan (`levels`, radial) sets the caps on cost and losses. At each of them least
emission is asked again with every switch free (`joint`), with loops allowed (`meshed`), and with
both. The price is the plan's emission less theirs. Each optimum lies between a proven bound and a
held value, so that the price lies between the plan's bound less their value and the plan's value
less their bound; where every schedule of the plan is one of theirs it is not negative either.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from price_figure import Curve, as_figure, as_svg
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cmgplan.cli.console import plain, warn
from cmgplan.errors import CmgplanError
from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.case.records import PlanOptions
from cmgplan.planning.levels.front import solve_front, solve_point
from cmgplan.planning.levels.front_points import Front, FrontPoint
from cmgplan.planning.levels.islanded import grid_mask, solve_levels_1_to_3
from cmgplan.planning.levels.level4 import GridConnection

ROOT = Path(__file__).resolve().parents[1]

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Variant:
    """A way to plan. ``wider``: it contains every schedule of the plan.

    With loops and levels the masks come from Levels 1 to 3 with loops, which may leave other
    hours over than those of the plan: neither contains the other.
    """

    name: str
    changes: Mapping[str, object]
    wider: bool


PLAN = Variant("levels, radial", {"hierarchy": "levels", "radial": True}, False)
OTHERS = (
    Variant("joint, radial", {"hierarchy": "joint", "radial": True}, True),
    Variant("levels, meshed", {"hierarchy": "levels", "radial": False}, False),
    Variant("joint, meshed", {"hierarchy": "joint", "radial": False}, True),
)


def connected(
    case: Case, options: PlanOptions, variant: Variant, tell: Tell
) -> tuple[GridConnection, PlanOptions]:
    """Return Level 4 as a variant plans it, with its options."""
    chosen = options.model_copy(update=variant.changes)
    tell(f"{variant.name}: levels 1 to 3")
    islanded = solve_levels_1_to_3(case, chosen)
    mask = grid_mask(case, chosen, islanded[-1])

    def heard(message: str, gap: float | None) -> None:
        so_far = "" if gap is None else f", gap {100.0 * gap:.2f} %"
        tell(f"{variant.name}: {message}{so_far}")

    return GridConnection(case, chosen, build_feeder(case), mask, heard), chosen


def at_caps(
    case: Case, options: PlanOptions, variant: Variant, front: Front, tell: Tell
) -> Iterator[FrontPoint]:
    """Yield a variant's points at the caps of a front, whose schedules it may begin with."""
    connection, chosen = connected(case, options, variant, tell)
    for point in front.points:
        if point.operation is not None:
            connection.offer(point.operation.closed, point.operation.on, PLAN.name)
        yield solve_point(connection, chosen, front.payoff, point.number, point.caps)


def row_of(
    variant: Variant, point: FrontPoint, plan: FrontPoint, unit_usd: float
) -> dict[str, object]:
    """Return a variant's point beside the plan's, with the price and its interval in $.

    Where a wider variant's own answer is worse within its gap, the plan's is its answer too.
    """
    held = [point.operation, plan.operation if variant.wider else None]
    operation = min((o for o in held if o is not None), key=lambda o: o.ec_usd, default=None)
    value = None if operation is None else operation.ec_usd
    of_plan = None if plan.operation is None else plan.operation.ec_usd
    least, apart = _less(plan.bound_ec_usd, value), _less(value, point.bound_ec_usd)
    return {
        "point": point.number,
        "variant": variant.name,
        "status": str(point.status),
        "eps_gc_usd": point.caps["gc_usd"],
        "eps_loss_kwh": point.caps["loss_kwh"],
        "gc_usd": None if operation is None else operation.gc_usd,
        "ec_usd": value,
        "loss_kwh": None if operation is None else operation.loss_kwh,
        "bound_ec_usd": point.bound_ec_usd,
        "gap": None if apart is None else max(apart, 0.0) / unit_usd,
        "price_usd": _less(of_plan, value),
        "price_least_usd": max(least, 0.0) if least is not None and variant.wider else least,
        "price_most_usd": _less(of_plan, point.bound_ec_usd),
        "wall_s": point.answer.wall_s,
    }


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def compare(case: Case, options: PlanOptions, tell: Tell) -> tuple[Front, pd.DataFrame]:
    """Return the plan's front and the points of all variants at its caps."""
    connection, chosen = connected(case, options, PLAN, tell)
    front = solve_front(connection, chosen, lambda text, point, points, gap: None)
    if front.trade.minimised != "ec_usd":
        raise SystemExit(f"the price is one in emission cost, but {front.trade.note()}")
    unit_usd = 1.0 if front.absolute else front.ec_range_usd
    rows = [row_of(PLAN, point, point, unit_usd) for point in front.points]
    for variant in OTHERS:
        points = at_caps(case, options, variant, front, tell)
        rows += [
            row_of(variant, point, plan, unit_usd)
            for point, plan in zip(points, front.points, strict=True)
        ]
    table = pd.DataFrame(rows)
    of_plan = table["variant"] == PLAN.name
    table.loc[of_plan, ["price_usd", "price_least_usd", "price_most_usd"]] = None
    return front, table


def markdown(table: pd.DataFrame, unit: str) -> str:
    """Return the prices as a markdown table, a row for each point."""
    head = [
        "point",
        "cost under, $",
        "losses under, kWh",
        f"{PLAN.name}: emission, $ (gap, {unit})",
    ]
    head += [f"{variant.name}: price, $ (proven between)" for variant in OTHERS]
    lines = [head, ["---"] * len(head)]
    for number, rows in table.groupby("point", sort=True):
        named = rows.set_index("variant")
        plan = named.loc[PLAN.name]
        cells = [str(number), f"{plan['eps_gc_usd']:.1f}", f"{plan['eps_loss_kwh']:.2f}"]
        gap = _number(plan["gap"], 2, 100.0 if unit == "%" else 1.0)
        cells.append(f"{_number(plan['ec_usd'])} ({gap})")
        for variant in OTHERS:
            row = named.loc[variant.name]
            least, most = _number(row["price_least_usd"]), _number(row["price_most_usd"])
            cells.append(f"{_number(row['price_usd'])} ({least} to {most})")
        lines.append(cells)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _number(value: Any, digits: int = 2, factor: float = 1.0) -> str:
    if value is None or pd.isna(value):
        return "-"
    rounded = round(factor * value, digits) + 0.0  # a rounded -0.0 would print its sign
    return f"{rounded:.{digits}f}"


def curves(table: pd.DataFrame) -> list[Curve]:
    """Return value and bound of each variant's emission by point."""
    return [
        Curve(
            variant.name,
            rows["point"].to_list(),
            rows["ec_usd"].to_list(),
            rows["bound_ec_usd"].to_list(),
        )
        for variant in (PLAN, *OTHERS)
        for rows in [table[table["variant"] == variant.name].dropna(subset=["ec_usd"])]
    ]


def write(folder: Path, front: Front, table: pd.DataFrame) -> str:
    """Write table and figure into a folder; return the prices as markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "price.csv", index=False)
    text = markdown(table, "$" if front.absolute else "%")
    (folder / "price.md").write_text(text, encoding="utf-8")
    (folder / "price.svg").write_text(as_svg(curves(table)), encoding="utf-8")
    as_figure(curves(table)).write_html(folder / "price.html", include_plotlyjs=True)
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    parser = argparse.ArgumentParser(prog="scripts/price_of_hierarchy")
    parser.add_argument("--case", type=Path, default=ROOT / "cases" / "ieee94")
    parser.add_argument("--points", type=int, default=5)
    parser.add_argument("--gap", type=float, default=None, help="gap that a point may keep")
    parser.add_argument(
        "--time-limit", type=float, default=None, help="seconds a question may take"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "price_of_hierarchy")
    arguments = parser.parse_args(argv)
    asked = {
        "points": arguments.points,
        "gap": arguments.gap,
        "time_limit_s": arguments.time_limit,
    }
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    try:
        case = load_case(arguments.case)
        changes = {name: value for name, value in asked.items() if value is not None}
        options = case.options.model_copy(update=changes)
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("starting", total=None)
            front, table = compare(
                case, options, lambda text: bar.update(task, description=plain(text))
            )
    except CmgplanError as error:
        warn(f"error: {error}")
        return error.exit_code
    print(write(arguments.out, front, table))
    return 0


if __name__ == "__main__":
    sys.exit(main())

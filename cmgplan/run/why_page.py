"""The page beside a run's place that says why there is no run: one self-contained HTML file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jinja2

from cmgplan.errors import InfeasibleError
from cmgplan.explanation import Explanation, GivingLimit, hours_in_words
from cmgplan.run.moving import move


def why_path(out: Path) -> Path:
    """Return the page beside a run folder that says why it could not be planned."""
    place = out.resolve()
    return place.with_name(f"{place.name}.why.html")


@contextmanager
def explained(out: Path, case: str) -> Iterator[None]:
    """Write the page if a plan is infeasible and say where; remove it when a plan succeeds."""
    page = why_path(out)
    try:
        yield
    except InfeasibleError as error:
        if error.explanation is None:
            raise
        try:
            write_why(page, error.explanation, case)
            told = f"all of it as a page: {page}"
        except OSError as failed:  # the message must not be lost with the page
            told = f"{page} cannot be written ({failed.strerror})"
        raise InfeasibleError(f"{error}\n  {told}", error.explanation) from error
    page.unlink(missing_ok=True)


def write_why(page: Path, explanation: Explanation, case: str) -> None:
    """Put the page in its place, whole."""
    fresh = page.with_name(f".{page.name}.{os.getpid()}")
    try:
        fresh.write_text(render_why(explanation, case), encoding="utf-8")
        move(fresh, page)
    finally:
        fresh.unlink(missing_ok=True)


def render_why(explanation: Explanation, case: str) -> str:
    """Return the page of an explanation."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cmgplan.run", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("why.html.jinja").render(
        case=case,
        stage=explanation.stage,
        reason=explanation.reason,
        ways=[(way.told, [_row(limit) for limit in way.limits]) for way in explanation.ways],
        options=explanation.options,
        notes=explanation.notes,
    )


def _row(limit: GivingLimit) -> list[str]:
    """Return limit, place, worst hour, all hours, amount, unit, now and what it would be."""
    worst = str(limit.hours[0]) if limit.hours else ""
    digits = limit.places
    now, then = (
        "" if value is None else f"{value:,.{digits}f}" for value in (limit.now, limit.would_be)
    )
    amount = f"{limit.amount:+,.{digits}f}"
    cells = [amount, limit.unit, now, then]
    return [
        limit.limit,
        limit.place,
        worst,
        hours_in_words(limit.hours),
        *(cell.replace("-", "\N{MINUS SIGN}") for cell in cells),
    ]

"""Tuned numbers stand in their records alone, each described by itself."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import cmgplan
from cmgplan.planning.switch_search.tuning import TUNING as SEARCH
from cmgplan.solve.blocks.tuning import TOLERANCES
from cmgplan.solve.blocks.tuning import TUNING as BLOCKS

PACKAGE = Path(cmgplan.__file__).parent
ROOMS = ("planning/switch_search", "solve/blocks")

MEANINGS = {
    "GLOBAL": "the number of the block that is none",
    "ANY_BREAK": "the break of a problem that a solver finds infeasible",
    "ALL_NODES": "more nodes than any tree has",
}
"""Numbers that stand for something and are not tuned."""


def records() -> list[object]:
    return [
        TOLERANCES,
        *(getattr(tuning, theme.name) for tuning in (SEARCH, BLOCKS) for theme in fields(tuning)),
    ]


@pytest.mark.parametrize("record", records(), ids=lambda record: type(record).__qualname__)
def test_every_number_is_described(record: object) -> None:
    text = inspect.getdoc(type(record)) or ""
    headings = re.findall(r"^(\w+(?:, \w+)*)$", text.split("----------\n")[1], re.MULTILINE)
    described = [name for heading in headings for name in heading.split(", ")]
    assert described == [field.name for field in fields(record)]
    assert "The same" not in text


def numeric_constants(path: Path) -> Iterator[str]:
    """Yield the names of a module's constants whose value is a number or several."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and _is_numeric(node.value):
            parts = [part for target in node.targets for part in ast.walk(target)]
            yield from (part.id for part in parts if isinstance(part, ast.Name))


def _is_numeric(value: ast.expr) -> bool:
    numbers = [part for part in ast.walk(value) if isinstance(part, ast.Constant)]
    return bool(numbers) and all(isinstance(part.value, int | float) for part in numbers)


def test_no_number_is_tuned_beside_the_records() -> None:
    found = {
        name
        for room in ROOMS
        for path in (PACKAGE / room).glob("*.py")
        for name in numeric_constants(path)
    }
    assert found == set(MEANINGS)

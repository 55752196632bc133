"""Every table and column that pandapower defines is honoured, noted, refused or without physics."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pandapower as pp
import pandas as pd

from cmgplan.network.files.pandapower_coverage import (
    HONOURED,
    NOTED,
    REFUSED,
    REFUSED_TABLES,
    TABLES,
    WITHOUT_PHYSICS,
    treatment,
)

ROOT = Path(pp.__file__).parent
RESULTS = ("res_", "_empty")
"""Beginnings of tables of results, which are never read."""

SETTERS = {"_set_value_if_not_nan": (3, 4), "_add_to_entries_if_not_nan": (4, 1)}
"""Functions by which pandapower adds optional columns: arguments that name column and table."""

ARGUMENTS_ONLY = {("measurement", "bus"), ("measurement", "check_existing")}
"""What a schema lists and no table has."""


def empty_tables() -> Iterator[tuple[str, str]]:
    for name, table in pp.create_empty_network().items():
        if isinstance(table, pd.DataFrame) and not name.startswith(RESULTS):
            yield from ((name, str(column)) for column in table.columns)


def standard_types() -> Iterator[tuple[str, str]]:
    """What ``create_line`` and its like copy into the tables."""
    for name, types in pp.create_empty_network().std_types.items():
        for values in types.values():
            yield from ((name, column) for column in values if name in TABLES)


def schemas() -> Iterator[tuple[str, str]]:
    """Pandapower's own schemas of tables, in the versions that have them."""
    if not (ROOT / "network_schema").is_dir():
        return
    package = importlib.import_module("pandapower.network_schema")
    for module in pkgutil.iter_modules(package.__path__):
        content = vars(importlib.import_module(f"{package.__name__}.{module.name}"))
        for name, schema in content.items():
            table = name.removesuffix("_schema")
            if name.endswith("_schema") and not name.startswith("res_"):
                yield from ((table, str(column)) for column in schema.columns)


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node


def text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def added_by_create() -> Iterator[tuple[str, str]]:
    """Optional columns that the create functions add to tables."""
    for path in [*ROOT.glob("create.py"), *ROOT.glob("create/*.py")]:
        for call in calls(path):
            at = SETTERS.get(call.func.id)  # type: ignore[attr-defined]
            if at is not None and len(call.args) > max(at):
                column, table = (text(call.args[k]) for k in at)
                if column is not None and table is not None:
                    yield table, column


def read_of_transformers() -> Iterator[tuple[str, str]]:
    """Columns of transformers that pandapower's conversion asks for."""
    for call in calls(ROOT / "build_branch.py"):
        if call.func.id == "get_trafo_values" and len(call.args) > 1:  # type: ignore[attr-defined]
            column = text(call.args[1])
            if column is not None:
                yield "trafo", column


SOURCES = (empty_tables, standard_types, schemas, added_by_create, read_of_transformers)


def test_every_column_of_pandapower_is_in_one_of_the_lists() -> None:
    defined = {pair for source in SOURCES for pair in source()} - ARGUMENTS_ONLY
    assert len(defined) > 400
    assert {"trafo", "dcline", "svc", "poly_cost"} <= {table for table, _ in defined}
    missing = sorted(
        f"{table}.{column}" for table, column in defined if not treatment(table, column)
    )
    assert missing == []


def test_the_walk_sees_optional_columns_and_would_see_a_new_one() -> None:
    assert ("gen", "max_vm_pu") in set(added_by_create())
    assert ("trafo", "tap_dependency_table") in set(read_of_transformers())
    assert treatment("load", "p_mw_of_tomorrow") is None
    assert treatment("heat_pump", "p_mw") is None


def test_no_column_is_in_two_lists() -> None:
    for table in HONOURED:
        lists = (HONOURED, WITHOUT_PHYSICS, REFUSED, NOTED)
        columns = [column for given in lists for column in given.get(table, ())]
        assert len(columns) == len(set(columns)), table
    assert not set(REFUSED_TABLES) & set(HONOURED)

"""Every table of a plan is known where tables are known: its rows, its page of the docs."""

from __future__ import annotations

from pathlib import Path

from cmgplan.planning.report.complete import Names, wanted_rows
from cmgplan.planning.report.table_forms import TABLES

PAGE = Path(__file__).parents[2] / "docs" / "run_files.md"
NAMES = Names(2, ("A",), (("A", "load"),), ("PCC",), ("1", "2"), ("2",), ("2",))


def test_every_table_says_which_rows_it_must_have() -> None:
    """Rows of the front go by its points, which a check of the front counts."""
    wanted = wanted_rows(NAMES)
    assert {*wanted, "pareto"} == set(TABLES)
    for stem, rows in wanted.items():
        assert len(set(rows)) == len(rows) > 0
        assert {len(row) for row in rows} == {len(TABLES[stem].key)}, stem


def test_every_table_stands_in_the_docs() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [stem for stem in TABLES if f"`{stem}.csv`" not in page] == []

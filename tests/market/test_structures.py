"""Structures of the market, read from text and made by default."""

from __future__ import annotations

import pytest

from cmgplan.errors import InputError
from cmgplan.market.case.structures import (
    Structure,
    default_structures,
    parse_structure,
    parse_structures,
)

HOMES = ("C", "A", "B")


def test_groups_are_sorted_and_leaders_stand_before_the_bar() -> None:
    assert parse_structure("C + B|A", HOMES) == Structure(("B", "C"), ("A",))
    assert parse_structure("C+B|A", HOMES).name == "B+C|A"
    assert parse_structure("B", HOMES).name == "B"
    assert parse_structure("C+A+B", HOMES).name == "A+B+C"


def test_a_structure_that_is_named_twice_is_run_once() -> None:
    found = parse_structures(["B+A|C", "A+B|C", "A"], HOMES)
    assert [structure.name for structure in found] == ["A+B|C", "A"]


def test_by_default_three_homes_are_split_in_every_way() -> None:
    assert [structure.name for structure in default_structures(HOMES)] == [
        "A",
        "B",
        "C",
        "A|B+C",
        "B|A+C",
        "C|A+B",
        "A+B|C",
        "A+C|B",
        "B+C|A",
        "A+B+C",
    ]


def test_from_five_homes_on_each_leads_the_rest() -> None:
    names = [structure.name for structure in default_structures("ABCDE")]
    assert names == [
        "A|B+C+D+E",
        "B|A+C+D+E",
        "C|A+B+D+E",
        "D|A+B+C+E",
        "E|A+B+C+D",
        "A+B+C+D+E",
    ]
    assert len(default_structures("ABCD")) == 4 + 14 + 1
    assert [structure.name for structure in default_structures("A")] == ["A"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A|B+D", "D is no home of the case; its homes are C, A, B"),
        ("A|A+B+C", "home A is on both sides; let each home lead or follow"),
        ("A+A|B+C", "home A is named twice; name it once"),
        ("A|B", "home C is on neither side; add it to the leaders or the followers"),
        ("A|", "a group is empty; name its homes, joined by +"),
        ("", "a group is empty; name its homes, joined by +"),
        ("A|B|C", "it has more than one bar; write leaders|followers, as A|B+C"),
    ],
)
def test_what_is_no_structure_is_refused(text: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        parse_structure(text, HOMES)
    assert str(error.value) == f"--structure {text}: {told}"

"""The command line where a plan has no answer: message, exit code, and the page beside the run."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from results import make_result
from test_cli import fixed, planner, run, term_handler  # noqa: F401
from test_switches import microgrid, tied

from cmgplan.errors import InfeasibleError
from cmgplan.explanation import Explanation, GivingLimit, Way, hours_in_words
from cmgplan.planning.result import PlanResult
from cmgplan.run.why_page import render_why, why_path

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> PlanResult:
    return make_result(tmp_path_factory.mktemp("why") / "case")


class Cells(HTMLParser):
    """Collects tags and the texts of table cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self._inside = tag == "td"
        if self._inside:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def test_an_infeasible_case_is_explained_and_gets_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """30 of 100 kW are missing."""
    rating = {"microgrid.0.pcc.rating_kva": 40.0}
    case = tied(tmp_path / "case", [microgrid("A", 100, 30)], [], **rating)
    out = tmp_path / "runs" / "mine"
    assert run("plan", case.folder, "--out", out, "-q") == 3
    said = capsys.readouterr().err.splitlines()
    told = [line for line in said if not line.startswith("warning: ")]
    assert told[0].startswith("error: Level 4: there is no schedule that serves all load")
    sentence = (
        r"  hour 0: rating of PA, which connects microgrid A to bus 2: 40\.00 kVA would .* 70\.0"
    )
    assert any(re.match(sentence, line) for line in told)
    assert len(told) <= 13
    page = out.with_name("mine.why.html")
    assert page == why_path(out)
    assert told[-1] == f"  all of it as a page: {page}"
    assert sorted(p.name for p in out.parent.iterdir()) == ["mine.why.html"]
    cells = Cells(page.read_text(encoding="utf-8")).cells
    assert cells[:4] == ["rating of PA, which connects microgrid A to bus 2", "PA", "0", "0"]
    assert cells[5:7] == ["kVA", "40.00"]
    assert float(cells[4]) == pytest.approx(30.0, abs=0.011)
    assert float(cells[7]) == pytest.approx(70.0, abs=0.011)


def explanation(name: str = "PA") -> Explanation:
    limit = GivingLimit("v_min", f"least voltage of {name}", name, (3, 4), 0.95, -0.01, "pu")
    return Explanation("Level 4", f"no {name}", (Way((limit,), name),), (name,), (name,))


def test_the_page_goes_when_a_plan_succeeds(
    result: PlanResult,
    planner: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    def infeasible(*_: Any, **__: Any) -> PlanResult:
        raise InfeasibleError("no schedule", explanation())

    out = tmp_path / "run"
    planner(infeasible)
    assert run("plan", result.case.folder, "--out", out, "-q") == 3
    assert why_path(out).is_file()
    planner(fixed(result))
    assert run("plan", result.case.folder, "--out", out, "-q") == 0
    assert not why_path(out).exists()
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_page_that_cannot_be_written_loses_no_message(
    result: PlanResult,
    planner: Any,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def infeasible(*_: Any, **__: Any) -> PlanResult:
        raise InfeasibleError(explanation().message(), explanation())

    out = tmp_path / "run"
    why_path(out).mkdir()
    planner(infeasible)
    assert run("plan", result.case.folder, "--out", out, "-q") == 3
    told = capsys.readouterr().err
    assert "least voltage of PA: 0.95000 pu would have to be 0.94000 pu" in told
    assert "run.why.html cannot be written (Is a directory)" in told
    assert [p.name for p in tmp_path.iterdir()] == ["run.why.html"]


def test_an_error_without_explanation_leaves_no_page(
    result: PlanResult,
    planner: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    def infeasible(*_: Any, **__: Any) -> PlanResult:
        raise InfeasibleError("no schedule")

    planner(infeasible)
    assert run("plan", result.case.folder, "--out", tmp_path / "run", "-q") == 3
    assert list(tmp_path.iterdir()) == []


def test_names_are_escaped_and_the_page_is_self_contained() -> None:
    text = render_why(explanation(HOSTILE), HOSTILE)
    page = Cells(text)
    assert "script" not in page.tags
    assert HOSTILE in "".join(page.cells)
    assert "http://" not in text and "https://" not in text
    assert {"img", "link", "iframe"}.isdisjoint(page.tags)
    assert page.cells[2:8] == ["3", "3, 4", "\N{MINUS SIGN}0.01000", "pu", "0.95000", "0.94000"]


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        ((), ""),
        ((5,), "5"),
        ((6, 5), "5, 6"),
        ((3, 2, 1, 9), "1-3, 9"),
        (tuple(range(0, 24, 2)), "0, 2, 4, 6, 8, 10 and 6 more spans"),
    ],
)
def test_hours_are_told_as_spans(hours: tuple[int, ...], words: str) -> None:
    assert hours_in_words(hours) == words

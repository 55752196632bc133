"""A run folder: whole or not at all, its tables, its schema and its page."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
from results import HOSTILE, make_result

from cmgplan.errors import InputError, MachineError
from cmgplan.planning.case import load_case
from cmgplan.planning.report import run_folder as run_files
from cmgplan.planning.report.run_folder import RUN, read_run, write_page, write_run
from cmgplan.planning.report.table_forms import POINT_TABLES, TABLES, read_table, write_table
from cmgplan.planning.result import PlanResult
from cmgplan.run import folder as run_folder
from cmgplan.run.folder import case_sha256, prepare, recover


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> PlanResult:
    return make_result(tmp_path_factory.mktemp("result") / "case")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> PlanResult:
    return make_result(tmp_path_factory.mktemp("hostile") / "case", HOSTILE)


@pytest.fixture(autouse=True)
def quick_page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the drawing where a test is not about the page; tests of the page are beside."""
    if "page_is" not in request.node.name:
        monkeypatch.setattr(run_files, "render_page", lambda *_: "<!doctype html>\n")


def titled(result: PlanResult, title: str) -> PlanResult:
    """Return the result with another title, to tell two runs apart."""
    return replace(result, summary=result.summary.model_copy(update={"note": title}))


def note(folder: Path) -> object:
    return json.loads((folder / "plan.json").read_text())["note"]


def beside(folder: Path) -> list[str]:
    """Return what lies beside a run folder."""
    return [path.name for path in folder.parent.iterdir() if path != folder]


def test_a_run_holds_every_file(result: PlanResult, tmp_path: Path) -> None:
    out = write_run(result, tmp_path / "run")
    for stem, form in TABLES.items():
        header = (out / f"{stem}.csv").read_text().splitlines()[0].split(",")
        assert header[: len(form.columns)] == list(form.columns)
    for number in ("01", "02"):
        names = {path.stem for path in (out / "points" / number).iterdir()}
        assert names == set(POINT_TABLES)
    assert (out / "report.html").is_file()
    assert load_case(out / "case").file == result.case.file
    assert beside(out) == []


def test_a_run_is_read_as_it_was_written(result: PlanResult, tmp_path: Path) -> None:
    run = read_run(write_run(result, tmp_path / "run"))
    for stem, form in TABLES.items():
        columns = list(form.columns)
        pd.testing.assert_frame_equal(
            run.tables[stem][columns], result.tables[stem][columns], check_dtype=False, rtol=1e-9
        )


def test_plan_json_keeps_to_its_schema(result: PlanResult, tmp_path: Path) -> None:
    run = read_run(write_run(result, tmp_path / "run"))
    schema = json.loads(files("cmgplan.planning.report").joinpath("plan.schema.json").read_text())
    checker = jsonschema.Draft202012Validator(schema)
    checker.check_schema(schema)
    plain = json.loads((run.folder / "plan.json").read_text())
    checker.validate(plain)
    assert run.summary.model_dump() == plain
    assert run.summary.payoff.gc_usd.max is None
    assert run.summary.case.sha256 == case_sha256(run.case_folder)
    broken = {**plain, "selected": {**plain["selected"], "rule": "guess"}}
    with pytest.raises(jsonschema.ValidationError, match="guess"):
        checker.validate(broken)


def test_the_hash_sees_names_and_contents(tmp_path: Path) -> None:
    seen = set()
    for name, text in (("a", "x"), ("b", "x"), ("a", "y"), ("ax", "")):
        folder = tmp_path / f"{name}{text}{len(seen)}"
        folder.mkdir()
        (folder / name).write_text(text)
        seen.add(case_sha256(folder))
    assert len(seen) == 4


def test_a_new_run_replaces_an_earlier_one(result: PlanResult, tmp_path: Path) -> None:
    out = tmp_path / "run"
    write_run(titled(result, "first"), out)
    write_run(titled(result, "second"), out)
    assert note(out) == "second"
    assert beside(out) == []


def test_a_run_can_replace_the_run_that_its_case_lies_in(
    result: PlanResult, tmp_path: Path
) -> None:
    out = write_run(result, tmp_path / "run")
    again = replace(titled(result, "again"), case=load_case(out / "case"))
    write_run(again, out)
    assert note(out) == "again"
    assert load_case(out / "case").name == "by-hand"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("case.toml", "p_max_kw = 120.0", "p_max_kw = 110.0"), ("profiles.csv", "0.6", "0.7")],
)
def test_a_case_that_changed_meanwhile_is_not_passed_off(
    tmp_path: Path, name: str, old: str, new: str
) -> None:
    result = make_result(tmp_path / "case")
    path = tmp_path / "case" / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match="has changed while it was planned"):
        write_run(result, tmp_path / "runs" / "run")
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_folder_of_something_else_is_left_alone(result: PlanResult, tmp_path: Path) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.txt").write_text("years of work")
    for write in (lambda place: prepare(place, RUN), lambda place: write_run(result, place)):
        with pytest.raises(InputError, match="not a run"):
            write(out)
    assert [path.name for path in out.iterdir()] == ["chapter1.txt"]
    assert beside(out) == []


def test_a_file_in_the_place_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "notes"
    place.write_text("keep")
    with pytest.raises(InputError, match="is a file"):
        prepare(place, RUN)
    assert place.read_text() == "keep"


def test_an_empty_folder_may_be_used(result: PlanResult, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert (write_run(result, tmp_path / "run") / "plan.json").is_file()


@pytest.mark.parametrize("stage", ["copy", "table", "page", "swap"])
def test_a_failure_leaves_the_earlier_run(
    result: PlanResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    out = tmp_path / "run"
    write_run(titled(result, "first"), out)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    name = {
        "copy": "copy_case",
        "table": "write_table",
        "page": "render_page",
        "swap": "_sync_folder",
    }[stage]
    monkeypatch.setattr(run_folder if stage == "swap" else run_files, name, fail)
    with pytest.raises(MachineError, match="disk is full"):
        write_run(titled(result, "second"), out)
    assert note(out) == "first"
    assert beside(out) == []


def test_a_failed_rename_puts_the_earlier_run_back(
    result: PlanResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    write_run(titled(result, "first"), out)
    replace = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if self.name == ".run.new":
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(MachineError, match="disk reports an error"):
        write_run(titled(result, "second"), out)
    assert note(out) == "first"
    assert beside(out) == []


# The child stops at a stage of writing, says so, and waits to be killed.
_CHILD = """
import pickle, signal, sys, time
from pathlib import Path
from cmgplan.cli.entry import interrupt
from cmgplan.planning.report import run_folder as files
from cmgplan.run import folder

def hang(*_):
    print("here", flush=True)
    time.sleep(60)

stage, out, pickled = sys.argv[1:]
result = pickle.loads(Path(pickled).read_bytes())
if stage == "between the renames":
    replace = Path.replace
    def halfway(self, target):
        replace(self, target)
        if self.name == Path(out).name:
            hang()
    Path.replace = halfway
elif stage == "rmtree":
    folder.shutil.rmtree = lambda path, **_: hang() if path.exists() else None
else:
    setattr(folder if hasattr(folder, stage) else files, stage, hang)

signal.signal(signal.SIGTERM, interrupt)
files.write_run(result, Path(out))
"""


@pytest.mark.parametrize(
    ("stage", "sent"),
    [
        ("write_table", signal.SIGKILL),
        ("_sync", signal.SIGKILL),
        ("between the renames", signal.SIGKILL),
        ("write_table", signal.SIGINT),
        ("between the renames", signal.SIGINT),
        ("between the renames", signal.SIGTERM),
    ],
)
def test_a_killed_writer_leaves_the_earlier_run(
    result: PlanResult, tmp_path: Path, stage: str, sent: signal.Signals
) -> None:
    out = tmp_path / "runs" / "run"
    write_run(titled(result, "first"), out)
    _kill_writer_at(stage, sent, titled(result, "second"), out)
    if sent != signal.SIGKILL:
        assert note(out) == "first"
        assert beside(out) == []
    recover(out)
    assert note(out) == "first"
    assert read_run(out).tables["loss"].shape == result.tables["loss"].shape
    assert beside(out) == []
    write_run(titled(result, "third"), out)
    assert note(out) == "third"


def test_a_writer_killed_after_the_swap_leaves_the_new_run(
    result: PlanResult, tmp_path: Path
) -> None:
    out = tmp_path / "runs" / "run"
    write_run(titled(result, "first"), out)
    _kill_writer_at("rmtree", signal.SIGKILL, titled(result, "second"), out)
    assert note(out) == "second"
    recover(out)
    assert note(out) == "second"
    assert beside(out) == []


def _kill_writer_at(stage: str, sent: signal.Signals, result: PlanResult, out: Path) -> None:
    """Start a child that writes a run over an earlier one, and kill it at a stage."""
    pickled = out.parent.parent / "result.pickle"
    pickled.write_bytes(pickle.dumps(result))
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, stage, str(out), str(pickled)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        child.send_signal(sent)
        child.communicate(timeout=30)
    assert child.returncode != 0


def test_a_formula_is_guarded_and_read_back(hostile: PlanResult, tmp_path: Path) -> None:
    out = write_run(hostile, tmp_path / "run")
    text = (out / "dispatch.csv").read_text()
    assert f",'{HOSTILE['MG1']}," in text
    assert not re.search(r"(^|,)[=@]", text)
    assert HOSTILE["MG1"] in set(read_run(out).tables["dispatch"]["microgrid"])


@pytest.mark.parametrize(
    "text", ["=1", "+a", "-5", "@x", "'=1", "''-", "'quoted", "NA", "a,b", "1"]
)
def test_every_id_survives_its_table(text: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"level": ["lower"], "hour": [0], "bus": [text], "v_pu": [1.0]})
    write_table("bus_voltage", table, tmp_path)
    assert read_table("bus_voltage", tmp_path)["bus"].tolist() == [text]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hour,price_usd_per_mwh", "hour,price", "lacks column price_usd_per_mwh"),
        ("\n1,100", "\n1,much", "row 3, column price_usd_per_mwh: 'much' is not a number"),
        ("\n1,100", "\n0.5,100", "row 3, column hour: '0.5' is not a whole number"),
        ("\n1,100", "\n0,100", "row 3: repeats the hour of a row above it"),
    ],
)
def test_a_damaged_table_is_explained(
    result: PlanResult, tmp_path: Path, old: str, new: str, message: str
) -> None:
    out = write_run(result, tmp_path / "run")
    path = out / "upstream.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_run(out)


def test_a_folder_that_is_no_run_is_explained(result: PlanResult, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_run(tmp_path / "none")
    with pytest.raises(InputError, match=r"no plan\.json"):
        read_run(tmp_path)
    out = write_run(result, tmp_path / "run")
    (out / "loss.csv").unlink()
    with pytest.raises(InputError, match=r"loss\.csv: is missing"):
        read_run(out)
    (out / "plan.json").write_text("{")
    with pytest.raises(InputError, match=r"plan\.json: is damaged"):
        read_run(out)


def test_a_run_that_does_not_tell_of_its_case_has_no_page(
    result: PlanResult, tmp_path: Path
) -> None:
    out = write_run(result, tmp_path / "run")
    page = (out / "report.html").read_bytes()
    for about, told in (
        ({"name": "n", "hours": 24}, "lacks case.title, case.dt_h, case.begins_h, case.day"),
        (7, "case: Input should be a valid dictionary"),
    ):
        (out / "plan.json").write_text(json.dumps({"case": about}))
        with pytest.raises(InputError, match=rf"plan\.json: is damaged \({told}"):
            write_page(read_run(out))
    assert (out / "report.html").read_bytes() == page


def test_a_table_without_a_column_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="upstream lacks with_cmg_kw"):
        write_table(
            "upstream",
            pd.DataFrame(columns=["hour", "price_usd_per_mwh", "without_cmg_kw"]),
            tmp_path,
        )


def test_the_page_is_written_again(result: PlanResult, tmp_path: Path) -> None:
    out = write_run(result, tmp_path / "run")
    first = (out / "report.html").read_text()
    (out / "report.html").unlink()
    assert write_page(read_run(out)).read_text() == first
    shutil.rmtree(out / "points")
    write_page(read_run(out))

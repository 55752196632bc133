"""Studies of tasks that do little: tables, states, resuming, kills."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import little_tasks
import pandas as pd
import pytest
from studies import alive, all_gone, little_study, tables, until

from cmgplan.errors import InputError, MachineError
from cmgplan.run_kinds import system_of_run
from cmgplan.study import cluster, run, store, tasks
from cmgplan.study.ledger import LEDGER_FILE, TaskRow
from cmgplan.study.pool import _with_children
from cmgplan.study.run import StudyInterrupted, StudyResult, run_study
from cmgplan.study.store import write_long_tables
from cmgplan.study.verify import verify_study
from cmgplan.study.view import read_view

TWELVE = tuple(f"s{k}" for k in range(12))


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def little(study: dict[str, Any], out: str = "out", **more: Any) -> StudyResult:
    return run_study(study, out, call=little_tasks.little, **more)


def states(folder: str | Path = "out") -> dict[str, str]:
    table = pd.read_csv(Path(folder) / "tasks.csv", dtype=str)
    return dict(zip(table["scenario"], table["state"], strict=True))


def reason(scenario: str) -> str:
    table = pd.read_csv("out/tasks.csv", dtype=str).set_index("scenario")
    return str(table.loc[scenario, "reason"])


def test_long_tables_hold_the_rows_of_all_tasks_in_the_order_of_the_study() -> None:
    found = little(little_study(TWELVE, Path()), workers=2)
    assert found.counts == {"waiting": 0, "running": 0, "done": 12, "infeasible": 0, "failed": 0}
    assert found.tables == ("notes", "upstream")
    rows = found.table("upstream")
    assert list(rows.columns[:5]) == ["task", "case", "day", "scenario", "options"]
    assert list(rows["scenario"]) == [name for name in TWELVE for _ in range(2)]
    assert list(rows["with_cmg_kw"]) == pytest.approx(
        [amount * (1 + 0.01 * k) for k in range(12) for amount in (10.0, 20.0)]
    )
    assert set(rows["options"]) == {"points=3"}
    notes = found.table("notes")  # a column of the run that is called as one of the task's
    assert list(notes["run_task"]) == [1] * 12
    of_tasks = found.table("tasks")
    assert list(of_tasks["weight"]) == pytest.approx([1 / 12] * 12)
    assert list(of_tasks["cost"]) == pytest.approx([100 + k for k in range(12)])
    about = json.loads(Path("out/study.json").read_text())
    assert (about["state"], about["counts"]["done"]) == ("finished", 12)
    with pytest.raises(InputError, match="no such table"):
        found.table("dispatch")
    with pytest.raises(InputError, match=r"out: is a study; give the run of a task, .* out/tasks"):
        system_of_run("out")


def test_results_do_not_depend_on_workers() -> None:
    study = little_study(TWELVE, Path())
    little(study, "one", workers=1)
    little(study, "three", workers=3)
    assert tables(Path("one")) == tables(Path("three"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_at_the_end_keeps_what_is_done() -> None:
    little(little_study(TWELVE[:2], Path()), workers=1)
    Path("out/.report.html.new").symlink_to("/dev/full")
    three = little_study(TWELVE[:3], Path())
    with pytest.raises(MachineError, match=r"out: the disk is full.* go on with --resume"):
        little(three, workers=1, resume=True)
    assert states() == dict.fromkeys(TWELVE[:3], "done")
    little(three, workers=1, resume=True)
    little(three, "whole", workers=1)
    assert tables(Path("out")) == tables(Path("whole"))


def test_a_cluster_gives_the_same_tables() -> None:
    pytest.importorskip("distributed")
    study = little_study([*TWELVE[:5], "sleeper", "crash"], Path(), time_per_task_s=2.0, retries=0)
    little(study, "pool", workers=2)
    little(study, "dask", workers=2, scheduler="local")
    assert tables(Path("pool")) == tables(Path("dask"))
    assert states("dask")["sleeper"] == states("dask")["crash"] == "failed"


def test_without_dask_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MachineError, match=r"cmgplan\[cluster\]"):
        little(little_study(TWELVE, Path()), scheduler="local")


def test_no_scheduler_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        little(little_study(TWELVE, Path()), scheduler="tcp://127.0.0.1:9")


def test_what_goes_wrong_with_one_task_leaves_the_rest() -> None:
    names = ["s0", "sleeper", "crash", "eater", "infeasible", "crash-once", "s6"]
    found = little(
        little_study(names, Path(), time_per_task_s=3.0, memory_per_task_mb=200.0), workers=2
    )
    failed = dict.fromkeys(("sleeper", "crash", "eater"), "failed")
    done = dict.fromkeys(("s0", "crash-once", "s6"), "done")
    assert states() == {**failed, **done, "infeasible": "infeasible"}
    assert "time_per_task_s" in reason("sleeper")
    assert "memory_per_task_mb" in reason("eater")
    assert "signal 9" in reason("crash")
    attempts = found.table("tasks").set_index("scenario")["attempts"]
    assert attempts["crash"] == attempts["crash-once"] == 2
    assert attempts["sleeper"] == 1
    page = Path("out/report.html").read_text()
    assert "memory_per_task_mb" in page
    assert "no schedule &lt;b&gt;holds&lt;/b&gt;" in page
    task = found.table("tasks").set_index("scenario")["task"]["s6"]
    assert f'href="tasks/{task}/report.html"' in page


def test_a_study_that_stands_is_left_alone() -> None:
    little(little_study(TWELVE[:2], Path()))
    with pytest.raises(InputError, match="add --resume"):
        little(little_study(TWELVE[:2], Path()))
    Path("other").mkdir()
    Path("other/thesis.txt").write_text("dear")
    for resume in (False, True):
        with pytest.raises(InputError, match="left alone"):
            little(little_study(TWELVE[:2], Path()), "other", resume=resume)
    with pytest.raises(InputError, match="is a file"):
        little(little_study(TWELVE[:2], Path()), "other/thesis.txt")
    with pytest.raises(InputError, match="give 1 or more"):
        little(little_study(TWELVE[:2], Path()), "third", workers=0)


def test_one_driver_at_a_time() -> None:
    Path("out").mkdir()
    with run.held(Path("out")), pytest.raises(InputError, match="another study is at work"):
        little(little_study(TWELVE[:2], Path()))


def test_resume_runs_what_is_missing_of_another_list(monkeypatch: pytest.MonkeyPatch) -> None:
    little(little_study(TWELVE[:4], Path()))
    before = {path: path.stat().st_mtime_ns for path in Path("out/tasks").iterdir()}
    told: list[str] = []
    found = little(little_study(TWELVE[:6], Path()), resume=True, warn=told.append)
    assert found.counts["done"] == 6
    assert told == []
    assert {path: path.stat().st_mtime_ns for path in before} == before  # nothing ran again
    fewer = little(little_study(TWELVE[:3], Path()), resume=True, warn=told.append)
    assert fewer.counts["done"] == len(fewer.table("upstream")) / 2 == 3
    assert len(told) == 1
    assert "3 finished tasks of two-bus are not in the study any more" in told[0]
    assert len(list(Path("out/tasks").iterdir())) == 6
    little(little_study(TWELVE[:6], Path()), "whole")
    little(little_study(TWELVE[:6], Path()), resume=True)
    assert tables(Path("out")) == tables(Path("whole"))


def test_a_library_user_sees_progress_and_notes_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="cmgplan"):
        little(little_study(TWELVE[:2], Path()), workers=1)
        little(little_study(TWELVE[:1], Path()), workers=1, resume=True)
    logged = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert ("INFO", "study: 2 of 2 tasks") in logged
    assert [text for level, text in logged if level == "WARNING"] == [
        "1 finished task of two-bus is not in the study any more: it stays in tasks/, out of all "
        "tables"
    ]


def test_resume_without_the_ledger_or_a_folder() -> None:
    found = little(little_study(TWELVE[:4], Path()))
    whole = tables(Path("out"))
    gone = Path("out/tasks") / str(found.table("tasks")["task"][2])
    for path in gone.iterdir():
        path.unlink()
    gone.rmdir()
    told: list[str] = []
    little(little_study(TWELVE[:4], Path()), resume=True, warn=told.append)
    assert "1 finished task has no folder any more and is run again" in told[0]
    assert tables(Path("out")) == whole
    Path("out", LEDGER_FILE).unlink()
    before = {path: path.stat().st_mtime_ns for path in Path("out/tasks").iterdir()}
    little(little_study(TWELVE[:4], Path()), resume=True)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert tables(Path("out")) == whole
    Path("out", LEDGER_FILE).write_bytes(b"not a database, but long enough to be read as one" * 9)
    with pytest.raises(InputError, match="remove it and go on with --resume"):
        little(little_study(TWELVE[:4], Path()), resume=True)


def test_another_version_or_a_changed_case_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for path in (Path(tasks.__file__).parents[2] / "cases" / "two-bus").iterdir():
        (mine / path.name).write_bytes(path.read_bytes())
    study = {**little_study(TWELVE[:2], Path()), "cases": ["mine"]}
    little(study)
    text = (mine / "case.toml").read_text()
    (mine / "case.toml").write_text(text.replace("rating_kva = 500.0", "rating_kva = 501.0"))
    told: list[str] = []
    found = little(study, resume=True, warn=told.append)
    assert found.counts["done"] == 2
    assert "2 finished tasks of mine were run before the case was changed" in told[0]
    assert len(found.table("upstream")) == 4  # those of the earlier case are not among them
    assert len(list(Path("out/tasks").iterdir())) == 4
    assert "were run before the case was changed" in Path("out/report.html").read_text()
    (mine / "SOURCES.md").write_text("a word more changes no result")
    key = tasks.identity("planning", "a", "0", None, "", {}, {})
    assert key != tasks.identity("planning", "a", "0", None, "", {}, {}, version="9.9.9")


def test_tasks_of_another_version_are_told_and_left_out() -> None:
    """As an older version would have left them: other keys and names."""
    little(little_study(TWELVE[:2], Path()))
    for place in list(Path("out/tasks").iterdir()):
        about = json.loads((place / "task.json").read_text())
        other = {"key": f"old-{about['key']}", "name": f"old-{place.name}"}
        (place / "task.json").write_text(json.dumps({**about, **other}))
        place.rename(place.with_name(other["name"]))
    with closing(sqlite3.connect(Path("out", LEDGER_FILE))) as base, base:
        base.execute("UPDATE task SET key = 'old-' || key, version = '0.0.9'")
    told: list[str] = []
    found = little(little_study(TWELVE[:2], Path()), resume=True, warn=told.append)
    assert len(told) == 1
    assert "2 finished tasks were run by cmgplan 0.0.9, this is" in told[0]
    assert list(found.table("tasks")["attempts"]) == [1, 1]
    assert found.counts["done"] == 2


def test_an_interruption_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(event: object) -> None:
        raise KeyboardInterrupt

    study = little_study([*TWELVE[:3], "nap"], Path())
    with pytest.raises(StudyInterrupted, match=r"kept in .*--resume"):
        little(study, workers=1, progress=interrupted)
    assert set(states().values()) == {"done", "waiting"}
    assert json.loads(Path("out/study.json").read_text())["state"] == "interrupted"
    little(study, resume=True)
    little(study, "whole")
    assert tables(Path("out")) == tables(Path("whole"))


DRIVER = """
import json, sys
import little_tasks
from cmgplan.study.run import run_study
if __name__ == "__main__":
    run_study(json.loads(sys.argv[1]), "out", workers=2, resume=True, call=little_tasks.little)
"""


def driver(study: dict[str, Any]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, json.dumps(study)], env={**os.environ, "PYTHONPATH": path}
    )


def count_done() -> int:
    return len(list(Path("out/tasks").glob("*/task.json")))


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_a_killed_driver_leaves_no_orphans_and_loses_nothing() -> None:
    study = little_study([f"nap{k}" for k in range(12)], Path())
    little(study, "whole", workers=2)
    for least in (0, 3):
        process = driver(study)
        begun = Path("out/study.json").exists if least == 0 else lambda: count_done() >= 3
        assert until(begun, 60.0)
        family = _with_children(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert all_gone(family)
    kept = count_done()
    assert 3 <= kept < 12
    before = {path: path.stat().st_mtime_ns for path in Path("out/tasks").iterdir()}
    little(study, resume=True, workers=2)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert tables(Path("out")) == tables(Path("whole"))
    assert not Path("out/.work").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_a_killed_worker_costs_an_attempt_and_takes_its_children_along() -> None:
    study = little_study(["parent", "s1", "s2"], Path(), retries=0)
    process = driver(study)
    mark = Path("out", little_tasks.CHILD_FILE)
    assert until(lambda: mark.exists() and mark.read_text() != "", 60.0)
    child = int(mark.read_text())
    worker = int(Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[1])
    assert alive(child)
    os.kill(worker, signal.SIGKILL)
    assert process.wait(timeout=60.0) == 0
    assert all_gone([child, worker])
    assert states() == {"parent": "failed", "s1": "done", "s2": "done"}
    assert "signal 9" in reason("parent")


def test_long_tables_are_copied_without_being_held(tmp_path: Path) -> None:
    """Twenty tables of an eighth of a MB become one of 2.5 MB; a quarter of that is never held."""
    rows = []
    cells = "\n".join(
        f"{hour},{hour * 0.123456789:.9f},a-name-of-some-length" for hour in range(4_000)
    )
    for k in range(20):
        place = tmp_path / "tasks" / f"t{k}"
        place.mkdir(parents=True)
        (place / "hours.csv").write_text(f"hour,kw,name\n{cells}\n")
        rows.append(TaskRow(str(k), f"t{k}", "case", "", "", "", "done", 1, 0.0, "", 1.0, {}))
    monkey = pytest.MonkeyPatch()
    monkey.setitem(sys.modules, "duckdb", None)
    tracemalloc.start()
    try:
        assert write_long_tables(tmp_path, rows) == ["hours"]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        monkey.undo()
    size = (tmp_path / "hours.csv").stat().st_size
    assert size > 2.5e6
    assert peak < 6e5


@pytest.mark.parametrize("name", ["../up", "/root/elsewhere", "..", ".", "a\n", " a", "a\\b"])
def test_a_name_that_leads_out_of_the_folder_of_studies_needs_an_out(name: str) -> None:
    asked = {**little_study(["one"], Path()), "name": name}
    with pytest.raises(InputError, match="--out"):
        run_study(asked, call=little_tasks.little)
    assert [path.name for path in Path().iterdir()] == ["scenarios.csv"]
    assert little(asked).counts["done"] == 1


def test_what_lies_behind_dots_is_seen_before_it_is_written_to() -> None:
    (Path() / "mine.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match="not a study"):
        little(little_study(["one"], Path()), "new/..")
    assert Path("mine.csv").exists()


def test_a_file_of_the_user_in_the_folder_stays_and_a_stale_table_goes() -> None:
    little(little_study(["one"], Path()))
    Path("out/mine.csv").write_text("a,b\n1,2\n")
    Path("out/mine.parquet").write_bytes(b"mine")
    Path("out/stale.csv").write_text("task,case,day,scenario,options,a\n")
    little(little_study(["one"], Path()), resume=True)
    assert Path("out/mine.csv").read_text() == "a,b\n1,2\n"
    assert Path("out/mine.parquet").exists()
    assert not Path("out/stale.csv").exists()


def test_scenarios_keep_their_names_in_tables_and_page() -> None:
    names = ["NA", "None", "01", "<b>x</b>", "=1+1"]
    found = little(little_study(names, Path()))
    told = ["NA", "None", "01", "<b>x</b>", "'=1+1"]
    assert list(found.table("tasks")["scenario"]) == told
    assert list(dict.fromkeys(found.table("upstream")["scenario"])) == told
    assert list(read_view(Path("out")).tasks["scenario"]) == names  # no page is a spreadsheet
    assert "<b>x</b>" not in Path("out/report.html").read_text()


@pytest.mark.parametrize(
    "change",
    [
        "state = 'banana'",
        "name = '../../x', scenario = 'x', options = 'x'",
        "attempts = 'x', wall_s = 'x'",
        "figures = '[['",
        "figures = '{\"cost\": 7}'",
    ],
)
def test_altered_rows_of_the_ledger_are_made_again_from_the_folders(change: str) -> None:
    asked = little_study(["a", "b"], Path())
    little(asked)
    before = tables(Path("out"))
    with closing(sqlite3.connect(f"out/{LEDGER_FILE}")) as base, base:
        base.execute(f"UPDATE task SET {change}")  # noqa: S608
    assert little(asked, resume=True).counts["done"] == 2
    assert tables(Path("out")) == before


def test_an_altered_ledger_is_told_with_its_mend() -> None:
    asked = little_study(["infeasible"], Path())
    little(asked)
    with closing(sqlite3.connect(f"out/{LEDGER_FILE}")) as base, base:
        base.execute("UPDATE task SET figures = '[['")
    with pytest.raises(InputError, match="remove it and go on with --resume"):
        little(asked, resume=True)


def test_a_task_whose_figures_are_no_numbers_runs_again() -> None:
    asked = little_study(["a"], Path())
    little(asked)
    (path,) = Path("out/tasks").glob("*/task.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "figures": {"cost": "x"}}))
    assert "run again" in little(asked, resume=True).notes[0]
    assert json.loads(path.read_text())["figures"]["cost"] == 100.0


@pytest.mark.parametrize("address", ["", "bogus://x", "tcp://127.0.0.1"])
def test_an_address_of_no_kind_is_told_at_once(address: str) -> None:
    pytest.importorskip("distributed")
    began = time.monotonic()
    with pytest.raises(InputError, match="no Dask scheduler"):
        little(little_study(["a"], Path()), scheduler=address)
    assert time.monotonic() - began < 15.0


def test_a_second_interruption_does_not_break_off_what_the_first_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    def again(folder: Path) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        store.clear_work(folder)

    asked = little_study(["a"], Path())
    monkeypatch.setattr(run, "run_tasks", interrupted)
    monkeypatch.setattr(run, "write_tasks", lambda *given: again(Path("out")))
    with pytest.raises(StudyInterrupted, match="0 of 1 task is done"):
        little(asked)
    assert json.loads(Path("out/study.json").read_text())["state"] == "interrupted"


@pytest.mark.parametrize(
    ("old", "new"),
    [(",0.5,", ",0.7,"), ("a,points=3,done", "a,points=3,failed"), (",b,", ",c,")],
)
def test_an_altered_list_of_tasks_is_found(old: str, new: str) -> None:
    little(little_study(["a", "b"], Path()))
    path = Path("out/tasks.csv")
    text = path.read_text()
    assert old in text
    named = "tasks.csv tells the tasks of the ledger"
    assert _found(named) == ""
    path.write_text(text.replace(old, new, 1))
    assert "two-bus_" in _found(named)


def test_texts_that_a_spreadsheet_would_calculate_are_those_of_the_ledger() -> None:
    little(little_study(["=1+1", "'=2", "plain"], Path()))
    assert "'=1+1" in Path("out/tasks.csv").read_text()
    assert _found("tasks.csv tells the tasks of the ledger") == ""


def _found(name: str) -> str:
    checks = {check.name: check for check in verify_study(Path("out"), lambda folder: [])}
    return "; ".join(map(str, checks[name].findings))


@pytest.mark.parametrize("cell", ["abc", ""])
def test_a_list_of_tasks_without_numbers_or_with_a_row_twice_is_damaged(cell: str) -> None:
    little(little_study(["a"], Path()))
    path = Path("out/tasks.csv")
    header, row = path.read_text().splitlines()
    second = row.replace(",100,", f",{cell},") if cell else row
    path.write_text("\n".join([header, second] if cell else [header, row, row]) + "\n")
    with pytest.raises(InputError, match="resume the study"):
        read_view(Path("out"))

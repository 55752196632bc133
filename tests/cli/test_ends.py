"""How commands end where the machine or the place of the output gives out: told, by its code."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from matpower_text import GOLDEN
from test_supervise import LINUX, doing, finished

from cmgplan import cli
from cmgplan.cli import console
from cmgplan.cli.supervise import INTERRUPTING
from cmgplan.errors import InputError, MachineError, as_told
from cmgplan.planning.report.run_folder import RUN
from cmgplan.run.folder import place_of, prepare, write_folder
from cmgplan.run.journal import kept

CASE = "two-bus"
NETWORK = GOLDEN / "pglib_case14_ieee" / "network.m"
FEEDER = Path(__file__).parents[1] / "data" / "networks"


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Restore the handlers of signals that the command line installs."""
    before = {number: signal.getsignal(number) for number in INTERRUPTING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def cmgplan(
    *arguments: str, cwd: Path, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cmgplan", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=before,
    )


def files_of_at_most(size: int) -> Callable[[], None]:
    """Return what lets a process write no larger file: as a full disk does, in the midst of it."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("/", "is the root of the file system; name a folder in it"),
        ("a" * 300, "File name too long"),
        ("a" * 240, "File name too long"),  # itself possible, the files beside it are not
        ("file/run", "its folder is a file"),
        ("file", "is a file; choose another --out"),
        ("loop/run", "is no path"),
        ("full", "holds files that are not a run"),
        ("/proc/run", "cannot be written there"),
    ],
)
def test_a_place_that_cannot_be_is_refused_before_any_work(
    tmp_path: Path, out: str, told: str
) -> None:
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("kept", encoding="utf-8")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=told):
        prepare(tmp_path / out, RUN)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "full", "loop"]
    assert (tmp_path / "full" / "letter.txt").read_text(encoding="utf-8") == "kept"


def test_a_null_character_in_a_path_is_refused() -> None:
    with pytest.raises(InputError, match="is no path"):
        place_of(Path("run\0"))


@pytest.mark.parametrize(
    "command",
    [
        ["plan", CASE, "--quiet", "--out", "/"],
        ["new", "a" * 300, "--network", str(NETWORK)],
        ["verify", "/"],
        ["report", "a" * 300],
        ["export", "/"],
        ["compare", "/", "/"],
        ["select", "a" * 300 + ".csv", "--minimise", "a"],
        ["check", "a" * 300],
        ["opf", "a" * 300 + ".m"],
    ],
)
def test_paths_that_cannot_be_end_with_2_and_no_traceback(
    tmp_path: Path,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        cli.main(command)
    said = capsys.readouterr()
    assert (stop.value.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


@LINUX
def test_a_disk_too_small_for_a_run_is_told_before_the_plan(tmp_path: Path) -> None:
    ended = cmgplan("plan", CASE, "--out", "run", cwd=tmp_path, before=files_of_at_most(1000))
    assert ended.returncode == 6
    assert ended.stderr.startswith(f"error: {tmp_path / 'run'}: the file is larger than")
    assert list(tmp_path.iterdir()) == []


@LINUX
def test_a_disk_that_fills_amid_writing_leaves_the_earlier_run(tmp_path: Path) -> None:
    limited = files_of_at_most(2 << 20)  # tables fit in, the page does not
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "plan.json").write_text("{}", encoding="utf-8")
    ended = cmgplan("plan", CASE, "--quiet", "--out", "run", cwd=tmp_path, before=limited)
    assert ended.returncode == 6
    assert "run: the file is larger than may be written" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["plan.json"]
    left = [p.name for p in tmp_path.iterdir() if p.name != "run.front.json"]
    assert left == ["run"]


def test_a_full_disk_is_named_with_its_place(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(MachineError, match=r"run: the disk is full; free some of it") as caught:
        write_folder(tmp_path / "run", RUN, fill)
    assert caught.value.exit_code == 6
    assert list(tmp_path.iterdir()) == []


def test_a_plan_goes_on_without_its_journal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with kept(tmp_path / "run", console.warn) as journal:
        journal.path.mkdir()  # where a file cannot be put
        journal.write({"points": [1]})
        journal.write({"points": [1, 2]})
        journal.path.rmdir()
    assert capsys.readouterr().err.count("warning: the front so far is not kept") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
@pytest.mark.parametrize("command", [["cases"], ["opf", str(NETWORK)]])
def test_output_that_nothing_takes_is_told(tmp_path: Path, command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "cmgplan", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 6
    assert ended.stderr.splitlines()[-1].startswith("error: ")
    assert "the disk is full" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.parametrize(
    ("work", "code", "told"),
    [
        ("raise MemoryError", 6, "memory is short"),
        ("import numpy; numpy.empty(10**15)", 6, "memory is short"),
        ("raise OSError(28, 'No space left on device')", 6, "the disk is full"),
        ("open('none/at/all', 'w')", 2, "none/at/all: No such file or directory"),
        ("raise ImportError('libx.so: cannot allocate memory in static TLS')", 6, "memory is"),
        ("import a_package_that_is_not", 6, "install cmgplan again"),
    ],
)
def test_what_the_machine_lacks_has_a_code_of_its_own(work: str, code: int, told: str) -> None:
    ended = finished(doing(work))
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith("error: ")
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_errors_of_the_system_keep_the_file_they_name() -> None:
    told = as_told(PermissionError(errno.EACCES, "Permission denied", "plan.json"))
    assert (str(told), told.exit_code) == (
        "plan.json: Permission denied; check the path, and that you may read and write there",
        2,
    )


@LINUX
@pytest.mark.parametrize("crash", ["os.abort()", "os.kill(os.getpid(), 11)", "os._exit(4)"])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_solver_that_crashes_on_its_way_out_is_an_interruption(
    crash: str, sent: signal.Signals
) -> None:
    assert _interrupted(sent, crash) == (130, "interrupted; nothing was written\n")


@LINUX
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_child_that_is_ended_by_itself_is_an_interruption(sent: signal.Signals) -> None:
    """As when a service manager ends every process of a group at once."""
    for work in (
        f"import signal; signal.signal({int(sent)}, signal.SIG_DFL); "
        f"os.kill(os.getpid(), {int(sent)})",
        f"os.kill(os.getpid(), {int(sent)})",
    ):
        ended = finished(doing(work))
        assert ended.returncode == 130
        assert "crashed" not in ended.stderr


def _interrupted(sent: signal.Signals, heeding: str) -> tuple[int, str]:
    """Interrupt work that heeds it in some way; return exit code and what was said."""
    work = (
        "import time\n    try:\n        print('at work', flush=True); time.sleep(60)\n"
        f"    except KeyboardInterrupt: {heeding}"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(doing(work), text=True, **pipes) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "at work\n"
        parent.send_signal(sent)
        _, err = parent.communicate(timeout=20)
    return parent.returncode, err


def test_work_that_is_done_when_the_interruption_comes_counts() -> None:
    assert _interrupted(signal.SIGTERM, "sys.exit(0)") == (0, "")


def test_exit_codes_are_each_for_one_thing() -> None:
    from cmgplan import errors

    codes = {
        kind.__name__: kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.CmgplanError)
    }
    assert json.loads(json.dumps(codes)) == {
        "CmgplanError": 1,
        "CaseError": 2,
        "InputError": 2,
        "InfeasibleError": 3,
        "LimitError": 4,
        "ReplayError": 5,
        "SolverError": 4,
        "MachineError": 6,
    }

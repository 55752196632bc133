"""Commands that solve run in a child: crashes, interruptions and orphans, as they really happen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from matpower_text import GOLDEN, branch, bus, gen, matpower

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
NETWORK = GOLDEN / "pglib_case14_ieee" / "network.m"

DOING = """
import os, sys
from cmgplan.cli import entry as cli
def work(**given):
    {work}
cli.app = work
sys.argv = ["cmgplan", "opf", "network.m"]
cli.main()
"""


def doing(work: str) -> list[str]:
    """Return a command line whose solver does as is said."""
    return [sys.executable, "-c", DOING.format(work=work)]


def finished(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_is_told_and_exits_4(number: signal.Signals) -> None:
    ended = finished(doing(f"os.kill(os.getpid(), {int(number)})"))
    assert ended.returncode == 4
    assert ended.stderr.startswith(f"error: cmgplan opf was ended by signal {int(number)} (")
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_an_abort_amid_output_keeps_what_was_said() -> None:
    ended = finished(doing("print('read', flush=True); os.abort()"))
    assert (ended.returncode, ended.stdout) == (4, "read\n")


@pytest.mark.parametrize("code", [0, 3, 5])
def test_the_exit_code_of_the_work_is_handed_on(code: int) -> None:
    assert finished(doing(f"sys.exit({code})")).returncode == code


def test_a_child_answers_as_the_command_does() -> None:
    ended = finished([sys.executable, "-m", "cmgplan", "opf", str(NETWORK), "--quiet"])
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("locally optimal")
    ended = finished([sys.executable, "-m", "cmgplan", "opf", "none.m"])
    assert ended.returncode == 2
    assert ended.stderr.count("error:") == 1


def child_of(parent: int) -> int:
    """Return the one child of a process as soon as it has one."""
    path = Path(f"/proc/{parent}/task/{parent}/children")
    for _ in range(500):
        if children := path.read_text().split():
            return int(children[0])
        time.sleep(0.02)
    raise AssertionError("no child was started")


def until_solving(process: int) -> None:
    """Wait until a process has loaded Ipopt, and a little longer."""
    for _ in range(1000):
        if "libipopt" in Path(f"/proc/{process}/maps").read_text():
            time.sleep(0.5)
            return
        time.sleep(0.02)
    raise AssertionError("Ipopt was not loaded")


def is_gone(process: int) -> bool:
    """Return whether a process is gone, or dead and not yet reaped, after a short while."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def long_network(tmp_path: Path) -> Path:
    """A feeder that takes many seconds to be solved and bounded."""
    count = 6000
    buses = [bus(1, kind=3), *(bus(k, 0.001, 0.0005) for k in range(2, count + 1))]
    lines = [branch(k // 2, k, r=0.001, x=0.001, rate=50.0) for k in range(2, count + 1)]
    path = tmp_path / "long.m"
    path.write_text(matpower(buses, [gen(1), gen(9), gen(70)], lines), encoding="utf-8")
    return path


@LINUX
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_amid_a_solve_ends_both_at_once(
    long_network: Path, sent: signal.Signals
) -> None:
    command = [sys.executable, "-m", "cmgplan", "opf", str(long_network)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child = child_of(parent.pid)
    until_solving(child)
    begun = time.monotonic()
    parent.send_signal(sent)
    out, err = parent.communicate(timeout=30)
    assert time.monotonic() - begun < 2.0
    assert (parent.returncode, out) == (130, "")
    said = [line for line in err.splitlines() if not line.startswith("CasADi")]
    assert said == ["interrupted; nothing was written"]
    assert is_gone(child)


@LINUX
def test_a_child_that_does_not_heed_an_interruption_is_ended() -> None:
    deaf = "import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(60)"
    parent = subprocess.Popen(doing(deaf), stderr=subprocess.PIPE, text=True)
    child = child_of(parent.pid)
    time.sleep(0.5)
    parent.send_signal(signal.SIGINT)
    _, err = parent.communicate(timeout=5)
    assert (parent.returncode, err) == (130, "interrupted; nothing was written\n")
    assert is_gone(child)


@LINUX
def test_no_child_outlives_its_parent() -> None:
    parent = subprocess.Popen(doing("import time; time.sleep(60)"))
    child = child_of(parent.pid)
    time.sleep(0.5)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(timeout=10)
    assert is_gone(child)

"""Errors that a user can cause or meet, each with the exit code of the command line."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cmgplan.plurals import counted

if TYPE_CHECKING:
    from cmgplan.explanation import Explanation


LONGEST_WORD, LONGEST_LINE = 300, 3000
"""Characters after which a word and a line of a message lose their middle: values of a file."""


def brief(message: str) -> str:
    """Return a message without the middle of words and lines that no reader reads."""
    if len(message) <= LONGEST_WORD:
        return message
    lines = []
    for line in message.split("\n"):
        short = re.sub(rf"\S{{{LONGEST_WORD},}}", lambda word: _ends(word.group(), 60), line)
        lines.append(_ends(short, 1000) if len(short) > LONGEST_LINE else short)
    return "\n".join(lines)


def _ends(text: str, length: int) -> str:
    """Return the two ends of a text, and how long it was."""
    return f"{text[:length]}...{text[-length // 2 :]} ({len(text)} characters)"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, or doubtful, in what the user gave.

    Attributes
    ----------
    file
        File name relative to the case folder.
    where
        Row (``row 7``, counted as an editor counts lines) or key (``microgrid[2].mt[0].p_max_kw``).
    message
        What is wrong, with the value found.
    mend
        What to do about it.
    severity
        ``error`` stops a plan, ``warning`` does not.
    """

    file: str
    where: str
    message: str
    mend: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """Return the fault as one line."""
        place = f"{self.file} {self.where}".strip()
        return brief(f"{place}: {self.message}; {self.mend}")


class CmgplanError(Exception):
    """Base of every error that is reported without a traceback."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(brief(message))


class CaseError(CmgplanError):
    """The case cannot be used; carries every fault found."""

    exit_code = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        head = counted(count, "problem")
        super().__init__("\n  ".join([f"{head}:", *(str(fault) for fault in self.faults)]))


class InputError(CmgplanError):
    """Input other than a case (a table, a run folder, an option) cannot be used."""

    exit_code = 2


class InfeasibleError(CmgplanError):
    """No schedule meets the limits; the message says which would have to give.

    ``explanation`` says it limit by limit where that is known.
    """

    exit_code = 3

    def __init__(self, message: str, explanation: Explanation | None = None) -> None:
        self.explanation = explanation
        super().__init__(message)


class LimitError(CmgplanError):
    """A time or iteration limit stopped the work before any answer was held."""

    exit_code = 4


class ReplayError(CmgplanError):
    """The independent power flow does not confirm the answer."""

    exit_code = 5


class SolverError(CmgplanError):
    """A solver ended abnormally."""

    exit_code = 4


class MachineError(CmgplanError):
    """The machine lacks what the work needs: room on a disk, memory, open files."""

    exit_code = 6


_LACKING = {
    errno.ENOSPC: "the disk is full; free some of it, or choose another place",
    errno.EDQUOT: "the quota of the disk is used up; free some of it, or choose another place",
    errno.EFBIG: "the file is larger than may be written (ulimit -f); raise the limit",
    errno.EIO: "the disk reports an error; choose another place",
    errno.ENOMEM: "memory is short; end other programs or take a machine with more",
    errno.EMFILE: "too many files are open (ulimit -n); raise the limit",
    errno.ENFILE: "too many files are open on this machine; end other programs",
    errno.EAGAIN: "no further process or thread may be started (ulimit -u); raise the limit",
}
"""What a machine lacks, by the number of the system's error, with the mend."""

_UNMAPPED = ("cannot allocate memory", "failed to map segment")
"""What the loader says where memory does not hold a library."""


def as_told(
    error: CmgplanError | OSError | MemoryError | ImportError, place: Path | str | None = None
) -> CmgplanError:
    """Return what the command line tells of an error, with its exit code.

    Parameters
    ----------
    error
        What came up.
    place
        File or folder at work, for errors of the system that name none.
    """
    if isinstance(error, CmgplanError):
        return error
    if isinstance(error, MemoryError):
        return MachineError(_LACKING[errno.ENOMEM])
    if isinstance(error, ImportError):
        if any(told in str(error).lower() for told in _UNMAPPED):
            return MachineError(_LACKING[errno.ENOMEM])
        return MachineError(f"a package is missing or damaged ({error}); install cmgplan again")
    where = error.filename if place is None else place
    start = "" if where is None else f"{where}: "
    if error.errno in _LACKING:
        return MachineError(f"{start}{_LACKING[error.errno]}")
    reason = error.strerror or str(error)
    return InputError(f"{start}{reason}; check the path, and that you may read and write there")

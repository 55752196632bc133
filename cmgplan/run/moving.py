"""Files and folders put in their places by renames."""

from __future__ import annotations

import os
import time
from pathlib import Path

WINDOWS = os.name == "nt"
"""There nothing can be renamed, or replaced, that another process has open."""

PATIENCE_S = 2.0
"""How long a rename is tried again there: scanners of viruses open what has just been written."""

POLL_S = 0.05


def move(source: Path, target: Path) -> None:
    """Rename a file or folder; a file that stands in the target's place is replaced.

    Raises
    ------
    OSError
        It cannot be done; on Windows also where another process keeps it, or the target, open.
    """
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            source.replace(target)
        except PermissionError as error:
            if not WINDOWS:
                raise
            if time.monotonic() > end:
                told = f"{error.strerror}, perhaps since another program has it open"
                raise PermissionError(error.errno, told, str(target)) from error
            time.sleep(POLL_S)
        else:
            return

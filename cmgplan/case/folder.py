"""The folder of a case: its files, none of which may lie outside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from cmgplan.errors import Fault
from cmgplan.given import MAX_MB, file_bytes

CASE_FILE, SOURCES_FILE = "case.toml", "SOURCES.md"


@dataclass(frozen=True)
class CaseFolder:
    """Reader of the text files of one case folder; ``path`` is the folder itself."""

    path: Path

    @classmethod
    def at(cls, path: Path | str) -> CaseFolder:
        """Return the folder of a case given by its folder or by its case.toml."""
        given = Path(path)
        return cls(given.parent if given.name == CASE_FILE else given)

    def read_text(self, name: str) -> str | Fault:
        """Return the text of a file of the case, or the fault that keeps it from being read."""
        place = self._inside(name)
        if isinstance(place, Fault):
            return place
        try:
            if not place.exists():
                return Fault(
                    name, "", f"there is no such file in {self.path}", "add it or correct its name"
                )
            if not place.is_file():
                return Fault(name, "", "this is not a regular file", "name a text file")
            content = file_bytes(place, MAX_MB * 1_000_000)
        except OSError as error:
            return Fault(
                name, "", f"it cannot be read ({error.strerror})", "let yourself read the file"
            )
        if content is None:
            message = f"it is larger than {MAX_MB} MB, the most that is read"
            return Fault(name, "", message, "leave out rows that are not planned")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            row = content.count(b"\n", 0, error.start) + 1
            return Fault(name, f"row {row}", "this is not UTF-8 text", "save the file as UTF-8")

    def _inside(self, name: str) -> Path | Fault:
        """Return where a file lies, or a fault if that is not inside the folder."""
        pure = PurePath(name)
        mend = "put the file into the case folder and give its name alone"
        if pure.is_absolute():
            return Fault(name, "", "an absolute path leaves the case folder", mend)
        if ".." in pure.parts:
            return Fault(name, "", 'a path with ".." may leave the case folder', mend)
        try:
            root, place = self.path.resolve(), (self.path / pure).resolve()
        except (OSError, RuntimeError, ValueError):
            return Fault(name, "", "this cannot be a path", mend)
        if not place.is_relative_to(root):
            return Fault(name, "", "a link leads out of the case folder", mend)
        return place

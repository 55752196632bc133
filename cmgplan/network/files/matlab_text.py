"""The words of MATLAB text: numbers, names, quoted text and signs, with their lines.

Known are comments and blocks of comments, continued lines, both kinds of quotes, transposes, and
the two meanings of a space and of a line's end, outside and inside of brackets. Nothing is
executed.
"""

from __future__ import annotations

import re
from math import inf
from typing import NamedTuple, NoReturn

MAX_DEPTH = 32
"""Brackets within brackets; files have three or four."""

MAX_ELEMENTS = 5_000_000
"""Of one matrix; the largest published case has 1.4 million."""

SHOWN = 60
"""Characters of a file's text that a message repeats at most."""

_PLAIN = r"[+-]?+(?:(?:\d{1,40}+(?:\.(?!\.)\d*+)?+|\.\d++)(?:[eE][+-]?+\d{1,2}+)?+|Inf|NaN)"
_ROW = re.compile(
    rf"[ \t]*+{_PLAIN}(?:(?:[ \t]++|[ \t]*+,[ \t]*+){_PLAIN})*+"
    r"[ \t]*+(?:;[ \t]*+)?+(?:%[^\n]*+)?+\n"
)
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\f\v\xa0]+)
    |(?P<more>\.\.\.[^\n]*\n)
    |(?P<note>[%#][^\n]*)
    |(?P<line>\n)
    |(?P<number>
        0[xX][0-9a-fA-F]+(?:[us](?:8|16|32|64))?
        |0[bB][01]+(?:[us](?:8|16|32|64))?
        |(?:\d+(?:\.(?![*/\\^'.])\d*)?|\.\d+)(?:[eEdD][+-]?\d+)?
    )
    |(?P<name>[A-Za-z]\w*)
    |(?P<sign>\.[*/\\^']|[=~!<>]=|&&|\|\||[-+*/\\^=<>~!&|()\[\]{},;:.@'"])
    """,
    re.VERBOSE | re.ASCII,
)
_TEXT = {quote: re.compile(f"{quote}(?:[^{quote}\n]|{quote}{quote})*+{quote}") for quote in "'\""}
_LINE_OF_TEXT = re.compile(r"[ \t]*+'[^'\n]++'[ \t]*+;?+[ \t]*+\n")
_RUNS_ON = re.compile(r"\w|\.\d")
_BLOCK = re.compile(r"^[ \t]*[%#]([{}])[ \t]*$", re.MULTILINE)
_CLOSES = {")": "(", "]": "[", "}": "{"}


class Fault(Exception):  # noqa: N818  (not an error of the program: its line and the mend are told)
    """What a line holds that cannot be read.

    ``certain`` says that the text is broken, so that what follows cannot be read either.
    """

    def __init__(self, line: int, message: str, *, certain: bool = False) -> None:
        self.line, self.message, self.certain = line, message, certain
        super().__init__(f"line {line}: {message}")


def too_many(line: int) -> Fault:
    """Return the fault of a matrix that is larger than any network."""
    return Fault(
        line, f"a matrix of more than {MAX_ELEMENTS:,} elements; make it smaller", certain=True
    )


class Token(NamedTuple):
    """A word of the text: its kind is number, name, text, sign, line (the end of one) or end."""

    kind: str
    value: str
    line: int
    spaced: bool
    inside: str
    start: int
    stop: int


class Place(NamedTuple):
    """Where a reading stands, to come back to."""

    position: int
    line: int
    brackets: tuple[tuple[str, int], ...]
    last: Token | None
    ahead: Token | None


class Words:
    """The words of a text in their order, with one word of foresight.

    Raises
    ------
    Fault
        A bracket, a quote or a block of comments is not closed, or a sign is not MATLAB's.
    """

    def __init__(self, text: str) -> None:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.text = text if text.endswith("\n") else text + "\n"
        self._position, self._line = 0, 1
        self._brackets: list[tuple[str, int]] = []
        self._last: Token | None = None
        self._ahead: Token | None = None

    def place(self) -> Place:
        """Return where the reading stands."""
        return Place(self._position, self._line, tuple(self._brackets), self._last, self._ahead)

    def back_to(self, place: Place) -> None:
        """Read on from a place."""
        self._position, self._line, brackets, self._last, self._ahead = place
        self._brackets = list(brackets)

    def peek(self) -> Token:
        """Return the next word without taking it."""
        if self._ahead is None:
            self._ahead = self._read()
        return self._ahead

    def take(self) -> Token:
        """Return the next word."""
        token = self.peek()
        self._ahead = None
        return token

    def is_next(self, *signs: str) -> bool:
        """Return whether the next word is one of some signs."""
        token = self.peek()
        return token.kind == "sign" and token.value in signs

    def rows_of_numbers(self) -> tuple[list[list[float]], list[int]]:
        """Take the whole lines that hold plain numbers and nothing else; return them and where.

        To be asked at the beginning of a matrix's row. Almost all of a large file is such lines.
        """
        rows: list[list[float]] = []
        lines: list[int] = []
        count = 0
        if self._ahead is not None:
            return rows, lines
        while found := _ROW.match(self.text, self._position):
            words = found[0].partition("%")[0].replace(",", " ").replace(";", " ").split()
            rows.append([float(word) for word in words])
            lines.append(self._line)
            count += len(words)
            if count > MAX_ELEMENTS:
                raise too_many(self._line)
            self._position, self._line = found.end(), self._line + 1
        return rows, lines

    def skip_lines_of_text(self) -> bool:
        """Go past whole lines of text in quotes within brackets; return whether there were any."""
        begun = self._position
        if self._ahead is None and self._last is not None and self._last.kind == "line":
            while found := _LINE_OF_TEXT.match(self.text, self._position):
                self._position, self._line = found.end(), self._line + 1
        return self._position > begun

    def _read(self) -> Token:
        spaced = False
        while True:
            found = _TOKEN.match(self.text, self._position)
            if found is None:
                return self._end_or_unknown(spaced)
            kind, start = found.lastgroup or "", self._position
            self._position = found.end()
            if kind == "space":
                spaced = True
            elif kind == "more":
                spaced, self._line = True, self._line + 1
            elif kind == "note":
                self._skip_block(start)
            elif kind == "line" and self._brackets and self._brackets[-1][0] == "(":
                self._not_closed()
            elif kind == "sign" and found[0] in "'\"" and self._begins_text(found[0], spaced):
                return self._quoted(start, spaced)
            else:
                return self._made(kind, found[0], start, spaced)

    def _made(self, kind: str, value: str, start: int, spaced: bool) -> Token:
        """Return a token and follow the brackets and lines that it opens or closes."""
        inside = self._brackets[-1][0] if self._brackets else ""
        token = Token(kind, value, self._line, spaced, inside, start, self._position)
        if kind == "line":
            self._line += 1
        elif kind == "number" and _RUNS_ON.match(self.text, self._position):
            whole = re.match(r"[\w.]*", self.text[start : start + SHOWN])
            shown = whole[0] if whole else value
            raise Fault(self._line, f"`{shown}` is not a number; correct it", certain=True)
        elif kind == "sign" and value in "([{":
            self._brackets.append((value, self._line))
            if len(self._brackets) > MAX_DEPTH:
                raise Fault(
                    self._line,
                    f"brackets are nested deeper than {MAX_DEPTH}; write the result instead",
                    certain=True,
                )
        elif kind == "sign" and value in _CLOSES:
            if inside != _CLOSES[value]:
                raise Fault(self._line, f"`{value}` closes no bracket; remove it", certain=True)
            self._brackets.pop()
        self._last = token
        return token

    def _begins_text(self, quote: str, spaced: bool) -> bool:
        """Return whether a quote begins a text; else it transposes what stands before it."""
        last = self._last
        if quote == '"' or last is None or spaced:
            return True
        ends_value = last.kind in ("number", "name", "text") or (
            last.kind == "sign" and last.value in (")", "]", "}", "'", ".'")
        )
        return not ends_value

    def _quoted(self, start: int, spaced: bool) -> Token:
        quote = self.text[start]
        found = _TEXT[quote].match(self.text, start)
        if found is None:
            raise Fault(self._line, "a text in quotes is not closed; close it", certain=True)
        self._position = found.end()
        return self._made("text", found[0][1:-1].replace(quote * 2, quote), start, spaced)

    def _skip_block(self, start: int) -> None:
        """Go past a block of comments where one begins."""
        begin = self.text.rfind("\n", 0, start) + 1
        found = _BLOCK.match(self.text, begin)
        if found is None or found[1] != "{":
            return
        depth, position = 0, begin
        while edge := _BLOCK.search(self.text, position):
            depth += 1 if edge[1] == "{" else -1
            position = edge.end()
            if depth == 0:
                self._line += self.text.count("\n", begin, position)
                self._position = position
                return
        raise Fault(self._line, "a block of comments is not closed; close it", certain=True)

    def _end_or_unknown(self, spaced: bool) -> Token:
        if self._position < len(self.text):
            sign = self.text[self._position]
            raise Fault(self._line, f"{sign!a} has no meaning here; remove it", certain=True)
        if self._brackets:
            self._not_closed()
        return Token("end", "", self._line, spaced, "", self._position, self._position)

    def _not_closed(self) -> NoReturn:
        line = self._brackets[-1][1]
        raise Fault(line, "a bracket is not closed; close it", certain=True)


def number_of(token: Token) -> float:
    """Return the value of a number: decimal with exponent e or d, hexadecimal or binary.

    Raises
    ------
    Fault
        The number is larger than a number of double precision can be.
    """
    word = token.value.lower()
    if word.startswith(("0x", "0b")):
        digits = re.split(r"[us]", word[2:])[0].lstrip("0")
        bits = 4 if word[1] == "x" else 1
        value = float(int(digits or "0", 2**bits)) if bits * len(digits) <= 64 else inf
    else:
        value = float(word.replace("d", "e"))
    if value == inf:
        raise Fault(token.line, f"`{word[:SHOWN]}` is too large; correct it")
    return value

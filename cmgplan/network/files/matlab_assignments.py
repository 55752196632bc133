"""Assignments of a MATLAB file: to variables, to fields of its struct, to elements of either.

What has no value here is passed over where it sets a variable of the file's own, which then has
no value; where it sets what is read of the file, it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cmgplan.network.files import matlab_values as arithmetic
from cmgplan.network.files.matlab_expressions import Evaluator, Unknown, filled
from cmgplan.network.files.matlab_text import Fault, Place, Token, Words
from cmgplan.network.files.matlab_values import Matrix, Value, ValueFault
from cmgplan.network.files.matpower_columns import DEFINED, IDX

_EXECUTING = frozenset(["assignin", "eval", "evalc", "evalin", "feval", "run", "source"])
_SHOWN, _WHY = 80, 120

MAX_TOTAL = 20_000_000
"""Numbers in all variables of a file together."""


@dataclass
class _Left:
    """The left side of an assignment: a name with its fields, and an index behind it."""

    key: str
    line: int
    start: Place
    index: Place | None = None
    known: bool = True


@dataclass
class Assignments:
    """What a file has set so far.

    Attributes
    ----------
    read
        Fields of the struct that must have a value.
    struct
        Name of the struct of the case; None before one is set, and where a function returns
        several variables.
    results
        Names that the function returns.
    lines
        Lines of a matrix's rows, by the variable; empty where they are not those of a text.
    set_at
        Line of the last statement that set a variable.
    named
        Other fields of the struct that are set to something.
    """

    words: Words
    read: frozenset[str]
    struct: str | None = None
    results: tuple[str, ...] = ()
    lines: dict[str, list[int]] = field(default_factory=dict)
    set_at: dict[str, int] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.evaluator = Evaluator(self.words)
        self.variables = self.evaluator.variables
        self._runs_code = False

    def assign(self, token: Token) -> None:
        """Take over ``name = value``, or a statement that sets nothing.

        Raises
        ------
        Fault
            It sets, or could set, what is read of the file, and has no value here.
        """
        self._runs_code = False
        left = self._left_side()
        if token.kind != "name" or not self.words.is_next("="):
            self.words.back_to(left.start)
            self._sets_nothing(token)
            return
        self.words.take()
        struct, _, path = left.key.partition(".")
        if self.struct is None and not self.results and path in self.read:
            self.struct = struct
        self.set_at[left.key] = left.line
        if left.key == self.struct and left.known and left.index is None:
            self._whole_struct(left)
            return
        behind = self.words.place()
        try:
            value, lines = self._right_side(left)
        except Fault as fault:
            if fault.certain or self._matters(left.key):
                raise self._refusal(left.start, fault) from fault
            self.words.back_to(behind)
            empty = self.rest()
            if self._runs_code:
                raise self._refusal(left.start, fault) from fault
            self._name(left.key, empty)
            self.variables[left.key] = Unknown(fault.line, fault.message[:_WHY])
        else:
            self._name(left.key, isinstance(value, np.ndarray) and value.size == 0)
            self.variables[left.key], self.lines[left.key] = value, lines
            if isinstance(value, np.ndarray) and value.size > MAX_TOTAL // 100:
                self._total_checked(left)

    def several(self, opening: Token) -> None:
        """Take over ``[A, B] = idx_bus``; the results of another function have no value."""
        start, names = self.words.place(), list[str]()
        depth = 0
        while True:
            word = self.words.take()
            if word.kind == "sign":
                depth += (word.value in "[({") - (word.value in "])}")
            if depth == 0 or word.kind == "end":
                break
            if word.kind == "name" or word.value in ("~", "!"):
                names.append(word.value)
        if not self.words.is_next("="):
            self.words.back_to(start)
            self._sets_nothing(opening)
            return
        self.words.take()
        function = self.words.take().value
        known = IDX.get(function)
        why = f"`{function[:_SHOWN]}` is not known here"
        if known is not None and len(names) <= len(known):
            self.variables.update(zip(names, known.values(), strict=False))
        elif function in _EXECUTING or any(self._matters(name) for name in names):
            raise self._refusal(start, Fault(opening.line, why))
        else:
            self.variables.update(dict.fromkeys(names, Unknown(opening.line, why)))
        self.rest()

    def rest(self) -> bool:
        """Take the rest of a statement; return whether it holds brackets and nothing else."""
        depth, empty = 0, True
        while True:
            empty &= not (depth and self.words.skip_lines_of_text())
            token = self.words.peek()
            if token.kind == "end" or (depth == 0 and _is_end(token)):
                return empty
            self.words.take()
            self._runs_code |= token.kind == "name" and token.value in _EXECUTING
            if token.kind == "sign":
                depth += (token.value in "([{") - (token.value in ")]}")
                empty &= token.value in "()[]{};,"
            elif token.kind != "line":
                empty &= token.kind == "text" and not token.value

    def _left_side(self) -> _Left:
        start = self.words.place()
        token = self.words.take()
        left = _Left(token.value, token.line, start)
        while token.kind == "name" and self.words.is_next(".", "(", "{"):
            left.known &= left.index is None
            sign = self.words.peek()
            if sign.value == ".":
                self.words.take()
                if self.words.peek().kind == "name":
                    left.key += f".{self.words.take().value}"
                    continue
                left.known = False
                if not self.words.is_next("("):
                    break
            left.known &= sign.value != "{"
            left.index = self.words.place()
            self._skip_brackets()
        return left

    def _skip_brackets(self) -> None:
        depth = 0
        while True:
            token = self.words.take()
            self._runs_code |= token.kind == "name" and token.value in _EXECUTING
            if token.kind == "sign":
                depth += (token.value in "([{") - (token.value in ")]}")
            if depth == 0 or token.kind == "end":
                return

    def _right_side(self, left: _Left) -> tuple[Value, list[int]]:
        known = left.known and left.key != self.struct
        if self._matters(left.key):
            known &= left.key.count(".") == (self.struct is not None)
        if not known:
            raise Fault(left.line, f"`{left.key}` is set in a way that is not known here")
        value = self.evaluator.expression()
        token = self.words.peek()
        if not _is_end(token):
            raise Fault(token.line, f"`{token.value}` stands where the statement should end")
        literal, lines = self.evaluator.literal
        if left.index is None:
            return value, list(lines) if value is literal else []
        behind = self.words.place()
        self.words.back_to(left.index)
        places = self.evaluator.places(left.key)
        self.words.back_to(behind)
        return self._with_elements(left, places, value)

    def _with_elements(
        self, left: _Left, places: list[Matrix | None], new: Value
    ) -> tuple[Value, list[int]]:
        """Return a variable whose elements have been set, or left out where they are set to []."""
        known = self.variables.get(left.key, np.zeros((0, 0)))
        if isinstance(known, Unknown):
            raise Fault(left.line, f"`{left.key}` has no value: line {known.line}: {known.why}")
        lines = list(self.lines.get(left.key, []))
        try:
            array, given = arithmetic.matrix(known), arithmetic.matrix(new)
            if given.shape == (0, 0):
                return _without(array, places, lines)
            shape = [old or more for old, more in zip(array.shape, given.shape, strict=True)]
            whole = arithmetic.placed(array, filled(places, tuple(shape)), new)
        except ValueFault as fault:
            raise Fault(left.line, str(fault)) from fault
        if lines:
            lines += [left.line] * (len(whole) - len(lines))
        return whole, lines

    def _whole_struct(self, left: _Left) -> None:
        """Accept an empty struct in the place of the case; anything else is not known here."""
        behind = self.words.place()
        begin = self.words.take()
        if begin.value == "[" and not self.words.is_next("]"):
            raise Fault(
                left.line,
                f"`{left.key}` is a matrix and no case; give a file whose function returns a "
                "struct with bus, gen and branch",
                certain=True,
            )
        self.words.back_to(behind)
        names = [token.value for token in self._statement(left.start) if token.kind == "name"]
        values = [t for t in self._statement(left.start) if t.kind in ("text", "number")]
        empty = names in ([left.key], [left.key, "struct"]) and not values
        if not empty or any(key.startswith(f"{left.key}.") for key in self.variables):
            what = f"`{begin.value}`" if begin.kind == "name" else "what it is set to"
            raise self._refusal(left.start, Fault(left.line, f"{what} is not known here as a case"))
        self.rest()

    def _sets_nothing(self, token: Token) -> None:
        """Pass over a value that is shown; refuse what may do anything else."""
        start = self.words.place()
        if token.value == "define_constants":
            self.variables.update(DEFINED)
            self.rest()
            return
        known = {self.struct, *(key.partition(".")[0] for key in self.variables)}
        statement = self._statement(start)
        if token.value in known and all(t.kind == "name" or t.value == "." for t in statement):
            self.rest()
            return
        try:
            self.evaluator.expression()
            if not _is_end(self.words.peek()):
                raise Fault(token.line, f"`{token.value}` begins no statement that is known here")
        except Fault as fault:
            raise self._refusal(start, fault) from fault

    def _statement(self, start: Place) -> list[Token]:
        """Return the words of the statement that begins at a place, and stay where one is."""
        here, tokens, depth = self.words.place(), list[Token](), 0
        self.words.back_to(start)
        while True:
            token = self.words.peek()
            if token.kind == "end" or (depth == 0 and _is_end(token)):
                break
            tokens.append(self.words.take())
            if token.kind == "sign":
                depth += (token.value in "([{") - (token.value in ")]}")
        self.words.back_to(here)
        return tokens

    def _matters(self, key: str) -> bool:
        """Return whether a variable is one that is read, or a part of one."""
        parts = key.split(".")
        if self.struct is None:
            return parts[0] in self.results
        return parts[0] == self.struct and (len(parts) == 1 or parts[1] in self.read)

    def _total_checked(self, left: _Left) -> None:
        """Refuse variables that together are larger than any network."""
        held = (v.size for v in self.variables.values() if isinstance(v, np.ndarray))
        if sum(held) > MAX_TOTAL:
            raise Fault(
                left.line,
                f"the variables hold more than {MAX_TOTAL:,} numbers; leave some out",
                certain=True,
            )

    def _name(self, key: str, empty: bool) -> None:
        """Keep the name of a field of the struct that is not read, unless it is empty."""
        struct, _, path = key.partition(".")
        name = path.partition(".")[0]
        if empty or struct != self.struct or not name or name in self.read:
            return
        if name not in self.named:
            self.named.append(name)

    def _refusal(self, start: Place, fault: Fault) -> Fault:
        """Return a fault with the statement in which it stands, and a mend."""
        if fault.certain:
            return fault
        words = self._statement(start)
        text = self.words.text[words[0].start : words[-1].stop] if words else ""
        shown = " ".join(text[: 20 * _SHOWN].split())[:_SHOWN]
        what, _, mend = fault.message.partition("; ")
        if mend:
            message = f"{what}, in `{shown}`; {mend}"
        else:
            message = (
                f"`{shown}` is code that is not known here, and code is not executed ({what}); "
                "write its result into the matrices"
            )
        return Fault(fault.line, message, certain=True)


def _is_end(token: Token) -> bool:
    return token.kind in ("line", "end") or (token.kind == "sign" and token.value in (";", ","))


def _without(
    array: Matrix, places: list[Matrix | None], lines: list[int]
) -> tuple[Matrix, list[int]]:
    """Return a matrix without some rows or some columns."""
    if len(places) != 2 or (places[0] is None) == (places[1] is None):
        raise ValueFault("whole rows or whole columns only can be left out")
    axis = 0 if places[1] is None else 1
    gone = places[axis]
    if gone is None or (len(gone) and int(gone.max()) >= array.shape[axis]):
        raise ValueFault("a row or column is left out that is not there")
    left = np.delete(array, gone, axis=axis)
    if axis == 0 and lines:
        lines = [int(line) for line in np.delete(np.array(lines), gone)]
    return left, lines

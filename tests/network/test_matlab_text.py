"""MATLAB text as case files have it: what each construct means, and what is refused where."""

from __future__ import annotations

import math
import random
import time
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from matpower_text import CONVERSIONS, branch, bus, gen, matpower

from cmgplan.errors import InputError
from cmgplan.network.files.matlab_text import MAX_DEPTH
from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.files.matpower_file import MatpowerFile, read_matpower_file
from cmgplan.network.files.pandapower_file import read_pandapower
from cmgplan.network.grid import Grid
from cmgplan.network.opf.problem import solve_opf

TRIANGLE = """function mpc = c
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;
2 1 50 10 0 0 1 1 0 110 1 1.1 0.9;
3 1 40 10 0 5 1 1 0 110 1 1.1 0.9;
];
mpc.gen = [
1 0 0 100 -100 1 100 1 200 0;
3 0 0 50 -50 1 100 1 30 0;
];
mpc.branch = [
1 2 0.01 0.05 0.02 0 0 0 0 0 1 -360 360;
2 3 0.01 0.05 0.02 0 0 0 0 0 1 -360 360;
1 3 0.01 0.06 0.02 0 0 0 0 0 1 -360 360;
];
mpc.gencost = [
2 0 0 3 0.02 20 0;
2 0 0 3 0.05 15 0;
];
"""
TRIANGLE_USD_PER_H = 1770.9241
LINES = TRIANGLE.count("\n")


def file_of(folder: Path, text: str | bytes) -> MatpowerFile:
    path = folder / "made.m"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_matpower_file(path)


def grid_of(folder: Path, text: str | bytes) -> Grid:
    path = folder / "made.m"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_matpower(path)


def value(folder: Path, expression: str, before: str = "") -> float:
    """Return what an expression makes of the base, which is read as any number is."""
    text = TRIANGLE.replace("mpc.baseMVA = 100;", f"{before}\nmpc.baseMVA = {expression};")
    return file_of(folder, text).scalars["baseMVA"]


@pytest.mark.parametrize(
    ("expression", "is_"),
    [
        ("1/sqrt(3)", 1 / math.sqrt(3)),
        ("1d-2", 0.01),
        ("1.5D+2", 150.0),
        ("0x32", 50.0),
        ("0b101", 5.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1./4", 0.25),
        ("2 + 3*4 - 6/3", 12.0),
        ("2^3^2", 64.0),
        ("2^-2", 0.25),
        ("200 - 2^2", 196.0),
        ("-(-7)", 7.0),
        ("+-+-7", 7.0),
        ("(1 + 2) * (3 + 4)", 21.0),
        ("4 \\ 8", 2.0),
        ("10*sin(acos(0.6))", 8.0),
        ("100*pi/180", 100 * math.pi / 180),
        ("round(2.5) + fix(-1.5) + abs(-1)", 3.0),
        ("1e3/10 ... and more\n + 1", 101.0),
        ("(5 > 3) + (2 ~= 2) + (1 <= 1)", 2.0),
        ("sum([1 2 3])", 6.0),
        ("sum(sum([1 2; 3 4]'))", 10.0),
        ("numel(1:2:9)", 5.0),
        ("size(zeros(3, 4), 2)", 4.0),
        ("sum(10:-5:0)", 15.0),
    ],
)
def test_arithmetic_is_matlabs(tmp_path: Path, expression: str, is_: float) -> None:
    assert value(tmp_path, expression) == pytest.approx(is_, rel=1e-15)


@pytest.mark.parametrize(
    ("row", "is_"),
    [
        ("1 -2", [1, -2]),
        ("1 - 2", [-1]),
        ("1 -2 - 3, +4", [1, -5, 4]),
        ("1 , 2,3 ,", [1, 2, 3]),
        ("a' a'", [2, 2]),
        ("a -a", [2, -2]),
        ("a (3)", [2, 3]),
        ("b(2) b( 1 )", [5, 4]),
        ("b(end) (b(1:2))", [5, 4, 5]),
        ("1:3 9", [1, 2, 3, 9]),
        ("-[1 2]*a", [-2, -4]),
        ("1 2 ... % a comment\n 3", [1, 2, 3]),
        ("[1;2]' 3", [1, 2, 3]),
        ("Inf -Inf 0x10", [math.inf, -math.inf, 16]),
        ("b .* b, b.^2", [16, 25, 16, 25]),
    ],
)
def test_spaces_and_commas_part_the_elements_of_a_row(
    tmp_path: Path, row: str, is_: list[float]
) -> None:
    text = TRIANGLE + f"a = 2; b = [4 5];\nmpc.gencost = [ {row} ];\n"
    assert file_of(tmp_path, text).matrices["gencost"].tolist() == [is_]


def test_text_in_either_quotes_is_text(tmp_path: Path) -> None:
    """Brackets, dots, signs of comments and doubled quotes in a text have no meaning."""
    texts = [
        "{'Bus 1...north'; 'b'; 'c'}",
        '{"Bus 1 (50% load)"; "Bus; 2"; "Bus 3"}',
        "{'it''s'; \"a \"\"b\"\" ]\"; '%{'}",
        "{'[', '(' , \"{\"}",
        '["abc"; "def"]',
    ]
    for names in texts:
        grid = grid_of(tmp_path, TRIANGLE + f"mpc.bus_name = {names};\nmpc.gencost(1, 6) = 20;")
        assert solve_opf(grid).objective == pytest.approx(TRIANGLE_USD_PER_H, abs=1e-4)
        assert grid.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TRIANGLE,
        TRIANGLE.encode("utf-16"),
        TRIANGLE.replace("\n", "\r\n"),
        TRIANGLE.replace("\n", "\r"),
        TRIANGLE.rstrip(),
        TRIANGLE.replace("function mpc = c", "function [mpc] = c()"),
        TRIANGLE.replace("function mpc = c", "  function  mpc=c % heading"),
        TRIANGLE.replace("function mpc = c\n", "function mpc = c;"),
        TRIANGLE.replace("function mpc = c", "clear all; clc\n").replace("mpc.", "case_3."),
        TRIANGLE.replace(";\nmpc", ",\nmpc").replace("= 100;", "= 100,"),
        TRIANGLE.replace("'2';\n", "'2', ").replace("= 100;\n", "= 100, "),
        TRIANGLE.replace("\n", "\f\n \v"),
        TRIANGLE.replace(";\n", "\n"),
        TRIANGLE.replace(";\n", "; % 5% of it's [\n"),
        TRIANGLE.replace("mpc.gen =", "%{\nmpc.bus = [ ;\n  %{\n%}\n %}\n# Octave's\nmpc.gen ="),
        TRIANGLE.replace("= [\n", "= ...\n [ ... here it's begun\n"),
        TRIANGLE.encode().replace(b"% ", b"% ").replace(b"= c\n", b"= c\n% Z\xfcrich \xff\xfe\n"),
        TRIANGLE + "end\n\nfunction y = other(x)\ny = x; system('none');\nend\n",
        TRIANGLE + "return;\nmpc = scale_load(2, mpc);\n",
        TRIANGLE + "disp('done'), fprintf('%d\\n', mpc.baseMVA); format long\nmpc\nx.y = @(t) t;\n",
        TRIANGLE + "mpc.bus(:, PD) = mpc.bus(:, PD) * 3; mpc.bus(:, [PD]) = mpc.bus(:, 3) ./ 3;",
        TRIANGLE + "define_constants;\nif mpc.baseMVA > 100\nmpc = other(mpc);\nend\n",
        TRIANGLE + "k = 0; if k, mpc.bus(1, 3) = 9; elseif ~k, x = 1; else, while 1, end, end\n",
        TRIANGLE + "mpc.gen(end + 1, :) = mpc.gen(end, :); mpc.gen(end, :) = [];\n",
        TRIANGLE + "mpc.gen(3, [1 2]) = 7; mpc.gen(find(mpc.gen(:, 1) == 7), :) = [];\n",
        TRIANGLE + "[~, ~, ~, ~, ~, ~, a, b] = idx_bus;\nmpc.bus(:, [a b]) = mpc.bus(:, [3, 4]);\n",
    ],
)
def test_the_same_network_in_other_text(tmp_path: Path, text: str | bytes) -> None:
    usual, other = file_of(tmp_path, TRIANGLE), file_of(tmp_path, text)
    assert other.scalars == usual.scalars
    assert set(other.matrices) == set(usual.matrices)
    for name, matrix in usual.matrices.items():
        assert other.matrices[name].tolist() == matrix.tolist(), name


def test_format_version_1_is_read(tmp_path: Path) -> None:
    """Its functions return variables; angle limits are not in it, flows may be."""
    heading = "function [baseMVA, bus, gen, branch, areas, gencost] = old"
    old = TRIANGLE.replace("function mpc = c", heading).replace("mpc.version = '2';\n", "")
    old = old.replace("mpc.", "").replace("-360 360", "5 6 7 8") + "areas = [1 1];\nreturn;\n"
    for text in (
        old,
        TRIANGLE.replace("'2'", "'1'").replace("-360 360", "5 6 7 8"),
        TRIANGLE.replace("mpc.version = '2';", "").replace("-360 360", "5 6 7 8"),
    ):
        grid = grid_of(tmp_path, text)
        assert np.isinf(grid.branches.angle_max_rad).all()
        assert solve_opf(grid).objective == pytest.approx(TRIANGLE_USD_PER_H, abs=1e-4)
    with pytest.raises(InputError, match=r"made.m line 10: `gen = \[ 1 0 .* \(`k` is not a number"):
        grid_of(tmp_path, old.replace("\n3 0 0 50", "\nk 0 0 50"))


def test_conversions_are_followed_by_their_arithmetic(tmp_path: Path) -> None:
    """Ohm over 110^2/100 ohm, kW over 1000; a condition that holds is followed as well."""
    usual = file_of(tmp_path, TRIANGLE)
    tail = "if mpc.baseMVA == 100\nmpc.gen(:, [QMAX QMIN]) = 2 * mpc.gen(:, [QMAX QMIN]);\nend\n"
    made = file_of(tmp_path, TRIANGLE + CONVERSIONS + tail)
    assert made.matrices["branch"][:, 2:4] == pytest.approx(usual.matrices["branch"][:, 2:4] / 121)
    assert made.matrices["bus"][:, 2:4] == pytest.approx(usual.matrices["bus"][:, 2:4] / 1000)
    assert made.matrices["gen"][:, 3].tolist() == [200.0, 100.0]
    assert made.matrices["gen"][:, 4].tolist() == [-200.0, -100.0]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("mpc.bus(1, 3) = 1/0;", "a division by zero, in `mpc.bus(1, 3) = 1/0`"),
        ("mpc.branch(:, 3) = mpc.branch(:, 3) ./ mpc.bus(:, 3);", "a division by zero"),
        ("mpc.baseMVA = 1e200 * 1e200;", "larger than a number can be"),
        ("mpc.baseMVA = 1e999;", "`1e999` is too large"),
        ("mpc.baseMVA = 0x" + "f" * 400 + ";", "is too large"),
        ("mpc.baseMVA = sqrt(-1);", "not a real number"),
        ("mpc.baseMVA = 12abc;", "`12abc` is not a number"),
        ("mpc.baseMVA = 1.2.3;", "`1.2.3` is not a number"),
        ("mpc.baseMVA = 'a';", "mpc.baseMVA is not made of numbers"),
        ("mpc.baseMVA = [1 2];", "mpc.baseMVA is not one number"),
        ("mpc.bus(1, 3) = 'x';", "a text stands where a number is needed"),
        ("mpc.bus(9, 99) = 1:3;", "a matrix of 1 by 3 is given to 1 by 1 elements"),
        ("mpc.bus(1e9, 1e9) = 1;", "an index is not a whole number"),
        ("mpc.bus(1:5000000, :) = 1;", "a matrix of more than 5,000,000 elements"),
        ("mpc.bus = zeros(1e5, 1e5);", "a matrix of more than 5,000,000 elements"),
        ("mpc.bus = 1:1e300;", "a range of more than 5,000,000 numbers"),
        ("mpc.bus = (1:10000)' .* (1:10000);", "a matrix of more than 5,000,000 elements"),
        ("a = 1:5e6; b = a; c = a; d = a; e_ = a;", "more than 20,000,000 numbers"),
        ("mpc.bus(0, 3) = 1;", "an index is not a whole number"),
        ("x = mpc.bus(7, 3); mpc.bus(1, 3) = x;", "`x` has no value: line 22: element 7"),
        ("k = find_it(mpc); mpc.gen(k, 3) = 1;", "`k` has no value: line 22: `find_it` is not"),
        ("mpc = scale_load(1.1, mpc);", "`scale_load` is not known here as a case"),
        ("mpc = loadcase('case9');", "`loadcase` is not known here as a case"),
        ("[mpc, x] = other(mpc);", "`other` is not known here"),
        ("[mpc.bus, x] = deal(1, 2);", "`deal` is not known here"),
        ("mpc.bus.x = 3;", "`mpc.bus.x = 3` is code"),
        ("mpc.('bus') = 3;", "`mpc` is set in a way"),
        ("mpc.bus{3} = 3;", "`mpc.bus` is set in a way"),
        ("system('none');", "`system('none')` is code that is not known here"),
        ("x = evalc('mpc.bus(1, 3) = 5');", "`evalc` is not a number"),
        ("other_script", "`other_script` is not a number and no name that is known"),
        ("!none", "`!none` is code that is not known here"),
        ("while 1, end", "`while` is code that is not known here"),
        ("if nargin, end", "the condition of `if` is not known here"),
        ("if 0, mpc.x = 1;", "`if` has no `end`"),
        ("else", "`else` has no `if`"),
        ("end, mpc.bus(1, 3) = 4;", "a statement stands behind the `end`"),
        ("mpc.gen = [1 2", "a bracket is not closed"),
        ("mpc.gen = (1 + 2", "a bracket is not closed"),
        ("mpc.gen = 1 + 2)", "`)` closes no bracket"),
        ("mpc.gen = [1 2)", "`)` closes no bracket"),
        ("mpc.x = 'open", "a text in quotes is not closed"),
        ("%{", "a block of comments is not closed"),
        ("mpc.x = 5 ?", "'?' has no meaning here"),
        ("mpc.x = 5 \u20ac", r"'\u20ac' has no meaning here"),
        ("mpc.baseMVA = [1 2](2);", "`(` stands where the statement should end"),
        ("mpc.gen = 1 2", "`2` stands where the statement should end"),
        ("mpc.baseMVA = " + "(" * 10000 + "1" + ")" * 10000, "nested deeper than 32"),
        ("mpc.baseMVA = " + "[" * 10000, "nested deeper than 32"),
        ("mpc.bus(" * 5000, "nested deeper than 32"),
    ],
)
def test_what_has_no_value_is_refused_by_file_and_line(
    tmp_path: Path, line: str, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        file_of(tmp_path, TRIANGLE + line + "\n")
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"made.m line {LINES + 1}: ")
    assert "; " in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_division_by_zero_in_a_matrix_is_told_by_its_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"made.m line 15: a division by zero.* \(Inf for no"):
        file_of(tmp_path, TRIANGLE.replace("2 3 0.01", "2 3 1/0"))


def test_a_bracket_that_is_left_open_is_told_where_it_opens(tmp_path: Path) -> None:
    text = TRIANGLE.replace("];\nmpc.branch", "\nmpc.branch")
    with pytest.raises(InputError, match=r"made.m line 9: a bracket is not closed before line 13"):
        file_of(tmp_path, text)


def test_nesting_and_signs_within_the_limits_are_read(tmp_path: Path) -> None:
    deep = MAX_DEPTH - 1
    assert value(tmp_path, "(" * deep + "5" + ")" * deep) == 5.0
    assert value(tmp_path, "-" * 3000 + "5") == 5.0
    assert value(tmp_path, "+".join(["1"] * 3000)) == 3000.0
    assert value(tmp_path, "(" * deep + "1 + 2 * 3 ^ 1 > 0 & 1 | 0 && 1 || 0" + ")" * deep) == 1.0


def test_grid_faults_name_file_row_and_line(tmp_path: Path) -> None:
    faults = {
        ("2 1 50 10", "2 7 50 10"): "mpc.bus row 2, line 6: the type of the bus",
        ("2 1 50 10", "2.5 1 50 10"): "mpc.bus row 2, line 6: the bus number is not a whole",
        ("2 1 50 10", "2 1 NaN 10"): "mpc.bus row 2, line 6: column 3 is not a finite number",
        (
            "2 1 50 10",
            "3 1 50 10",
        ): "bus 3 stands twice in mpc.bus: row 2, line 6 and row 3, line 7",
        ("1.1 0.9;\n3", "0.8 0.9;\n3"): r"bus 2 (mpc.bus row 2, line 6): voltage limits cross",
        ("200 0;", "200 NaN;"): r"generator 1 at bus 1 (mpc.gen row 1, line 10): active limits",
        ("1 200 0;", "NaN 200 0;"): "mpc.gen row 1, line 10: column 8 is not a finite number",
        ("2 3 0.01 0.05", "2 3 0 0"): "branch 2-3 (mpc.branch row 2, line 15) has no impedance",
        ("2 3 0.01 0.05", "2 4 0 1"): "mpc.branch row 2, line 15 names bus 4",
        ("2 3 0.01 0.05", "2 3 Inf 1"): "mpc.branch row 2, line 15: column 3 is not a finite",
        ("2 3 0.01 0.05 0.02 0", "2 3 0 1 0.02 NaN"): "row 2, line 15: the rating is not a number",
        ("2 0 0 3 0.05", "2 0 0 NaN 0.05"): "2 at bus 3 (mpc.gencost row 2, line 20): nan numbers",
        ("2 0 0 3 0.05", "2 0 0 Inf 0.05"): "2 at bus 3 (mpc.gencost row 2, line 20): inf numbers",
        ("2 0 0 3 0.05", "NaN 0 0 3 0.05"): "(mpc.gencost row 2, line 20): model nan is neither",
        ("2 0 0 3 0.05", "2 0 0 3 1e308"): "line 20): a coefficient is too large",
    }
    for (old, new), told in faults.items():
        assert TRIANGLE.count(old) == 1
        with pytest.raises(InputError) as caught:
            grid_of(tmp_path, TRIANGLE.replace(old, new))
        assert str(caught.value).startswith("made.m: ")
        assert told in str(caught.value)


def test_rows_keep_their_lines_when_others_are_left_out(tmp_path: Path) -> None:
    text = TRIANGLE + "mpc.branch(1, :) = [];\nmpc.branch(end + 1, :) = mpc.branch(1, :);\n"
    file = file_of(tmp_path, text)
    assert file.lines["branch"] == [15, 16, LINES + 2]
    assert file.row("branch", 2) == f"mpc.branch row 3, line {LINES + 2}"


def test_without_a_reference_the_first_bus_with_a_generator_is_taken(tmp_path: Path) -> None:
    """As in MATPOWER: of type 2 and in service, in the order of the buses; else of any type."""
    second = TRIANGLE.replace("1 3 0 0", "1 1 0 0").replace("3 1 40", "3 2 40")
    neither = TRIANGLE.replace("1 3 0 0", "1 1 0 0")
    for text, taken in ((second, 2), (neither, 0)):
        grid = grid_of(tmp_path, text)
        assert grid.reference.tolist() == [taken]
        assert grid.notes == (
            f"no bus is the reference (type 3): bus {taken + 1}, which has a generator, is taken",
        )
        assert solve_opf(grid).objective == pytest.approx(TRIANGLE_USD_PER_H, abs=1e-4)


def pieces(x: list[float], y: list[float]) -> str:
    points = [v for pair in zip(x, y, strict=True) for v in pair]
    costs = [[1, 0, 0, len(x), *points]]
    return matpower([bus(1, kind=3), bus(2, 10.0)], [gen(1)], [branch(1, 2)], costs)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0, 10, 20, 30], [100, 253.3333, 406.6667, 560]),
        ([396, 397.33333, 398.66667, 400], [3208.986, 3219.79067, 3230.59533, 3241.4]),
        ([0, 100, 200, 300], [0, 1533, 3067, 4600]),
        ([0, 1, 2, 3], [0, 0.1, 0.2, 0.1 + 0.2]),
    ],
)
def test_segments_are_merged_where_rounding_alone_breaks_them(
    tmp_path: Path, x: list[float], y: list[float]
) -> None:
    """The cost is nowhere further from a printed point than the last printed digit."""
    cost = grid_of(tmp_path, pieces(x, y)).generators.piecewise[0]
    slope = np.asarray(cost.slope_usd_per_puh)
    assert np.all(np.diff(slope) >= -1e-9 * slope[1:])
    p_pu = np.array(x) / 100.0
    read = np.max(slope[:, None] * p_pu + np.asarray(cost.intercept_usd_per_h)[:, None], axis=0)
    decimals = max(len(str(v).partition(".")[2]) for v in y) if y[1] < 2000 else 0
    assert read == pytest.approx(y, abs=10.0 ** -min(decimals, 4))
    assert np.all(read <= np.array(y) + 1e-9)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0, 10, 20, 30], [100, 253.36, 406.66, 560.1]),
        ([0, 10, 20, 30], [0, 153, 305, 459]),
        ([0, 1, 2], [0, 2, 3]),
        ([0, 0.1, 0.2, 0.3], [0, 2, 3.9, 6.1]),
        ([0, 1000, 2000, 3000], [0, 20000, 39990, 60020]),
        ([0, 10, 20, 30], [0, 153.3, 305.1, 459.9]),
    ],
)
def test_costs_that_are_not_convex_stay_refused(
    tmp_path: Path, x: list[float], y: list[float]
) -> None:
    with pytest.raises(InputError, match=r"gencost row 1, line 16\): the segments are not convex"):
        grid_of(tmp_path, pieces(x, y))


def test_a_line_in_rounded_segments_costs_what_the_line_costs(tmp_path: Path) -> None:
    rounded = TRIANGLE.replace(
        "2 0 0 3 0.02 20 0;\n2 0 0 3 0.05 15 0;",
        "2 0 0 3 0.02 20 0 0 0 0 0 0;\n1 0 0 4 0 100 10 253.3333 20 406.6667 30 560;",
    )
    straight = TRIANGLE.replace("2 0 0 3 0.05 15 0;", "2 0 0 3 0 46/3 100;")
    objectives = [solve_opf(grid_of(tmp_path, text)).objective for text in (rounded, straight)]
    assert objectives[0] == pytest.approx(objectives[1], abs=2e-4)


def mutants(text: str, count: int, seed: int) -> list[str]:
    """Return texts in which characters have been left out, put in or exchanged."""
    draw = random.Random(seed)  # noqa: S311
    letters = "()[]{}'\"%.,;:=+-*/^~!@#&|<> \n\t0179eEdxaImpc\\_\x00\u00e9"
    made = []
    for _ in range(count):
        mutant = list(text)
        for _ in range(draw.randint(1, 4)):
            k = draw.randrange(len(mutant))
            kind = draw.randrange(4)
            if kind == 0:
                del mutant[k : k + draw.choice((1, 1, 3, 20))]
            elif kind == 1:
                mutant.insert(k, draw.choice(letters))
            elif kind == 2:
                mutant[k] = draw.choice(letters)
            else:
                j = draw.randrange(len(mutant))
                mutant[k], mutant[j] = mutant[j], mutant[k]
        made.append("".join(mutant))
    return made


def test_an_altered_text_is_read_or_refused(tmp_path: Path) -> None:
    """No other error than the one that names the file, and no mutant takes long."""
    tail = CONVERSIONS + "mpc.bus_name = {\n'a'; \"b (5%)\"; 'c...'\n};\nif 0, x = sqrt(3); end\n"
    read, refused, longest = 0, 0, 0.0
    for mutant in mutants(TRIANGLE + tail, 300, seed=20):
        begun = time.perf_counter()
        try:
            grid_of(tmp_path, mutant)
            read += 1
        except InputError as error:
            assert str(error).startswith("made.m")
            refused += 1
        longest = max(longest, time.perf_counter() - begun)
    assert read > 30
    assert refused > 100
    assert longest < 5.0


def test_slopes_that_are_printed_are_rounded_themselves(tmp_path: Path) -> None:
    """A pandapower network gives slopes: a step down by the last of five digits is rounding."""
    net = pp.create_empty_network(sn_mva=1.0)
    buses = [pp.create_bus(net, 10.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(2)]
    pp.create_line_from_parameters(net, *buses, 1.0, 0.1, 0.1, 0.0, 1.0)
    pp.create_ext_grid(net, 0, min_p_mw=0, max_p_mw=21, min_q_mvar=-9, max_q_mvar=9)
    pp.create_load(net, 1, 5.0)
    for slopes, is_line in (((15.33333, 15.33334, 15.33333), True), ((15.34, 15.2, 15.34), False)):
        net.pwl_cost = net.pwl_cost.iloc[:0]
        points = [[7.0 * k, 7.0 * (k + 1), slope] for k, slope in enumerate(slopes)]
        pp.create_pwl_cost(net, 0, "ext_grid", points)
        path = tmp_path / "net.json"
        pp.to_json(net, str(path))
        if is_line:
            slope = read_pandapower(path).generators.piecewise[0].slope_usd_per_puh
            assert slope == pytest.approx([15.333335] * len(slope), abs=1e-5)
        else:
            with pytest.raises(InputError, match="the segments are not convex"):
                read_pandapower(path)

"""Pandapower files that name code: nothing that they name is imported, called or opened."""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandapower as pp
import pytest

from cmgplan.cli import main
from cmgplan.errors import InputError
from cmgplan.network.files.pandapower_tables import TABLES, decoded_net

WATCHED = (
    *("import", "open", "exec", "compile", "os.system", "os.exec", "os.posix_spawn", "os.fork"),
    *("subprocess.Popen", "socket.connect", "ctypes.dlopen", "pickle.find_class", "glob.glob"),
)
BAIT = "bait_of_a_network"
"""A module in the current folder that leaves a file behind when it is imported."""


class _Watch:
    """What the interpreter reports while something is read; a hook cannot be taken away again."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[tuple[str, str]] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on and event in WATCHED:
            self.seen.append((event, str(args[0]) if args else ""))


WATCH = _Watch()


@pytest.fixture(scope="module")
def valid() -> dict[str, Any]:
    """A small network as pandapower saves it, without most of the tables that have no row."""
    net = pp.create_empty_network(name="small")
    a, b, c = (pp.create_bus(net, vn, geodata=(0, 1)) for vn in (110.0, 20.0, 20.0))
    pp.create_transformer(net, a, b, "25 MVA 110/20 kV")
    pp.create_line(net, b, c, 1.0, "NAYY 4x150 SE")
    pp.create_ext_grid(net, a, min_p_mw=-9, max_p_mw=9, min_q_mvar=-9, max_q_mvar=9)
    pp.create_load(net, c, 2.0, 0.5)
    pp.create_gen(net, c, 0.5, min_p_mw=0.0, max_p_mw=1.0, min_q_mvar=-1.0, max_q_mvar=1.0)
    pp.create_switch(net, b, 0, et="l")
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=50.0)
    pp.create_pwl_cost(net, 0, "gen", [[0.0, 0.5, 40.0], [0.5, 1.0, 60.0]])
    saved: dict[str, Any] = json.loads(pp.to_json(net))
    entries = saved["_object"]
    kept = {key for key in entries if key in TABLES and len(net[key])} | {"motor", "res_bus"}
    kept |= {"version", "format_version", "name", "f_hz", "sn_mva", "converged", "std_types"}
    saved["_object"] = {key: entries[key] for key in entries if key in kept}
    types = saved["_object"]["std_types"]
    saved["_object"]["std_types"] = {"line": dict(list(types["line"].items())[:1])}
    return saved


@pytest.fixture(scope="module", autouse=True)
def _loaded(valid: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Read once unwatched: what pandapower and pandas load late is loaded then."""
    path = tmp_path_factory.mktemp("first") / "net.json"
    path.write_text(json.dumps(valid), encoding="utf-8")
    decoded_net(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a module as bait; no file but those of the test may appear in it."""
    (tmp_path / f"{BAIT}.py").write_text(
        f"import pathlib\npathlib.Path({str(tmp_path / 'EXECUTED')!r}).touch()\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    called: list[Any] = []
    monkeypatch.setattr(os, "system", called.append)
    yield tmp_path
    assert called == []
    assert not (tmp_path / "EXECUTED").exists()
    assert BAIT not in sys.modules
    assert "this" not in sys.modules


def hostiles(folder: Path) -> dict[str, Any]:
    """Return what may not stand where a value belongs: each would leave EXECUTED, or a trace."""
    marker = folder / "EXECUTED"
    return {
        "call": {"_module": "os", "_class": "system", "_object": f"touch {marker}"},
        "function": {"_module": BAIT, "_class": "function", "_object": "go"},
        "import": {"_module": "this", "_class": "s", "_object": ""},
        "class alone": {"_class": "Popen", "_object": f"touch {marker}"},
        "bait": {"_module": BAIT, "_class": "Bait", "_object": "{}"},
        "numpy's loader": {"_module": "numpy", "_class": "load", "_object": str(marker)},
        "builtins": {"_module": "builtins", "_class": "eval", "_object": "1"},
        "list": [{"x": {"_module": "os", "_class": "system", "_object": f"touch {marker}"}}],
        "table": {
            "_module": "pandas.core.frame",
            "_class": "DataFrame",
            "orient": "split",
            "_object": json.dumps(
                {
                    "columns": ["x"],
                    "index": [0],
                    "data": [[{"_module": BAIT, "_class": "Bait", "_object": "{}"}]],
                }
            ),
        },
    }


def two_of(kinds: dict[str, Any], turn: int) -> Iterator[tuple[str, Any]]:
    """Yield the call, and the other kinds in turn, so that each is tried in many places."""
    names = list(kinds)
    for name in {names[0], names[turn % len(names)]}:
        yield name, kinds[name]


def watched(path: Path) -> str | None:
    """Read a file; return the refusal, and fail if more than the file itself was touched."""
    WATCH.seen.clear()
    WATCH.on = True
    try:
        decoded_net(path)
    except InputError as error:
        told: str | None = str(error)
    else:
        told = None
    finally:
        WATCH.on = False
    assert [seen for seen in WATCH.seen if seen != ("open", str(path))] == []
    return told


def save(net: dict[str, Any], *, escaped: bool = False) -> Path:
    path = Path("net.json").absolute()
    text = json.dumps(net)
    if escaped:
        text = text.replace('_module"', '\\u005fmodule"').replace('_class\\"', '_cl\\\\u0061ss\\"')
    path.write_text(text, encoding="utf-8")
    return path


def table_positions(entry: dict[str, Any]) -> Iterator[tuple[str, Callable[[Any, Any], None]]]:
    """Yield each place in and beside a table with the function that puts something there."""
    for part in (*entry, "x", "index_name", "column_names", "is_multicolumn"):
        yield part, lambda table, value, part=part: table.update({part: value})
    held = json.loads(entry["_object"])

    def within(change: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def put(table: Any, value: Any) -> None:
            inner = json.loads(table["_object"])
            change(inner, value)
            table["_object"] = json.dumps(inner)

        return put

    for part in ("columns", "index", "data", "x"):
        yield part, within(lambda inner, value, part=part: inner.update({part: value}))
    if held["data"]:
        yield "index 0", within(lambda inner, value: inner["index"].__setitem__(0, value))
        yield "column 0", within(lambda inner, value: inner["columns"].__setitem__(0, value))
        yield "row 0", within(lambda inner, value: inner["data"].__setitem__(0, value))
    for k, column in enumerate(held["columns"] if held["data"] else ()):
        yield column, within(lambda inner, value, k=k: inner["data"][0].__setitem__(k, value))
        if isinstance(entry.get("dtype"), dict):
            yield (
                f"dtype {column}",
                lambda table, value, column=column: table["dtype"].update({column: value}),
            )
    if "points" in held["columns"]:
        at = held["columns"].index("points")
        yield (
            "a slope",
            within(lambda inner, value: inner["data"][0][at][0].__setitem__(2, value)),
        )


def test_a_sound_file_opens_itself_alone(folder: Path, valid: dict[str, Any]) -> None:
    assert watched(save(valid)) is None
    assert set(WATCH.seen) == {("open", str(folder / "net.json"))}


@pytest.mark.parametrize("escaped", [False, True])
def test_code_in_place_of_an_entry_is_refused_by_its_key(
    folder: Path, valid: dict[str, Any], escaped: bool
) -> None:
    """At the top, in each entry of the network, beside it, and one level down in each entry."""
    entries, kinds = valid["_object"], hostiles(folder)
    for turn, key in enumerate((*valid, "extra")):
        for kind, hostile in two_of(kinds, turn):
            told = watched(save({**valid, key: hostile}, escaped=escaped))
            assert told is not None, (kind, key)
    for turn, key in enumerate((*entries, "extra")):
        for kind, hostile in two_of(kinds, turn):
            net = {**valid, "_object": {**entries, key: hostile}}
            told = watched(save(net, escaped=escaped))
            assert told is not None, (kind, key)
            assert key in told, (kind, key, told)


def test_code_in_any_place_of_a_table_is_refused_by_table_and_place(
    folder: Path, valid: dict[str, Any]
) -> None:
    count, kinds = 0, hostiles(folder)
    for key in sorted(TABLES & set(valid["_object"])):
        entry = valid["_object"][key]
        for place, put in table_positions(entry):
            for kind, hostile in two_of(kinds, count):
                if kind == "table" and place in entry:
                    continue  # the parts of a table are texts; its own text is tried below
                table = copy.deepcopy(entry)
                put(table, hostile)
                net = {**valid, "_object": {**valid["_object"], key: table}}
                told = watched(save(net, escaped=count % 2 == 0))
                assert told is not None, (key, place, kind)
                assert key in told, (key, place, kind, told)
                count += 1
    assert count > 300


def test_code_in_standard_types_and_in_other_entries_is_refused(
    folder: Path, valid: dict[str, Any]
) -> None:
    for kind, hostile in hostiles(folder).items():
        net = copy.deepcopy(valid)
        types = net["_object"]["std_types"]["line"]
        types[next(iter(types))]["r_ohm_per_km"] = hostile
        assert "std_types" in (watched(save(net)) or ""), kind
        net = copy.deepcopy(valid)
        net["_object"]["user_pf_options"] = {"init": [hostile]}
        assert "user_pf_options" in (watched(save(net)) or ""), kind


@pytest.mark.parametrize("place", ["/etc/passwd", "net.json", "http://localhost:9/net.json", "."])
def test_a_path_in_place_of_a_table_is_not_opened(
    folder: Path, valid: dict[str, Any], place: str
) -> None:
    inner = str(folder / "other.json")
    Path(inner).write_text(valid["_object"]["bus"]["_object"], encoding="utf-8")
    for name in (place, inner):
        for entry in (name, {**valid["_object"]["bus"], "_object": name}):
            net = {**valid, "_object": {**valid["_object"], "bus": entry}}
            assert "bus" in (watched(save(net)) or "")
        assert "network" in (watched(save({**valid, "_object": name})) or "")


def test_what_pandapower_stores_beside_its_tables_stays_unread(
    folder: Path, valid: dict[str, Any]
) -> None:
    """A controller, a set, a number of NumPy: their classes are not created."""
    control = {"_module": "pandapower.control.basic_controller", "_class": "Controller"}
    table = {
        "_module": "pandas.core.frame",
        "_class": "DataFrame",
        "orient": "split",
        "_object": json.dumps({"columns": ["object"], "index": [0], "data": [[control]]}),
    }
    extras = {
        "controller": table,
        "sn_mva": {"_module": "numpy", "_class": "float64", "_object": 2.0},
        "zones": {"_module": "builtins", "_class": "set", "_object": ["a"]},
    }
    path = save({**valid, "_object": {**valid["_object"], **extras}})
    assert watched(path) is None
    net, notes = decoded_net(path)
    assert net.sn_mva == 2.0
    assert len(net.controller) == 0
    assert "table controller is not honoured" in notes


@pytest.mark.parametrize("place", ["scalar", "number", "beside a table", "beside the network"])
@pytest.mark.parametrize("kind", ["call", "import", "bait"])
def test_the_command_line_exits_2(
    folder: Path,
    valid: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    place: str,
    kind: str,
) -> None:
    net, hostile = copy.deepcopy(valid), hostiles(folder)[kind]
    target, key = {
        "scalar": (net["_object"], "name"),
        "number": (net["_object"], "sn_mva"),
        "beside a table": (net["_object"]["bus"], "x"),
        "beside the network": (net, "extra"),
    }[place]
    target[key] = hostile
    save(net)
    for command in (["opf", "net.json"], ["new", "made", "--network", "net.json"]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 2
        err = capsys.readouterr().err
        assert "net.json" in err
        assert key in err
        assert "Traceback" not in err
    assert not Path("made").exists()

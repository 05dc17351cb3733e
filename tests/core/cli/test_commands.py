"""``freak get``, ``set``, ``reset`` and ``call``."""

import os
import subprocess
import sys
from typing import Any

from freak_core import Freak
from tests.core.cli.shell import freak
from tests.core.conftest import Serve
from tests.core.steered import Steered


def test_values_are_read_as_data_on_stdout(state: Steered) -> None:
    assert freak("get", "head.lr").out == "0.1\n"
    assert freak("get", "name").out == "run\n"
    assert freak("get", "name", "--json").out == '"run"\n'
    assert freak("get", "head.dropout").out == "null\n"
    assert freak("get", "/head/hidden").out == "[32, 16]\n"
    assert freak("get", "head").json == {"lr": 0.1, "hidden": [32, 16], "dropout": None}
    assert freak("get", "--json").json["weights"]["ü"] == 3.0
    assert freak("get").err == ""


def test_values_are_set_by_what_the_schema_says_they_are(state: Steered) -> None:
    ran = freak(
        "set", "head.lr=3e-1", "name=true", "mode=fast", "epochs=2e1", "weights.a/b=7", "--note", "why"
    )
    assert (state.head.lr, state.name, state.mode, state.epochs) == (0.3, "true", "fast", 20)
    assert state.weights["a/b"] == 7
    assert "applied" in ran.out
    assert "head.lr: 0.1 → 0.3" in ran.out
    assert "why" in freak("log").out
    freak("set", "head.hidden=[8, 8]", "head.dropout=0.5")
    receipt = freak("set", "head.dropout=null", "--json").json
    assert receipt["changes"] == [{"path": "/head/dropout", "old": 0.5, "new": None}]
    assert state.head.hidden == [8, 8]


def test_an_item_of_a_list_is_set_by_its_number(state: Steered) -> None:
    receipt = freak("set", "head.hidden.0=7", "--note", "why", "--json").json
    assert state.head.hidden == [7, 16]
    assert receipt["changes"] == [{"path": "/head/hidden", "old": [32, 16], "new": [7, 16]}]
    assert "nothing" in freak("set", "head.hidden.1=8", "--dry-run").out
    assert "0 to 1" in freak("set", "head.hidden.9=7", code=4).err
    freak("set", "head.hidden.0=7", "head.hidden.9=7", "epochs=20", code=4)
    assert (state.head.hidden, state.epochs) == ([7, 16], 10)
    freak("set", "head.hidden.0=1", "head.hidden.1=2", "epochs=20", "head.lr=0.5")
    assert (state.head.hidden, state.epochs, state.head.lr) == ([1, 2], 20, 0.5)
    freak("set", "weights.0=7")  # no list
    assert state.weights["0"] == 7


def test_a_json_patch_adds_moves_and_removes_items(state: Steered) -> None:
    added = freak("patch", '[{"op": "add", "path": "/head/hidden/0", "value": 8}]', "--note", "wider")
    assert "head.hidden: [32, 16] → [8, 32, 16]" in added.out
    moved = '[{"op": "test", "path": "/epochs", "value": 10}, {"op": "remove", "path": "/head/hidden/1"}]'
    receipt = freak("patch", "--type", "json", "-", "--json", stdin=moved).json
    assert (receipt["kind"], receipt["status"]) == ("json_patch", "applied")
    assert state.head.hidden == [8, 16]
    freak("patch", '{"epochs": 20, "head": {"lr": 0.5}}')
    assert (state.epochs, state.head.lr, state.head.hidden) == (20, 0.5, [8, 16])


def test_a_patch_that_cannot_be_applied_exits_with_its_code(state: Steered) -> None:
    failing = (
        '[{"op": "replace", "path": "/epochs", "value": 5}, {"op": "test", "path": "/name", "value": 1}]'
    )
    assert "/name" in freak("patch", failing, code=7).err
    assert "0 to 1" in freak("patch", '[{"op": "remove", "path": "/head/hidden/2"}]', code=4).err
    assert "'op'" in freak("patch", '[{"op": "delete", "path": "/epochs"}]', code=4).err
    for words in (["{"], ["3"], ["--type", "json", "{}"], ["--type", "merge", "[]"]):
        freak("patch", *words, code=2)
    assert (state.epochs, state.head.hidden) == (10, [32, 16])


def test_a_dry_run_shows_what_would_change(state: Steered) -> None:
    ran = freak("set", "epochs=20", "--dry-run")
    assert "valid" in ran.out
    assert "epochs: 10 → 20" in ran.out
    assert state.epochs == 10
    freak("reset", "--dry-run")
    freak("set", "epochs=0", "--dry-run", code=4)


def test_what_is_kept_back_until_a_step_waits(served: Serve) -> None:
    program = served(apply="sync")

    @program.action
    def validate() -> str:
        return "done"

    program.store.model.epochs = 20  # type: ignore[attr-defined]
    assert "accepted" in freak("reset", "epochs", "--at-step", "3").out
    assert "accepted" in freak("validate", "--at-epoch", "1").out
    waiting = freak("set", "epochs=30", "--at-step", "1000")
    assert "accepted, will be applied at step 1000" in waiting.out
    assert "freak cancel" in waiting.err
    freak("cancel", "3")
    program.sync(step=2, epoch=0)
    assert program.store.model.epochs == 20  # type: ignore[attr-defined]
    program.sync(step=3, epoch=1)
    assert [each["status"] for each in freak("log", "--json").json] == [
        "applied",
        "applied",
        "cancelled",
    ]
    assert program.store.model.epochs == 10  # type: ignore[attr-defined]


def test_reset_puts_one_value_or_all_back(state: Steered) -> None:
    freak("set", "epochs=20", "head.lr=1")
    freak("reset", "head")
    assert (state.epochs, state.head.lr) == (20, 0.1)
    assert freak("reset", "--json").json["status"] == "applied"
    assert state.epochs == 10


def test_actions_are_called_with_names_and_values(state: Steered) -> None:
    assert freak("call", "add", "one=2", "label=007", "--json").json["result"] == "0073"
    assert "result: " in freak("call", "add", "one=2").out
    assert "one" in freak("call", "add", code=4).err


def test_arguments_may_be_called_as_options_are(program: Freak) -> None:
    @program.action
    def crop(key: int, wait: str, note: str, self: int, action: str, client: str) -> list[Any]:
        return [key, wait, note, self, action, client]

    words = ("key=3", "wait=no", "note=b", "self=1", "action=a", "client=c")
    assert freak("call", "crop", *words, "--json").json["result"] == [3, "no", "b", 1, "a", "c"]


def test_a_locale_without_arrows_is_served_too(state: Steered) -> None:
    command = [sys.executable, "-m", "freak_core.cli", "set", "head.lr=0.5"]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert r"head.lr: 0.1 \u2192 0.5" in done.stdout

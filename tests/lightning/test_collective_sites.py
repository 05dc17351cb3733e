"""Every place that calls a collective is listed, with the fact that brings all ranks there."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]

COLLECTIVES = {
    *("broadcast", "union", "gather", "reduce_boolean_decision", "barrier", "exchange", "heartbeat"),
    *(
        "states_of_all_ranks",
        "agreed_failure",
        "on_any",
        "agree_on",
        "on_any_rank",
        "restored_sections",
        "collectives_for",
    ),
    *("collect_checkpoint", "save_checkpoint", "end_if_interrupted", "_agree"),
}
"""Functions in which all ranks take part; those of ``ranks`` itself are only called by these."""

SITES = {
    "checkpoint/contents.py exact_checkpoint": "called by CheckpointSaver._write on all ranks",
    "checkpoint/rng_states.py states_of_all_ranks": "its caller; what the first gather returned is equal",
    "checkpoint/saver.py _agreed_place": "an agreed request or stop; errors of the folder are agreed before",
    "checkpoint/saver.py _write": "no rank failed to collect its part: agreed before",
    "checkpoint/saver.py _finished": "no rank failed to write: agreed before",
    "checkpoint/saver.py next_exact": "an agreed request; what fails on this rank is sent as null",
    "checkpoint/saver.py _why_not_exact": "called by _write on all ranks; what fails here is a reason",
    "checkpoint/saver.py _on_all_ranks": "catches what this rank raises, and agrees on it",
    "checkpoint/saver.py _rng_states_of_all_ranks": "called by _write; what fails here is sent as null",
    "controls/param_group_control.py on_control_point": "a request that all ranks have applied",
    "session/agreed_waits.py _agree": "its callers, in this list; the flags that were agreed",
    "session/agreed_waits.py begin": "on_train_start of every rank",
    "session/agreed_waits.py renew": "the flags that were agreed last, or an exchange at this point",
    "session/execution.py _carry_out_one": "the requests that rank zero sent",
    "session/execution.py _apply_where_changed": "the requests that rank zero sent",
    "session/lightning_hooks.py _validation_comes": "an agreed exchange or wait; a validation is due",
    "session/live_requests.py at": "the steps that rank zero sent; the last batch; agreed requests",
    "session/live_requests.py at_epoch_end": "on_train_epoch_end of every rank",
    "session/live_requests.py at_beat": "no rank has a reason to go on: agreed in the heartbeat",
    "session/sections.py restored_sections": "the sections of all ranks are the same",
    "session/session.py __init__": "on_fit_start of every rank",
    "session/session.py _begin": "on_fit_start of every rank; what fails on one rank is agreed",
    "session/session.py start": "on_train_start of every rank",
    "session/session.py _restore": "restored_sections names the same sections on all ranks",
    "session/session.py at_train_end": "on_train_end of every rank",
    "session/session.py _stand_still": "some rank pauses: agreed in AgreedWaits.renew",
    "session/session.py agree_on": "its callers, in this list",
    "session/session.py on_any_rank": "its callers, in this list",
}


def called(node: ast.AST) -> str:
    """Return the name of the function or method that a node calls."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", None) or getattr(node.func, "id", "")


def test_every_call_of_a_collective_is_listed_with_what_makes_it_equal_on_all_ranks() -> None:
    package, found = ROOT / "freak_lightning", set()
    for path in package.rglob("*.py"):
        if path.parent.name == "ranks":
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and any(
                called(node) in COLLECTIVES for node in ast.walk(function)
            ):
                found.add(f"{path.relative_to(package)} {function.name}")
    assert found == SITES.keys()

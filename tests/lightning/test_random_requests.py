"""Random requests of several clients at once: all ranks are the same after every step, and nothing hangs."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from freak_core import Client
from freak_core.runs.journal import read_journal
from tests.lightning.conftest import Training
from tests.lightning.hashed import read_steps
from tests.lightning.random_requests import Requests
from tests.soak import SOAK
from tests.waiting import eventually

Start = Callable[..., Training]
pytestmark = pytest.mark.ranks

CLIENTS = 4
TIMEOUT = 120 if SOAK else 45
"""Seconds of the strategy's collectives."""
ENOUGH = 30
"""Steps that must be compared."""
SETTLED = {"applied", "failed", "rejected", "cancelled"}


def check_rates(steps: list[Any], ends: Iterable[dict[str, Any]], least: int) -> None:
    """The rate that a receipt tells must be in use in the very next step, but for a new epoch's schedule."""
    used = {step: rates for step, _, _, rates in steps if rates}
    told = {}
    for end in sorted(ends, key=lambda end: end["revision"]):
        if end["status"] == "applied" and end["kind"] != "action" and "lr" in (end["result"] or {}):
            told[end["applied"]["step"]] = end
    wrong = [
        (end["seq"], used[step + 1])
        for step, end in told.items()
        if step + 1 in used
        and end["applied"]["point"] == "step"
        and used[step + 1] != [end["result"]["lr"]["0/0"]]
    ]
    assert wrong == []
    assert len(told) >= least


def ask_at_random(training: Training, client: Client, seed: int, count: int, ranks: int) -> list[Requests]:
    pids = [training.pid(rank) for rank in range(ranks)]
    askers = [Requests(Client.find(), seed + number, pids) for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda asker: asker.send(count // CLIENTS), askers))
    for asker in askers:
        asker.client.close()
    client.set({"pause.paused": False}, wait=60)
    return askers


def stop(training: Training, client: Client) -> None:
    """Stop the training once what was scheduled is due."""
    before = client.run()["step"]
    training.wait_until(lambda: client.run()["step"] > before + 300)
    client.set({"stop.should_stop": True, "stop.after": "batch", "stop.force": True}, wait=60)
    assert training.end() == 0, training.log()


def lose_a_rank(training: Training, ranks: int, how: signal.Signals) -> None:
    """Kill or freeze the last rank; all others must end within the timeout of their collectives."""
    lost = training.pid(ranks - 1)
    os.kill(lost, how)
    assert training.end() != 0
    for rank in range(ranks - 1):
        eventually(partial(ended, training.pid(rank)), what=f"the end of rank {rank}")


def ended(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


WHOLE = 1000 if SOAK else 0
ROWS = [
    pytest.param(2, False, WHOLE or 160, None, id="2 ranks"),
    pytest.param(2, True, WHOLE or 40, signal.SIGKILL, id="2 ranks, sharded, one killed"),
]
if SOAK:
    ROWS += [
        pytest.param(4, False, WHOLE, signal.SIGSTOP, id="4 ranks, one frozen"),
        pytest.param(2, False, WHOLE, signal.SIGKILL, id="2 ranks, one killed"),
        pytest.param(2, True, WHOLE, None, id="2 ranks, sharded"),
        pytest.param(4, True, WHOLE, signal.SIGSTOP, id="4 ranks, sharded, one frozen"),
    ]


@pytest.mark.parametrize(("ranks", "sharded", "count", "loss"), ROWS)
def test_ranks_stay_the_same_over_random_requests_and_faults(
    start: Start, ranks: int, sharded: bool, count: int, loss: signal.Signals | None
) -> None:
    seed = int(os.environ.get("FREAK_SEED", random.randrange(10**6)))  # noqa: S311
    print(f"FREAK_SEED={seed}")
    training = start(
        *("--ranks", str(ranks), "--workers", str(int(ranks == 2)), "--batches", "400"),
        *("--min-epochs", "100000", "--timeout", str(TIMEOUT), "--on-its-own"),
        *(["--sharded"] if sharded else []),
        module="tests.lightning.hashed",
    )
    client = training.connect()
    askers = ask_at_random(training, client, seed, count, ranks)
    if loss is None:
        stop(training, client)
    else:
        training.wait_until(lambda: client.run()["step"] > ENOUGH)
        client.set({"loss.weight": 1.5}, at_step=10**9)  # it waits for a step that never comes
        lose_a_rank(training, ranks, loss)

    records = [read_steps(training.out / f"rank-{rank}.jsonl") for rank in range(ranks)]
    shared = [[(step, same, used) for step, _, same, used in record] for record in records]
    assert len(shared[0]) >= ENOUGH
    for rank in range(1, ranks):
        differing = [
            step for step, other in zip(shared[0], shared[rank], strict=loss is None) if step != other
        ]
        assert differing == []
    journal = list(read_journal(training.out / "journal.jsonl"))
    ends = {line["id"]: line for line in journal if "status" in line}  # the last line of each
    told = {end["status"] for end in ends.values()}
    assert told <= SETTLED
    assert told == SETTLED or count < 1000
    assert {receipt for asker in askers for receipt in asker.receipts} <= ends.keys()
    kinds = Counter((end["kind"], end["name"], end["status"]) for end in ends.values())
    print(len(shared[0]), "steps", kinds, [asker.refused for asker in askers])
    check_rates(records[0], ends.values(), least=min(2, count // 200))
    assert {end["applied"]["ranks"] for end in ends.values() if end["status"] == "applied"} == {ranks}

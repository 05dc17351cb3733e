"""Requests of every kind, at random: some valid, some not, some too late, some that hurt a rank."""

import os
import random
import secrets
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

from freak_core import Client, Receipt, Refused

Ask = Callable[[Client, random.Random], Receipt]


FREEZING = 50
"""One request of so many stops a process, which takes a second."""


class Requests:
    """One client that asks for things at random; ``receipts`` are their ids.

    Args:
        pids: the processes of the ranks.
    """

    def __init__(self, client: Client, seed: int, pids: Sequence[int]) -> None:
        self.client = client
        self.pids = pids
        self.chance = random.Random(seed)  # noqa: S311 - the same every time
        self.receipts: list[str] = []
        self.refused: dict[str, int] = {}
        self.etag = client.revision()
        self.waiting = "none"

    def send(self, count: int) -> None:
        """Send so many requests, one after the other."""
        for _ in range(count):
            ask = Requests.freeze if self.chance.randrange(FREEZING) == 0 else self.chance.choice(KINDS)
            try:
                receipt = ask(self)
            except Refused as refused:
                name = type(refused).__name__
                self.refused[name] = self.refused.get(name, 0) + 1
                if refused.receipt is not None:
                    self.receipts.append(refused.receipt["id"])
            else:
                if receipt.status != "valid":
                    self.receipts.append(receipt.id)

    def anything(self) -> dict[str, Any]:
        """Return changes, valid ones more often than not."""
        chance = self.chance
        changes: list[dict[str, Any]] = [
            {"lr.hold": chance.uniform(1e-4, 1e-1), "lr.scale": None},
            {"lr.scale": chance.uniform(0.1, 2.0), "lr.hold": None},
            {"lr.hold": None, "lr.scale": None},
            {"lr.groups": {"0/0": {"scale": chance.uniform(0.5, 1.0)}}},
            {"optimizer.momentum": chance.choice([None, 0.5, 0.8])},
            {"optimizer.weight_decay": chance.choice([None, 0.0, 1e-3])},
            {"loss.weight": chance.uniform(0.1, 3.0), "loss.kinds.a": chance.randrange(9)},
            {"loss.kinds.a": None},
            {"trainer.gradient_clip_val": chance.choice([None, 0.5])},
            {"trainer.accumulate_grad_batches": chance.choice([1, 2])},
            {"trainer.limit_val_batches": chance.choice([0, 2])},
            {"stop.should_stop": chance.random() < 0.5, "stop.after": chance.choice(["batch", "epoch"])},
            {"pause.paused": False},
            {"lr.hold": -1.0},
            {"lr.hold": 0.1, "lr.scale": 0.1},
            {"lr.hold": "0.1"},
            {"lr.groups": {"9/9": {"hold": 0.1}}},
            {"loss.weight": 99},
            {"faults.fails_on": self.a_rank(), "loss.weight": 5.0},
            {"no.such": 1},
            {"trainer.limit_val_batches": 7},
        ]
        return chance.choice(changes)

    def patch(self) -> Receipt:
        return self.client.set(self.anything())

    def put(self) -> Receipt:
        path, values = self.chance.choice(
            [("loss.weight", [1.0, 2, -1]), ("lr.hold", [None, 0.01]), ("loss.kinds", [{}, {"b": 1}, []])]
        )
        return self.client.put(path, self.chance.choice(values))

    def reset(self) -> Receipt:
        return self.client.reset(
            self.chance.choice(["", "lr", "loss", "optimizer.momentum", "stop", "nothing"])
        )

    def call(self) -> Receipt:
        name, arguments = self.chance.choice(
            [
                ("validate", {}),
                ("checkpoint", {"name": self.chance.choice("abc")}),
                ("checkpoint", {"name": "../escape"}),
                ("nudge", {"by": self.chance.uniform(-1e-3, 1e-3)}),
                ("nudge", {"by": "far"}),
                ("fail_on", {"rank": self.a_rank()}),
                ("no_such", {}),
            ]
        )
        return self.client.call(name, **arguments)

    def a_rank(self) -> int:
        return self.chance.randrange(len(self.pids))

    def hurt(self) -> Receipt:
        """Let one rank be late, fail or go its own way."""
        at_once = self.chance.random() < 0.5
        why = self.chance.choice(["no folder", "no state", "full disk"])
        name, arguments = self.chance.choice(
            [
                ("late", {"seconds": self.chance.uniform(0.0, 0.5), "at_once": at_once}),
                ("save_badly", {"why": why}),
                ("stop_by_program", {"at_once": at_once}),
            ]
        )
        return self.client.call(name, rank=self.a_rank(), **arguments)

    def freeze(self) -> Receipt:
        """Stop one rank's process for a second at most, and ask for something meanwhile."""
        pid = self.pids[self.a_rank()]
        going_on = threading.Timer(self.chance.random(), os.kill, (pid, signal.SIGCONT))
        os.kill(pid, signal.SIGSTOP)
        going_on.start()
        try:
            return self.client.set(self.anything())
        finally:
            going_on.join(10)

    def later(self) -> Receipt:
        run = self.client.run()
        step = run["step"] + self.chance.randrange(300)
        kind = self.chance.random()
        if kind < 0.3:
            receipt = self.client.set(self.anything(), at_epoch=run["epoch"] + 1)
        elif kind < 0.6:
            receipt = self.client.call("nudge", by=1e-4, at_step=step)
        else:
            receipt = self.client.set(self.anything(), at_step=step)
        self.waiting = receipt.id
        return receipt

    def cancel(self) -> Receipt:
        return self.client.cancel(self.chance.choice([self.waiting, *self.receipts[-1:], "none"]))

    def pause(self) -> Receipt:
        self.client.set({"pause.paused": True})
        self.send(self.chance.randrange(3))
        return self.client.set({"pause.paused": False})

    def dry_run(self) -> Receipt:
        return self.client.set(self.anything(), dry_run=True)

    def stale(self) -> Receipt:
        etag, self.etag = self.etag, self.client.revision()
        return self.client.set(self.anything(), if_match=etag)

    def twice(self) -> Receipt:
        key, changes = secrets.token_hex(4), self.anything()
        self.client.set(changes, key=key)
        return self.client.set(changes, key=key)


KINDS: list[Callable[[Requests], Receipt]] = [
    *[Requests.patch] * 6,
    Requests.put,
    Requests.reset,
    *[Requests.call] * 3,
    *[Requests.hurt] * 3,
    *[Requests.later] * 2,
    Requests.cancel,
    Requests.pause,
    Requests.dry_run,
    Requests.stale,
    Requests.twice,
]

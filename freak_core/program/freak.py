"""Freak: puts a program's pydantic object under remote control."""

import atexit
import contextlib
import functools
import os
import secrets
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Self, TypeVar, cast, overload

from pydantic import BaseModel

from freak_core.addresses import is_loopback, link, served_at
from freak_core.errors import ConfigurationError
from freak_core.phases import DONE, Ending
from freak_core.program.actions import Action
from freak_core.program.arguments import (
    Apply,
    check_reach,
    checked_apply,
    checked_certificate,
    checked_docs_url,
    checked_facts,
    checked_hosts,
    checked_log_level,
    checked_port,
    checked_prefix,
    checked_socket,
    checked_token,
    keeps_history,
    new_token,
    token_of,
)
from freak_core.program.call_thread import call_threads
from freak_core.program.controlled_state import Model_co
from freak_core.program.coroutines import Loop, checked_callable
from freak_core.program.event_log import Feed, Gauge
from freak_core.program.request_handler import Responder
from freak_core.program.running import running
from freak_core.program.script import Script, ending_said, finished_or_stopped
from freak_core.program.serving import Serving
from freak_core.program.start_warnings import warn_of_plain_text, warn_of_ranks, warn_of_read_only
from freak_core.program.store import Store
from freak_core.program.torchrun_predecessor import Predecessor
from freak_core.receipts import Applied, Receipt
from freak_core.runs.journal import Journal
from freak_core.runs.launcher_ids import ranks, script_name
from freak_core.runs.run_file import new_run
from freak_core.runs.run_folder import RunFolder
from freak_core.text.strict_json import writable
from freak_core.text.timestamps import now

if TYPE_CHECKING:
    from fastapi import FastAPI

Function = TypeVar("Function", bound=Callable[..., object])
State = TypeVar("State", bound=BaseModel)


class Freak(Generic[Model_co]):
    """Remote control of one pydantic object, served over HTTP from a process of its own.

    ``control(state)`` starts it. Requests change the object in place; the program just uses it.

    Args:
        app: your own FastAPI app; the routes are mounted into it and you serve it.
        prefix: path before every route, such as ``"/freak"``.
        host: address to listen on; if other machines can reach it, ``allowed_hosts`` is needed.
        port: port to listen on; 4444 or the next free one if you give none.
        docs_url: path of the page that documents the routes; ``None`` for no such page.
        uvicorn_log_level: how much the HTTP server logs.
        name: name of the run in lists and in the shell; the script's name if you give none.
        token: the bearer token, at least 16 characters; a new random one if you give none.
        token_file: a file that contains the token, so that the token is in no config file.
        apply: ``"now"`` changes the object when a request arrives; ``"sync"`` holds requests back until the
            program calls ``sync()``.
        journal: file of the receipts; one in Freak's folder if you give none.
        uds: path of a Unix socket to listen on instead of a port, in a folder with mode 0700.
        allowed_hosts: host names under which the server may be reached, besides loopback.
        ssl_certfile: file of a certificate in PEM format: the server speaks HTTPS.
        ssl_keyfile: file of its private key; needed unless ``ssl_certfile`` contains the key.

    In the environment, ``FREAK_HOST``, ``FREAK_PORT``, ``FREAK_UDS``, ``FREAK_TOKEN``, ``FREAK_TOKEN_FILE``,
    ``FREAK_HOME``, ``FREAK_DISABLED`` and ``FREAK_HISTORY`` take precedence over the arguments.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to change.
    """

    def __init__(
        self,
        app: "FastAPI | None" = None,
        prefix: str | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        docs_url: str | None = "/docs",
        uvicorn_log_level: str = "error",
        *,
        name: str | None = None,
        token: str | None = None,
        apply: Apply = "now",
        journal: str | os.PathLike[str] | None = None,
        allowed_hosts: Sequence[str] = (),
        uds: str | os.PathLike[str] | None = None,
        token_file: str | os.PathLike[str] | None = None,
        ssl_certfile: str | os.PathLike[str] | None = None,
        ssl_keyfile: str | os.PathLike[str] | None = None,
    ) -> None:
        self.app = app
        self.prefix: str = checked_prefix(prefix)
        self.host: str = os.environ.get("FREAK_HOST") or host
        self.port = self._port_asked_for = checked_port(os.environ.get("FREAK_PORT") or port)
        self.docs_url: str = checked_docs_url(docs_url)
        self.uvicorn_log_level: str = checked_log_level(uvicorn_log_level)
        self.name: str = writable(name or script_name())
        self._token_asked_for = token_of(token, token_file)
        self.token: str = checked_token(self._token_asked_for)
        self.read_token: str = new_token()
        self.allowed_hosts: tuple[str, ...] = checked_hosts(allowed_hosts)
        self.disabled: bool = os.environ.get("FREAK_DISABLED", "0") not in ("", "0")
        self.uds: Path | None = checked_socket(os.environ.get("FREAK_UDS") or uds)
        self.certificate: tuple[str, str | None] | None = checked_certificate(ssl_certfile, ssl_keyfile)
        if self.certificate and self.uds:
            raise ConfigurationError("a Unix socket needs no TLS: leave out ssl_certfile, or uds")
        if app is None and self.uds is None:
            check_reach(self.host, self.allowed_hosts)
        self._journal_asked_for = journal
        self._name_run()
        self._apply = checked_apply(apply)
        self.ranks_agree: bool = False
        """Whether each change is brought to all ranks, as by freak_lightning; if not, a warning is given."""
        self._actions: dict[str, Action] = {}
        self._on_change: list[Callable[[Receipt], object]] = []
        self._loop = Loop()
        self._store: Store[Model_co] | None = None
        self._feed: Feed | None = None
        self._serving: Serving | None = None
        self._ender: int | None = None
        self.ended: Ending | None = None
        """How the run has ended; None while it goes on."""

    def control(
        self, state: State, serve: bool | None = None, *, apply: Apply | None = None
    ) -> "Freak[State]":
        """Put ``state`` under control and serve it, unless you serve your own app. Returns this object.

        Args:
            state: a pydantic model instance; it is changed in place.
            serve: ``False`` to start the server later with ``serve()``; ``True`` to serve your own app, too,
                in a thread of this process.
            apply: in place of what the constructor was given.

        Raises:
            ConfigurationError: already controlling, or not a pydantic model instance.
            PortTaken: the port asked for is in use.
        """
        if not isinstance(state, BaseModel):
            raise ConfigurationError(f"control() needs a pydantic model instance, not {type(state).__name__}")
        running.begin(self, state)
        if self._store is not None:
            if self._store.closed is None:
                raise ConfigurationError("this Freak controls a state already; stop() it, or make another")
            self._name_run()
        how = checked_apply(apply or self._apply)
        freak = cast("Freak[State]", self)  # its type is that of the state from here on
        try:
            store = Store(state, how, actions=self._actions, on_change=self._on_change)
        except RecursionError:
            raise ConfigurationError("the state contains itself, or is nested too deep for JSON") from None
        self._script = Script()
        freak._store = store
        self.ended = None
        self._loop.notice()
        store.loop = self._loop
        warn_of_read_only(store.read_only)
        if self.disabled:
            return freak
        self._before = Predecessor(self.name)
        self.token, self.read_token = self._before.tokens(self._token_asked_for, self.token, self.read_token)
        journal = Journal(self.journal_path)
        self._feed = Feed(journal, on_idle=functools.partial(store.refresh, wait=False))
        store.listener = self._feed
        callers = call_threads(store, self._feed)
        self._responder = Responder(store, self._feed, self)
        self._serving = Serving(self._feed, self._responder, callers, self.app)
        try:
            self._serving.mount()
            if serve if serve is not None else self.app is None:
                self.serve()
            if self._journal_asked_for is None or (self.app is not None and self.folder is not None):
                with contextlib.suppress(OSError):  # opening the journal says it, and the run goes on
                    RunFolder(self.id).make()
            journal.open({"run": self.id, "name": self.name, "started_at": now()})
            self._feed.start()
            self._before.hand_over(store)
        except BaseException:
            self._serving.stop()
            self._store = self._feed = self._serving = None
            raise
        running.add(self)
        self._ender = None
        self._over = threading.Event()
        self._script.call_at_end(self._stop_at_exit)
        warn_of_ranks(1 if self.ranks_agree else ranks())
        return freak

    def use_any_port(self) -> None:
        """Take the next free port instead of the one asked for, when ``control`` is called."""
        self.port = self._port_asked_for = None

    def serve(self) -> None:
        """Start the server of a state that was put under control with ``serve=False``.

        Your own app is served in a thread of this process, as in Freak 0.0.2.

        Raises:
            PortTaken: the port asked for is in use.
        """
        if self._serving is None or self._serving.started:
            return
        if not (self.uds or self.certificate or is_loopback(self.host)):
            warn_of_plain_text(self.host)
        listener = self._before.listen(self.uds, self.host, self._port_asked_for)
        self.port = None if self.uds else listener.getsockname()[1]
        run = new_run(self.id, self.name, self.url, self.token, self.journal_path, self.read_token)
        run.ssl_certfile = self.certificate[0] if self.certificate else None
        self._serving.start(listener, self.uvicorn_log_level, run, self.certificate)

    def stop(
        self, error: BaseException | Ending | None = None, *, by: str | None = None, reason: str | None = None
    ) -> None:
        """End the server and free the port within 2.5 seconds; the state can still be read.

        Called by an action or an ``on_change`` function, it does so once their request has its receipt.

        Args:
            error: the exception that ended the program, or an ``Ending``. Default: the exception that is
                handled where you call, if there is one.
            by: who or what has stopped the run before its end.
            reason: why the run was stopped.
        """
        if self._store is None:
            return
        how = ending_said(error, by, reason) or self._script.ending_here(self._store, sys._getframe(1))
        if not self._store.context.put_off(functools.partial(self._end, how, put_off=True)):
            self._end(how)

    def _stop_at_exit(self) -> None:
        how = self._script.ending()
        self._end(finished_or_stopped(self.store) if how.phase == "finished" else how)

    def _end(self, how: Ending, *, put_off: bool = False) -> None:
        if self._store is not None:
            self.ended = how if self._store.closed is None else self.ended
            if put_off and self._serving is not None:
                self._responder.wait(0.3)
            self._store.close("the run is over")
        feed, serving = self._feed, self._serving
        self._feed = self._serving = None
        if feed is None or serving is None:
            if self._ender not in (None, threading.get_ident()):
                self._over.wait(2.5)  # another thread is at it
            return
        self._ender = threading.get_ident()
        atexit.unregister(self._stop_at_exit)
        running.remove(self)
        feed.flush(0.3)
        feed.event("run", how.facts())
        try:
            serving.stop(well=how.phase in DONE)
        finally:
            self._over.set()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None or self._store is None:
            self.stop(error)
        else:
            self._end(finished_or_stopped(self._store))

    @property
    def running(self) -> bool:
        """Whether a state is under control and a server answers for it."""
        return self._serving is not None and (self._serving.started or self.app is not None)

    @property
    def url(self) -> str:
        """The URL of the server, without the token; also before it is started.

        If you serve your own app, this is only its prefix, unless you gave ``port``.
        """
        if self.app is not None and self.port is None and self.uds is None:
            return self.prefix
        plain = served_at(self.host, self.port, self.prefix, allowed_hosts=self.allowed_hosts, uds=self.uds)
        return plain.replace("http://", "https://", 1) if self.certificate else plain

    @property
    def link(self) -> str:
        """The link to open in a browser. It holds the token; give it only to people you trust."""
        return link(self.url, self.token)

    @property
    def server_pid(self) -> int | None:
        """The process id of the server, while it runs."""
        return self._serving.pid if self._serving is not None else None

    @property
    def store(self) -> Store[Model_co]:
        """The state under control, with its revision and receipts.

        Raises:
            ConfigurationError: nothing is under control.
        """
        if self._store is None:
            raise ConfigurationError("no state is under control; call control(state) first")
        return self._store

    def locked(self) -> AbstractContextManager[Model_co]:
        """Hold changes off while reading several values: ``with freak.locked() as state: ...``."""
        return self.store.locked()

    def snapshot(self) -> Model_co:
        """Return a deep copy of the state that no later change touches."""
        return self.store.snapshot()

    @overload
    def action(self, function: Function) -> Function: ...
    @overload
    def action(self, *, name: str | None = None, confirm: bool = False) -> Callable[[Function], Function]: ...
    def action(
        self, function: Function | None = None, *, name: str | None = None, confirm: bool = False
    ) -> Function | Callable[[Function], Function]:
        """Let requests call ``function``; its annotations are the contract for the arguments.

        With ``apply="sync"`` it runs inside ``sync()``, else on Freak's own thread, one call at a time.

        It may be ``async``. Then it is awaited on the event loop in which you registered it or called
        ``control``. It is awaited on a loop of Freak's own if there was none, and inside ``sync()`` if that
        is called on the event loop itself.

        Args:
            function: the function to call. Its docstring and annotations are shown to callers.
            name: the name of the action in requests. Default: the name of the function.
            confirm: the dashboard and ``freak call`` ask for a confirmation before they call the action.

        Raises:
            ConfigurationError: ``function`` cannot be called with named JSON arguments, it has no name, or
                another function has the name.
        """
        if function is not None and not callable(function):
            raise ConfigurationError(f"action() takes a function, not {function!r}; pass name=... by name")
        add = functools.partial(self._add_action, name=name, confirm=confirm)
        return add if function is None else add(function)

    def on_change(self, function: Callable[[Receipt], object]) -> Callable[[Receipt], object]:
        """Call ``function`` with the receipt after every change that a request has made to the state.

        It may be ``async``: see ``action``. A second request waits for it up to a second.

        Raises:
            ConfigurationError: ``function`` is not callable, or a generator.
        """
        self._loop.notice()
        self._on_change.append(checked_callable(function, "what on_change calls"))
        return function

    def sync(self, *, step: int | None = None, epoch: int | None = None) -> list[Receipt]:
        """Apply the requests that are due at this ``step`` and ``epoch``, and return their receipts."""
        entries = self._store.take(step, epoch) if self._store is not None else []
        return [self.store.carry_out(entry, Applied(step=step, epoch=epoch)) for entry in entries]

    def publish(
        self, *, step: int | None = None, epoch: int | None = None, phase: str | None = None, **metrics: float
    ) -> None:
        """Send progress and metrics to clients; of too many metrics, the oldest are dropped and counted.

        Args:
            step: how many steps the program has done.
            epoch: the epoch that the program is in.
            phase: the run phase, such as ``"training"``, for ``freak ls`` and ``GET /run``.
            metrics: the newest values of metrics, by name.
        """
        feed = self._feed  # a signal handler may stop() in between
        if feed is not None and (step, epoch, phase) != (None, None, None):
            facts = {"step": step, "epoch": epoch, "phase": phase}
            feed.progress(facts if phase is None else checked_facts(facts))
        if feed is not None and metrics:
            feed.metrics(step, metrics)

    def observe(self, gauge: Gauge) -> None:
        """Call ``gauge`` twice a second on Freak's own thread, if ``publish`` is too slow for your loop.

        It returns a mark that changes with the progress, and the facts to publish: ``(i, {"step": i})``.
        """
        if self._feed is not None:
            self._feed.observe(gauge)

    def log(self, metrics: Mapping[str, float], *, step: int | None = None) -> None:
        """Send metrics to clients; the published progress stays the same.

        Args:
            metrics: values by name.
            step: the step at which they were measured.
        """
        if (feed := self._feed) is not None and metrics:
            feed.metrics(step, dict(metrics))

    def phase(self, phase: str, **facts: object) -> None:
        """Send the run phase and facts of the run to clients.

        Args:
            phase: the run phase, such as ``"training"``, for ``freak ls`` and ``GET /run``.
            facts: facts that ``GET /run`` and ``freak info`` show, such as ``total_steps``. What Freak itself
                says of the run stays as it is: ``name``, ``id``, ``pid`` and so on.
        """
        if (feed := self._feed) is not None:
            feed.event("run", checked_facts({"phase": phase, **facts}))

    def _add_action(self, function: Function, name: str | None, confirm: bool) -> Function:
        self._loop.notice()
        action = Action(function, name, confirm=confirm, loop=self._loop)
        known = self._actions.get(action.name)
        if known is not None and not action.replaces(known):
            raise ConfigurationError(f"there is an action {action.name!r} already: pass another name=...")
        self._actions[action.name] = action
        if self._feed is not None:
            self._responder.tell_actions()
        return function

    def _name_run(self) -> None:
        """Give the next run a new id."""
        self.id: str = secrets.token_hex(6)
        self.folder: Path | None = RunFolder(self.id).path.absolute() if keeps_history() else None
        self.journal_path: Path = Path(self._journal_asked_for or RunFolder(self.id).journal)

    def forget(self) -> None:
        """Become a read-only snapshot in a forked child: no thread, no server, no lock held."""
        if self._store is not None:
            self._store.forked()
        if self._serving is not None:
            self._serving.forget()
        self._feed = self._serving = None
        atexit.unregister(self._stop_at_exit)

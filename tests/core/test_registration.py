"""What cannot be an action or an on_change function is refused where it is registered, with the reason."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from freak_core import Action, ConfigurationError, Freak
from tests.core.conftest import Serve


class State(BaseModel):
    lr: float = 0.1


def numbers() -> Iterator[int]:
    yield 1


async def later_numbers() -> AsyncIterator[int]:
    yield 1


class Doubler:
    """Returns twice a number."""

    def __call__(self, number: int) -> int:
        return 2 * number


def unknown_annotation(value: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Take a value of a type that does not exist."""


def private(_value: int) -> None:
    """Take a parameter with a private name."""


@pytest.mark.parametrize(
    ("function", "name", "why"),
    [
        (5, None, "takes a function, not 5"),
        ("save", None, "takes a function, not 'save'"),
        (Doubler(), None, "has no name"),
        (lambda: None, None, "has no name"),
        (functools.partial(lambda: None), None, "has no name"),
        (print, None, r"has the parameter \*args"),
        (len, None, "has the parameter"),
        (max, None, "cannot be read|has the parameter"),
        (dict, None, "cannot be read|has the parameter"),
        ([].append, None, "has the parameter"),
        (numbers, None, "cannot be a generator"),
        (later_numbers, None, "cannot be a generator"),
        (functools.partial(numbers), None, "cannot be a generator"),
        (unknown_annotation, None, "cannot be read: .*Nowhere"),
        (private, None, "name it without _"),
    ],
)
def test_what_cannot_be_an_action_is_refused(function: Any, name: str | None, why: str) -> None:
    freak = Freak()
    register = freak.action if name is None else freak.action(name=name)
    with pytest.raises(ConfigurationError, match=why):
        register(function)


def test_an_object_with_a_name_and_a_parameter_called_like_a_method_are_fine() -> None:
    def save(copy: bool = True, json: str = "", _times: int = 1) -> None:
        """Save."""

    double, saved = Action(Doubler(), "double"), Action(save)
    assert double.call({"number": 4}) == 8
    assert double.description == "Returns twice a number."
    assert saved.validate({"copy": False}) == {"copy": False, "json": ""}


def test_a_name_belongs_to_one_function() -> None:
    freak = Freak()

    @freak.action
    def save() -> int:
        return 1

    freak.action(save)
    with pytest.raises(ConfigurationError, match="there is an action 'save' already"):

        @freak.action(name="save")
        def other() -> None:
            """Do something else."""

    with pytest.raises(ConfigurationError, match="there is an action 'save' already"):

        @freak.action  # type: ignore[no-redef]
        def save() -> int:
            return 2


def test_a_notebook_cell_that_runs_again_replaces_its_function(served: Serve) -> None:
    freak = served(State())
    for cell in ("<cell 1>", "<cell 2>"):
        scope: dict[str, Callable[[], str]] = {}
        exec(compile(f"def save() -> str: return {cell!r}", cell, "exec"), scope)  # noqa: S102
        freak.action(scope["save"])
    assert freak.store.actions["save"].call({}) == "<cell 2>"


@pytest.mark.parametrize("function", [None, 5, "print", numbers, later_numbers])
def test_what_cannot_be_an_on_change_function_is_refused(function: Any) -> None:
    with pytest.raises(ConfigurationError, match="what on_change calls"):
        Freak().on_change(function)

"""Whether a change would show a secret in plain text, such as one in an object that takes another type."""

from collections.abc import Iterable, Iterator, Sequence

from freak_core.errors import FieldError
from freak_core.state.diff import Change, View
from freak_core.state.json_values import DEEPEST
from freak_core.state.live_values import contents
from freak_core.state.snapshot import Snapshot
from freak_core.state.type_hints import SECRETS
from freak_core.state.validation import reason
from freak_core.text.paths import from_pointer
from freak_core.text.strict_json import JSON


def shown_secrets(
    made: Sequence[Change], bodies: Iterable[JSON], secrets: Iterable[str]
) -> Iterator[FieldError]:
    """Yield an error for each change that would show a secret which the request does not name itself.

    Args:
        made: what a request changes, as readers would see it.
        bodies: what the request gives.
        secrets: the texts of all secrets; asked for only if there is a new text.
    """
    given: set[str] | None = None
    known: set[str] | None = None
    for change in made:
        fresh = set(_texts(change.new)) - set(_texts(change.old))
        if fresh and given is None:
            given = {text for body in bodies for text in _texts(body)}
        if fresh - (given or set()):
            known = set(secrets) if known is None else known
            if (fresh - (given or set())) & known:
                yield _refusal(change)


def uncovered(made: Sequence[Change], before: View, after: View) -> Iterator[FieldError]:
    """Yield an error for each change that would show what was hidden at its path, and was not changed."""
    for change in made:
        path = from_pointer(change.path)
        if before[1].get(path) == repr(change.new) and path not in after[1]:
            yield _refusal(change)


def _refusal(change: Change) -> FieldError:
    message = "this would show a secret or a hidden field in plain text; give the whole value instead"
    return reason(from_pointer(change.path), "masked", message)


def secret_texts(value: object, held: Snapshot, way: tuple[int, ...] = ()) -> Iterator[str]:
    """Yield the text of each secret in a state."""
    if isinstance(value, SECRETS):
        text = value.get_secret_value()
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        if isinstance(text, str) and text:
            yield text
    elif id(value) not in way and len(way) <= DEEPEST and not held.is_plain(value):
        for each in contents(value).values():
            yield from secret_texts(each, held, (*way, id(value)))


def _texts(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)

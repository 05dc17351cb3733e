"""How a notebook shows things: as tables of HTML. What comes from a run is escaped."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from freak_core.text.paths import leaves


class State(dict[str, Any]):
    """A state as a dict, which a notebook shows as a table of paths and values."""

    def _repr_html_(self) -> str:
        return table(leaves(self))


def table(rows: Iterable[tuple[object, ...]], *, head: Iterable[str] = ()) -> str:
    """Return a table; the first cell of each row is what the row is about."""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = [f"<tr>{titles}</tr>"] if titles else []
    for name, *cells in rows:
        data = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
        lines.append(f"<tr><th style='text-align:left'>{escape(str(name))}</th>{data}</tr>")
    return f"<table>{''.join(lines)}</table>"


def run_page(run: Mapping[str, object], state: Mapping[str, object], url: str) -> str:
    """Return what there is to say about a run, with a link that holds no token."""
    where = ", ".join(
        f"{name} {run[name]}" for name in ("phase", "epoch", "step") if run.get(name) is not None
    )
    stalled = " <b>stalled</b>" if run.get("stalled") else ""
    address = escape(url, quote=True)
    link = f" <a href='{address}/'>{address}</a>" if url.startswith("http") else f" {address}"
    return (
        f"<p><b>{escape(str(run.get('name')))}</b> {escape(where)}{stalled}{link}</p>{table(leaves(state))}"
    )


def receipt_page(line: str, rows: Iterable[tuple[object, ...]]) -> str:
    """Return a receipt: its line, and a table of old and new values."""
    changed = table(rows, head=("path", "old", "new"))
    return f"<p>{escape(line)}</p>{changed}"


def error_page(client: str, error: object) -> str:
    """Return a client with the error that its run answered, or did not answer, with."""
    return f"<p><b>{escape(client)}</b> {escape(str(error))}</p>"

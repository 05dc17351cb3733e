"""``freak prune``: deletes the folders of ended runs."""

from typing import Annotated, TypedDict

import typer

from freak_core.cli.connect import how_it_ended
from freak_core.cli.exit_codes import ExitCode
from freak_core.cli.options import JsonOption
from freak_core.cli.terminal import say, show, show_json
from freak_core.runs.live_runs import list_runs
from freak_core.runs.pruning import delete, prunable, seconds_of
from freak_core.runs.run_folder import home
from freak_core.runs.stored_runs import BROKEN, StoredRun


def prune(
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", metavar="AGE", help="Only runs that ended longer ago than AGE, such as 30d."
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=0, metavar="COUNT", help="Keep the newest COUNT of the ended runs."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete; without it, only list.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the folders of ended runs (metrics, journal, final state), or delete them with --yes.

    Without --older-than and --keep it takes all ended runs. Live runs are never deleted, nor are checkpoints,
    nor any file that Freak has not written.
    """
    seconds = None if older_than is None else seconds_of(older_than)
    found = prunable({run.id for run in list_runs()}, older_than=seconds, keep=keep)
    rows = [_handled(run, delete_it=yes, as_json=as_json) for run in found]
    if as_json:
        show_json(rows)
    if not found:
        say(f"nothing to delete in {home()}")
    elif not yes:
        say(f"{len(found)} runs; nothing was deleted. To delete them: --yes")
    elif not all(row["deleted"] for row in rows):
        raise typer.Exit(ExitCode.FAILED)


class Handled(TypedDict):
    """What became of a run; ``left`` are the files in its folder that Freak has not written."""

    id: str
    name: str
    state: str
    folder: str
    deleted: bool
    left: list[str]


def _handled(run: StoredRun, *, delete_it: bool, as_json: bool) -> Handled:
    """Delete a run, if asked to, and say so; return what there is to say."""
    told: Handled = {
        "id": run.id,
        "name": run.name,
        "state": run.phase,
        "folder": str(run.path),
        "deleted": False,
        "left": [],
    }
    if delete_it:
        try:
            told["left"] = delete(run)
            told["deleted"] = not told["left"]
        except OSError as error:
            say(f"cannot delete {run.path}: {error}", "red")
        if told["left"]:
            say(f"{run.path} stays: Freak has not written {', '.join(told['left'])}", "yellow")
    if not as_json:
        verb = ("deleted" if told["deleted"] else "kept") if delete_it else "would delete"
        how = f"broken: {run.error}" if run.phase == BROKEN else how_it_ended(run)
        show(f"{verb} {run.path}: {how}")
    return told

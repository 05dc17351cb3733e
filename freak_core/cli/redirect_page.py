"""The page that sends a browser to a run."""

import html
from pathlib import Path

from freak_core.runs.run_file import Run
from freak_core.runs.run_folder import PAGE, RunFolder


def publish_page(run: Run, link: str) -> Path:
    """Write a page that sends a browser to ``link`` into the run's folder; return its path.

    The browser is started with the path of this page, not with the link: other users can read the command
    line of a process.
    """
    target = html.escape(link)
    lines = (
        '<!doctype html><meta charset="utf-8"><title>Freak</title>',
        f'<meta http-equiv="refresh" content="0; url={target}">',
        f'<a href="{target}">{html.escape(run.name)}</a>',
    )
    return RunFolder(run.id).write_secret(PAGE, "\n".join(lines))

"""The page that a browser is given, which leads to a run."""

import html
from pathlib import Path

from freak_core.runs.run_file import Run, write_secret


def publish_page(run: Run, link: str) -> Path:
    """Write a page that leads to a link, next to the run's file and as secret as that; return its path.

    A browser is given this page, since everybody on the machine can read what programs are started with.
    """
    target = html.escape(link)
    lines = (
        '<!doctype html><meta charset="utf-8"><title>Freak</title>',
        f'<meta http-equiv="refresh" content="0; url={target}">',
        f'<a href="{target}">{html.escape(run.name)}</a>',
    )
    return write_secret(f"{run.id}.html", "\n".join(lines))

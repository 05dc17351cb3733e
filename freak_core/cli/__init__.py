"""The command line, ``freak``: a client like any other. Knows no program, no store and no server."""

from freak_core.cli.app import main

__all__ = ["main"]

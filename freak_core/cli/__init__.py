"""The command line: ``freak``. Nothing here is imported by a program under control."""

from freak_core.cli.app import main

__all__ = ["main"]

"""``python -m freak_core.cli``: the same as ``freak``, if that is not on the PATH."""

from freak_core.cli.app import main

main()

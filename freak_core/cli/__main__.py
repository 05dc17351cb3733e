"""``python -m freak_core.cli``, where no ``freak`` is on the PATH."""

from freak_core.cli.app import main

main()

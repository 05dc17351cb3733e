"""The server of ``freak ui``: all runs of this home on one page, live or ended. Knows no command."""

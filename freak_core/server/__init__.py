"""The HTTP server; runs in a process of its own (``python -m freak_core.server``) or in the user's app."""

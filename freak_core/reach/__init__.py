"""Reaches runs on other machines with the user's own ssh or kubectl. Knows no client and no command."""

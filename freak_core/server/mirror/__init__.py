"""The server's copy of what the program has told. Knows no HTTP."""

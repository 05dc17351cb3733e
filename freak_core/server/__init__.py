"""The HTTP server, in its own process or in the user's app. Must not know the program or the user's code."""

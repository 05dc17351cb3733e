"""What the server answers: routes, access, limits. Knows the mirror, never the program's objects."""

"""The HTTP interface: routes, access, limits. Must not know the program, only the mirror."""

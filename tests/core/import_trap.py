"""A module that no request may make the program import."""

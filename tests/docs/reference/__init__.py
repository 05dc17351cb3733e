"""The pages in docs/reference, written from the source: ``make reference``."""

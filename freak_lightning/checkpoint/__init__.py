"""What a checkpoint contains, where it lies, and whether a resume from it is exact. Knows no request."""

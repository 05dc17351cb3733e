"""Learning rates and other values of param groups. Knows no request and no checkpoint."""

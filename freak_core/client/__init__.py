"""The Python client of a run. Knows routes and run files, not the program behind them."""

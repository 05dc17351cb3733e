"""Where a run is, how to reach it, and what stays of it. Knows no state and no HTTP."""

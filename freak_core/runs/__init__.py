"""Where a run is and how to reach it. Knows no state and no HTTP."""

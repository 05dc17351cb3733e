"""How values, places and times are written: JSON, paths, terminals, notebooks. Knows no run and no state."""

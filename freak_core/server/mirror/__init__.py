"""The server's copy of state, receipts, events and metrics. Must not know HTTP."""

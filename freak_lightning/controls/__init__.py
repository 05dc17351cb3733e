"""The controls that users add to a trainer, a file for each. Nothing but `remote_control` may import them."""

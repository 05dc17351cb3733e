"""The controls that users add to a trainer, a file for each. No lower folder imports them."""

"""All that depends on the inside of Lightning, private names included. Knows nothing of Freak."""

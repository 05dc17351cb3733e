"""Remote control of running programs."""

"""Remote control of Lightning trainings."""

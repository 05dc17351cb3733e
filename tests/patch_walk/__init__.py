"""The walk of a PATCH through the folders, from the route in the server to the param group on rank 1."""

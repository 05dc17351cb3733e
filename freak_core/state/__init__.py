"""One pydantic object: read as JSON, checked, changed in place. Knows no request and no receipt."""

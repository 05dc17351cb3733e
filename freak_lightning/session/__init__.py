"""One fit under control: control points, requests, sections. Knows no particular control."""

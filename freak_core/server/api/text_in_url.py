"""A part of a URL that may be any text, line breaks included."""

from typing import ClassVar

from starlette.convertors import PathConvertor, register_url_convertor


class _Text(PathConvertor):
    # In Starlette's own regex, "." is no line break, and "$" also fits before one at the end: a request for
    # the key "rate\n" would change "rate".
    regex: ClassVar[str] = "(?s:.*)"


register_url_convertor("text", _Text())


def any_text(name: str) -> str:
    """Return the part of a route's path that takes the rest of the URL, whatever text it is."""
    return f"{{{name}:text}}"

"""Answers in JSON."""

from fastapi import responses

from freak_core.text.strict_json import dumps


class JSONResponse(responses.JSONResponse):
    """JSON in UTF-8. Values without a JSON form, such as NaN, become null: reading never fails."""

    def render(self, content: object) -> bytes:
        """Return the body."""
        try:
            return super().render(content)
        except ValueError:  # a lone surrogate, or a number that is not finite
            return dumps(content).encode()

"""Answers in JSON."""

import asyncio

from fastapi import responses
from starlette.types import Receive, Scope, Send

from freak_core.server.api.event_loop_turns import turn
from freak_core.text.strict_json import dumps


class JSONResponse(responses.JSONResponse):
    """JSON in UTF-8. Values without a JSON form, such as NaN, become null: reading never fails."""

    def render(self, content: object) -> bytes:
        """Return the body."""
        try:
            return super().render(content)
        except ValueError:  # a lone surrogate, or a number that is not finite
            return dumps(content).encode()


PIECE = 65_536
"""Bytes of a large answer that are sent at once."""


class LargeAnswer(responses.Response):
    """An answer that is sent in pieces: for a client that reads slowly, the server holds one, not all."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer."""
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else bytes(self.body)
        for at in range(0, max(1, len(body)), PIECE):
            more, piece = at + PIECE < len(body), body[at : at + PIECE]
            await turn("parts of large answers")
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            await asyncio.sleep(0)  # notices a client that left

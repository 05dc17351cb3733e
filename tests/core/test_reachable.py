"""The printed link and the run file lead to the server, whatever the host."""

import pytest
from pydantic import BaseModel

from freak_core import Client, ConfigurationError, Freak


class Empty(BaseModel):
    pass


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("127.0.0.1", ()), ("localhost", ()), ("127.0.0.2", ()), ("0.0.0.0", ("127.0.0.1",))],  # noqa: S104
)
def test_the_link_works(home: object, host: str, allowed: tuple[str, ...]) -> None:
    with Freak(host=host, port=0, name="here", allowed_hosts=allowed).control(Empty()) as freak:
        with Client(freak.link) as client:
            assert client.get() == {}
        with Client.find("here") as client:
            assert client.run()["name"] == "here"


def test_one_text_is_no_list_of_hosts() -> None:
    with pytest.raises(ConfigurationError, match="write allowed_hosts="):
        Freak(host="0.0.0.0", allowed_hosts="gpu7")  # noqa: S104

"""No secret of a request is ever shown: not in a receipt, not in an event, not in the journal."""

from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from freak_core import Freak
from tests.core.conftest import Connect, Serve

SECRET = "hunter2secret"


class Inner(BaseModel):
    token: str = Field("", exclude=True)


class Holder(BaseModel):
    """Has places for secrets, and none in them."""

    lr: float = 0.1
    key: SecretStr | None = None
    keys: dict[str, SecretStr] = {}
    listed: list[SecretStr] = []
    inner: Inner | None = None


def everything_told(freak: Freak, connect: Connect) -> str:
    """Return all that a reader may see of the receipts: their list, the events of them and the journal."""
    told = connect(freak, freak.read_token).get("receipts").text + freak.journal_path.read_text()
    with connect(freak).stream("GET", "events", headers={"Last-Event-ID": f"{freak.id}-0"}) as stream:
        freak.stop()
        return told + "".join(stream.iter_text())


@pytest.mark.parametrize(
    "patch",
    [{"key": SECRET}, {"keys": {"a": SECRET}}, {"listed": [SECRET]}, {"inner": {"token": SECRET}}],
)
@pytest.mark.parametrize("lr", [0.2, "bad"])
def test_a_first_secret_is_shown_nowhere_whether_it_is_taken_or_refused(
    served: Serve, connect: Connect, patch: dict[str, Any], lr: Any
) -> None:
    """The types tell that there is a secret, also where the state holds none yet."""
    freak = served(Holder())
    answer = connect(freak).patch("state", json={**patch, "lr": lr})
    assert answer.status_code == (200 if lr == 0.2 else 422)
    told = answer.text + everything_told(freak, connect)
    assert '"asked":"**********"' in told
    assert SECRET not in told

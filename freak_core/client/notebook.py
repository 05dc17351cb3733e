"""How a notebook shows a client: the facts of the run and its state."""

from freak_core.client import calls
from freak_core.client.retries import Conversation
from freak_core.client.transport import Address, BlockingConnection, completed
from freak_core.errors import Refused
from freak_core.text.html_tables import error_page, run_page

TIMEOUT = 3.0
"""Seconds to wait for each answer, since the notebook waits, too."""


def client_page(address: Address, client: str) -> str:
    """Return HTML that shows a run and its state, or ``client`` with an error.

    A notebook does not await: even for an ``AsyncClient`` the run is asked over a connection that blocks.
    """
    connection = BlockingConnection(address, TIMEOUT)
    conversation = Conversation(connection, TIMEOUT)
    try:
        run, state = completed(conversation.ask(calls.run())), completed(conversation.ask(calls.state()))
    except Refused as refused:
        return error_page(client, refused)
    finally:
        completed(connection.close())
    return run_page(run, state, address.url)

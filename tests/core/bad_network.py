"""Networks as they are: a proxy whose connections break, and a server that answers what a test says."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Proxy:
    """A TCP proxy on a port of its own; ``cut()`` breaks every connection there is.

    ``asked`` holds what clients have sent. With ``breaks_after`` every connection breaks by itself, after so
    many bytes of answers.
    """

    def __init__(self, port: int, breaks_after: int = 1 << 40) -> None:
        self._target = port
        self._breaks_after = breaks_after
        self.asked = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.accepted = 0

    def cut(self) -> None:
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open += [near, far]
            for copied in ((near, far, 1 << 40, self.asked), (far, near, self._breaks_after, bytearray())):
                self._threads.append(threading.Thread(target=_copy, args=copied))
                self._threads[-1].start()

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Be gone, with every connection; once."""
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(60)
        self.cut()
        for thread in self._threads[1:]:
            thread.join(60)
        for end in self._open:
            end.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def _copy(source: socket.socket, target: socket.socket, most: int, seen: bytearray) -> None:
    with contextlib.suppress(OSError):
        while most and (data := source.recv(min(most, 700))):
            target.sendall(data)
            seen += data
            most -= len(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Canned:
    """An HTTP server that answers with what it is given, one after the other, the last again and again.

    An answer is (status, headers, body); one of None is no answer until the end.
    """

    def __init__(self, *answers: tuple[int, dict[str, str], bytes] | None) -> None:
        canned, self.asked, self._over = list(answers), [], threading.Event()
        asked: list[str] = self.asked
        over = self._over

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                asked.append(f"{self.command} {self.path}")
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                found = canned.pop(0) if len(canned) > 1 else canned[0]
                if found is None:
                    over.wait(60)
                    return
                status, headers, body = found
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PATCH = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)

"""A stand-in for kubectl: ``port-forward`` to a port of this machine. Its arguments go to a file."""

import json
import os
import socket
import sys
import threading
from pathlib import Path


def copy(source: socket.socket, target: socket.socket) -> None:
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


def main(arguments: list[str]) -> None:
    Path(os.environ["STAND_IN_SAID"]).write_text(json.dumps([os.getpid(), *arguments]))
    if "pod/gone" in arguments:
        print('Error from server (NotFound): pods "gone" not found', file=sys.stderr)
        sys.exit(1)
    port = int(arguments[-1].removeprefix(":"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"Forwarding from 127.0.0.1:{listener.getsockname()[1]} -> {port}", flush=True)
        for _ in range(1000):
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", port))
            print(f"Handling connection for {port}", flush=True)
            for ends in ((near, far), (far, near)):
                threading.Thread(target=copy, args=ends, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1:])

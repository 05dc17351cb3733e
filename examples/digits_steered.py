"""Train on two ranks and steer the run from a second process: python examples/digits_steered.py.

You can join in with a browser or a shell: this program prints the link, and waits between two requests.
"""

import secrets
import subprocess
import sys
import time
from pathlib import Path

from freak_core import Client, NotFound, Receipt, Refused

HERE = Path(__file__).parent
DEADLINE = 90.0
LOOK = 3.0
"""Seconds between two requests."""


def main() -> int:
    """Start the training, steer it until it stops, and say where everything is."""
    folder = Path("runs") / f"demo-{time.strftime('%Y%m%d-%H%M%S')}"
    name = f"digits-{secrets.token_hex(2)}"
    print(f"training a CNN on real handwritten digits on two ranks, as {name!r}, in {folder}")
    command = [sys.executable, str(HERE / "digits.py"), "--ranks", "2", "--epochs", "1000"]
    command += ["--dir", str(folder), "--name", name, "--step-seconds", "0.05"]
    with subprocess.Popen(command) as training:
        try:
            with find(name, training) as client:
                follow_to_the_end(client, after=steer(client))
            status = training.wait(timeout=DEADLINE)
        finally:
            training.kill()
    print(f"stopped: the training ended by itself with exit status {status}")
    print("now yours: python examples/digits.py --step-seconds 0.2, and what README.md does with a run")
    return status


def find(name: str, training: "subprocess.Popen[bytes]") -> Client:
    """Wait until the run is there, and return a client for it."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and training.poll() is None:
        try:
            return Client.find(name)
        except NotFound:
            time.sleep(0.2)
    raise SystemExit("the training did not start")


def steer(client: Client) -> int:
    """Send requests as a researcher would, print the receipts, and return the number of the last one."""
    print(f"join in with a browser:   {client.link}")
    print(f"or steer it from a shell: {Path(sys.executable).with_name('freak')} info")
    wait_for_step(client, 20)
    show("hold the LR", client.set({"lr.hold": 3e-4}, wait=30, note="loss is jumping"))
    time.sleep(LOOK)
    try:
        client.set({"lr.hold": "fast"}, wait=30)
    except Refused as refused:
        show("ask for nonsense", Receipt.model_validate(refused.receipt))
    time.sleep(LOOK)
    show("scale the schedule", client.set({"lr.hold": None, "lr.scale": 0.5}, wait=30))
    time.sleep(LOOK)
    show("release", client.set({"lr.scale": None}, wait=30))
    time.sleep(LOOK)
    show("checkpoint now", client.call("checkpoint", wait=30))
    time.sleep(LOOK)
    stop = {"stop.should_stop": True, "stop.after": "epoch", "stop.reason": "the demo is over"}
    last = client.set(stop, wait=30)
    show("stop after the epoch", last)
    return last.seq


def wait_for_step(client: Client, step: int) -> None:
    """Wait until ``step`` optimizer steps are done."""
    deadline = time.monotonic() + DEADLINE
    while (client.run().get("step") or 0) < step and time.monotonic() < deadline:
        time.sleep(0.1)


def follow_to_the_end(client: Client, after: int) -> None:
    """Print what the run itself reports until it ends."""
    run = client.run()
    for event in client.events("receipt", last_id=f"{run['id']}-0"):
        if event.type == "receipt" and event.data["seq"] > after:
            receipt = Receipt.model_validate(event.data)
            show("the run reports", receipt)
            if receipt.name == "stop" and receipt.status == "applied":
                print(f"checkpoint:               {receipt.result['checkpoint']['path']}")
    print(f"journal:                  {run['journal_path']}")


def show(what: str, receipt: Receipt) -> None:
    """Print a receipt on a line."""
    print(f"{what + ':':25} {receipt.line()}")


if __name__ == "__main__":
    raise SystemExit(main())

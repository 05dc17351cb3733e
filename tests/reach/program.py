"""A program that a test steers from another machine: it counts until it is stopped."""

import json
import os
import sys
import time

from pydantic import BaseModel, Field

from freak_core import Freak


class Stop(BaseModel):
    should_stop: bool = False
    after: str = "batch"
    reason: str | None = None


class Settings(BaseModel):
    lr: float = Field(default=0.1, gt=0)
    stop: Stop = Stop()


def main(name: str, options: dict[str, object]) -> None:
    settings = Settings()
    deadline = time.monotonic() + 170
    with Freak(name=name, **options).control(settings) as freak:  # type: ignore[arg-type]
        for step in range(1 << 30):
            freak.publish(step=step, loss=1 / (step + 1))
            if settings.stop.should_stop or time.monotonic() > deadline:
                return
            time.sleep(0.02)


if __name__ == "__main__":
    options = json.loads(os.environ.get("OPTIONS", "{}"))
    main(sys.argv[1], options if "FREAK_UDS" in os.environ else {"port": 0, **options})

"""Whether the long proofs run at full length, as `make soak` does, and not only a part of them."""

import os

SOAK: bool = os.environ.get("FREAK_SOAK") == "1"

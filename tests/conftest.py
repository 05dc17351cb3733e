"""For all tests: Ctrl-C works in the programs they start, and hypothesis measures no time."""

import signal

from hypothesis import settings

# A shell that starts a command in the background has it ignore SIGINT, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine makes any example slow.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")

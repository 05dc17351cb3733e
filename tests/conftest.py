"""For all tests: Ctrl-C works in the programs they start, also where the tests run in the background."""

import signal

# A shell that starts a command in the background has it ignore SIGINT, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

"""Python 3.11 cannot read the files with PEP 695 in them."""

import sys

collect_ignore = ["test_type_aliases.py", "test_types_seen_through.py"] if sys.version_info < (3, 12) else []

"""Runs the Python blocks of a page, one after the other, in one interpreter.

Reads ``{"code", "page", "line", "folder", "home"}`` as lines of JSON, and answers each with
``{"printed", "error"}``. Each page has variables of its own. The modules are shared, since some take seconds
to import.
"""

import contextlib
import io
import json
import os
import sys
import traceback
from typing import Any


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library writes past sys.stdout is no answer
    variables: dict[str, dict[str, Any]] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        printed, error = io.StringIO(), None
        namespace = variables.setdefault(asked["page"], {"__name__": "__main__"})
        os.environ["FREAK_HOME"] = asked["home"]
        os.chdir(asked["folder"])
        sys.path[0] = asked["folder"]
        try:
            # Empty lines before it, so that a traceback names the line in the page.
            code = compile("\n" * (asked["line"] - 1) + asked["code"], asked["page"], "exec")
            with contextlib.redirect_stdout(printed):
                exec(code, namespace)  # noqa: S102 - the docs' own code
        except BaseException:  # noqa: BLE001 - whatever it is, the test tells it
            error = traceback.format_exc()
        print(json.dumps({"printed": printed.getvalue(), "error": error}), file=answers, flush=True)


if __name__ == "__main__":
    main()

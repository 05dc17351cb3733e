"""The ending of a run: finished, interrupted or failed."""


def ending(error: BaseException | None) -> dict[str, str]:
    """Return the last phase of a run that ``error`` has ended, or that ended by itself."""
    if error is None:
        return {"phase": "finished"}
    interrupted = isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
    # By name: Lightning's exception for a SIGTERM, which is not imported here.
    interrupted = interrupted or type(error).__name__ == "SIGTERMException"
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return {"phase": "interrupted" if interrupted else "failed", "error": text[:1000]}

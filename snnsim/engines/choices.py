"""What may be asked of an engine, for a run and for its forecast alike."""

from __future__ import annotations

from snnsim.errors import ParameterError, unknown_name

ENGINES = ("auto", "event", "clock")
PRECISIONS = ("double", "single")


def check_choices(owner: str, engine: str, threads: int, precision: str | None, started: str | None = None) -> None:
    """Refuse unknown names, and what the event engine does not have where a run can have no other engine.

    owner : str              'simulate' or 'forecast'
    precision : str or None  None: it is not asked for
    started : str or None    engine of the run that is continued, which `engine="auto"` keeps
    """
    if engine not in ENGINES:
        raise ParameterError(unknown_name(f"{owner}.engine", engine, ENGINES))
    if precision is not None and precision not in PRECISIONS:
        raise ParameterError(unknown_name(f"{owner}.precision", precision, PRECISIONS))
    if (started if engine == "auto" else engine) == "event" and precision == "single":
        raise ParameterError(
            f'{owner}.precision = "single" must be "double" for the event engine, whose times are exact. '
            'Leave it out, or use engine="clock".'
        )
    if engine == "event" and threads > 1:
        raise ParameterError(
            f"{owner}.threads = {threads} must be 1 for the event engine: it takes events in order of time, one after the other. "
            'Leave it out, or use engine="clock".'
        )


def candidates(engine: str, precision: str) -> tuple[str, ...]:
    """Return the engines that a run may get."""
    if engine != "auto":
        return (engine,)
    return ("clock",) if precision == "single" else ("clock", "event")

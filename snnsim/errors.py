"""Every error snnsim raises on purpose, in one tree."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SnnsimError(Exception):
    """Base of every error raised on purpose by snnsim."""


class ParameterError(SnnsimError, ValueError):
    """A value given by the user breaks a stated rule."""


class WiringError(SnnsimError, ValueError):
    """Populations and projections do not fit together."""


class CompileError(SnnsimError):
    """A valid description cannot be run by the chosen engine. population : the one that is to blame, where it is one"""

    def __init__(self, text: str, *, population: str = "") -> None:
        super().__init__(text)
        self.population = population


class PlacementError(SnnsimError):
    """A valid network does not fit the hardware it is placed on."""


class ConversionError(SnnsimError):
    """A trained model cannot be turned into an exact spiking network."""


class SimulationError(SnnsimError, RuntimeError):
    """A run had to stop, or cannot start from the given state."""


class FormatError(SnnsimError, ValueError):
    """A file is damaged, or is not what it should be."""


class UnrecordedError(SnnsimError, KeyError):
    """A result is asked for what its run did not record."""

    __str__ = Exception.__str__  # a KeyError shows the repr of its text


def unrecorded(where: str, name: object, names: Iterable[str]) -> UnrecordedError:
    """Return the error for a look at what was not recorded. where : 'spikes', 'recordings'; names : what is there"""
    return UnrecordedError(
        f"{where}[{name!r}] was not recorded: there is {', '.join(names) or 'nothing'}. "
        "Name it when the network runs, as in record={'exc': ['spikes', 'v']}."
    )


def unknown_name(what: str, given: object, valid: Iterable[str]) -> str:
    """Return the text for an unknown name: what was given, what is valid, and the nearest match."""
    names = list(valid)
    close = get_close_matches(str(given), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{what} = {given!r} is not known. Valid: {', '.join(names)}.{hint}"

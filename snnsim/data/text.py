"""A text of the user's, such as Tiny Shakespeare: it does not ship with snnsim."""

from __future__ import annotations

from pathlib import Path

from snnsim.errors import FormatError, ParameterError
from snnsim.units import one_of

#: part of the text that is kept from training: its end
_HELD_OUT = 0.1


def load_text(path: str | Path, split: str = "test") -> str:
    """Return one split of a text file: the last tenth of its characters is held out.

    path : path   a text in UTF-8
    split : 'train' (the first nine tenths), 'test' (the last tenth) or 'all'

    Raises ParameterError when there is no such file, FormatError when it is no text.
    """
    one_of("load_text.split", split, ("train", "test", "all"))
    path = Path(path)
    if not path.is_file():
        raise ParameterError(f"load_text.path = {str(path)!r} must be a file. Give the path of a text.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no text in UTF-8: {error}. Store it as UTF-8.") from None
    first = len(text) - int(_HELD_OUT * len(text))
    return {"train": text[:first], "test": text[first:], "all": text}[split]

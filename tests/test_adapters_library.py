"""Adapters say what to install."""

from __future__ import annotations

import sys

import pytest

import snnsim as sim
from snnsim.errors import ConversionError


@pytest.mark.parametrize(
    ("door", "package", "command"),
    [
        ("from_snntorch", "snntorch", "pip install snntorch"),
        ("to_snntorch", "snntorch", "pip install snntorch"),
        ("from_norse", "norse", "pip install --no-deps norse"),
        ("to_norse", "norse", "pip install --no-deps norse"),
        ("from_snntorch", "torch", "pip install torch"),
    ],
)
def test_a_missing_library_is_named_with_its_command(monkeypatch, door, package, command):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConversionError, match=f"{door} needs the package {package}, which is not installed. Run: {command}."):
        getattr(sim, door)(None)

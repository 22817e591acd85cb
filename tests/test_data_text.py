"""A text is read from a file and its end is held out."""

import pytest

import snnsim as sim
from snnsim.errors import FormatError, ParameterError


def test_the_last_tenth_of_a_text_is_held_out(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("abcdefghijklmnopqrstuvwé", encoding="utf-8")  # 24 characters
    assert sim.data.load_text(path) == "wé"
    assert sim.data.load_text(path, "train") == "abcdefghijklmnopqrstuv"
    assert sim.data.load_text(path, "all") == sim.data.load_text(path, "train") + sim.data.load_text(path, "test")


def test_what_is_no_text_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"load_text.path = .*must be a file"):
        sim.data.load_text(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="no text in UTF-8"):
        sim.data.load_text(tmp_path / "a.txt")
    with pytest.raises(ParameterError, match=r"load_text.split = 'valid'"):
        sim.data.load_text(tmp_path / "a.txt", "valid")

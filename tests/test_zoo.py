"""The trained models that ship with snnsim do what is said of them."""

from __future__ import annotations

import io
import json
import math
import runpy
import sys
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import FormatError, ParameterError
from snnsim.zoo import store
from snnsim.zoo.date_texts import FORMS, ORDINALS, write

torch = pytest.importorskip("torch", reason="torch comes with the test extra")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
WEIGHTS = ROOT / "snnsim" / "zoo" / "weights"

#: learned numbers; shapes of inputs; shape of logits
SHAPES = {
    "mnist_cnn": (23_114, [(2, 1, 28, 28)], (2, 10)),
    "mnist_resnet": (50_106, [(2, 1, 28, 28)], (2, 10)),
    "char_gpt": (619_776, [(2, 30)], (2, 30, 65)),
    "dates": (173_260, [(2, 36), (2, 7)], (2, 7, 12)),
    "lstm_digits": (5_706, [(2, 8, 8)], (2, 10)),
}


@cache
def trained(name):
    return getattr(sim.zoo, name)()


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in one order, and no fight for cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def mnist():
    if not (SHARED / "mnist").exists():
        pytest.skip(f"no MNIST in {SHARED / 'mnist'}")
    images, labels = sim.data.load_mnist(SHARED / "mnist")
    return torch.tensor(images[8_000:, None] / np.float32(255.0)), labels[8_000:]  # the images that training never saw


@torch.no_grad()
def accuracy(model, images, labels):
    guess = torch.cat([model(some).argmax(dim=1) for some in images.split(500)])
    return float((guess.numpy() == labels).mean())


@pytest.mark.parametrize("name", SHAPES)
@torch.no_grad()
def test_a_model_comes_trained_in_eval_mode_and_returns_finite_logits(name):
    model, (size, inputs, outputs) = trained(name), SHAPES[name]
    assert not any(part.training for part in model.modules())
    assert sum(p.numel() for p in model.parameters()) == size
    assert all(p.dtype == torch.float32 and torch.isfinite(p).all() for p in model.parameters())
    drawn = torch.Generator().manual_seed(0)
    counted = name in ("char_gpt", "dates")
    given = [torch.randint(12, shape, generator=drawn) if counted else torch.rand(shape, generator=drawn) for shape in inputs]
    logits = model(*given)
    assert logits.shape == outputs
    assert torch.isfinite(logits).all()
    assert len(logits.flatten().unique()) > outputs[-1]


def test_every_model_is_a_public_function_and_fits_in_the_package():
    assert set(SHAPES) == set(sim.zoo.MODELS)
    assert {path.stem for path in WEIGHTS.glob("*.npz")} == set(sim.zoo.MODELS)
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 2_500_000
    with pytest.raises(ParameterError, match=r"zoo model = 'char_gtp' is not known.*Did you mean 'char_gpt'"):
        sim.zoo.about("char_gtp")


@pytest.mark.parametrize(("name", "least"), [("mnist_cnn", 0.975), ("mnist_resnet", 0.98)])
def test_digits_that_training_never_saw_are_read(name, least):
    images, labels = mnist()
    measured = accuracy(trained(name), images, labels)
    assert measured >= least
    assert measured == pytest.approx(sim.zoo.about(name)["held_out_accuracy"], abs=0.001)  # sums differ between machines


def test_the_lstm_reads_digits_that_training_never_saw():
    images, labels = sim.data.load_digits("test")
    measured = accuracy(trained("lstm_digits"), torch.tensor(images / np.float32(16.0)), labels)
    assert measured >= 0.95
    assert measured == pytest.approx(sim.zoo.about("lstm_digits")["held_out_accuracy"], abs=0.003)


def test_dates_that_training_never_saw_are_translated_exactly():
    texts, iso = sim.zoo.date_examples(500, "test", seed=1)
    right = np.mean([guess == line for guess, line in zip(trained("dates").translate(texts), iso, strict=True)])
    assert right >= 0.99
    assert trained("dates").translate(["the 3rd of march 1987", "March 3, 1987", "3 mar 87"]) == ["1987-03-03"] * 3


@torch.no_grad()
def test_text_that_training_never_saw_is_foretold():
    path = SHARED / "text" / "tinyshakespeare.txt"
    if not path.exists():
        pytest.skip(f"no Tiny Shakespeare at {path}")
    model, said = trained("char_gpt"), sim.zoo.about("char_gpt")["held_out_perplexity"]
    idx = model.encode(sim.data.load_text(path, "test"))[0].unfold(0, model.context + 1, model.context)[::5]  # a fifth of it
    losses = [
        torch.nn.functional.cross_entropy(model(some[:, :-1]).flatten(0, 1), some[:, 1:].flatten(), reduction="sum")
        for some in idx.split(64)
    ]
    assert math.exp(float(sum(losses)) / (len(idx) * model.context)) == pytest.approx(said, rel=0.02)


@torch.no_grad()
def test_no_position_of_the_decoders_sees_what_comes_later():
    gpt, dates = trained("char_gpt"), trained("dates")
    a, b = gpt.encode("to be or not to be"), gpt.encode("to be or not to go")
    torch.testing.assert_close(gpt(a)[:, :16], gpt(b)[:, :16], rtol=0.0, atol=1e-5)
    assert (gpt(a)[:, 17] - gpt(b)[:, 17]).abs().max() > 0.1
    src, tgt = dates.encode(["3 mar 87"]), torch.tensor([[0, 2, 10, 9]])
    torch.testing.assert_close(dates(src, tgt)[:, :2], dates(src, tgt[:, :2]), rtol=0.0, atol=1e-5)


def test_texts_go_to_numbers_and_back_and_what_is_unknown_is_named():
    gpt, dates = trained("char_gpt"), trained("dates")
    assert gpt.decode(gpt.encode("Speak, speak.")) == "Speak, speak."
    assert gpt.generate("ROMEO:", 20) == gpt.generate("ROMEO:", 20)
    assert len(gpt.generate("O" * 127, 5, temperature=1.0, seed=1)) == 132  # longer than its context
    assert gpt.generate("ROMEO:", 20, temperature=1.0, seed=1) != gpt.generate("ROMEO:", 20, temperature=1.0, seed=2)
    with pytest.raises(ParameterError, match=r"CharGPT.encode: 'é' is not in the vocabulary"):
        gpt.encode("café")
    with pytest.raises(ParameterError, match=r"'/' in '3/3/87' is not one of"):
        dates.encode(["3/3/87"])
    with pytest.raises(ParameterError, match="must have at most 36 characters"):
        dates.encode(["3 march 1987" + " " * 30])


def test_dates_are_written_as_people_write_them_and_the_days_of_the_test_are_kept_apart():
    day = date(1987, 3, 22)
    assert {write(day, form) for form in FORMS} >= {
        "22 march 1987", "22 mar 87", "march 22, 1987", "the 22nd of march 1987", "the twenty-second of march 1987", "1987 march 22",
    }  # fmt: skip
    assert write(day, "the {word} of {month} {year}", 2) == "The twenty-second of March 1987"
    assert write(day, "{d}-{mon}-{yy}", 1) == "22-Mar-87"
    suffixes = [write(date(2000, 1, day), "{th}") for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30, 31)]
    assert suffixes == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "30th", "31st"]
    assert len(ORDINALS) == 31 and ORDINALS[30] == "thirty-first"
    train, test = (set(sim.zoo.date_examples(3_000, split)[1]) for split in ("train", "test"))
    assert not train & test
    assert sim.zoo.date_examples(50, seed=3) == sim.zoo.date_examples(50, seed=3) != sim.zoo.date_examples(50, seed=4)


def two_layers():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))


def stored(path):
    model = two_layers()
    store.round_weights(model)
    store.save_weights(model, path, {"n": 1})
    return model


def test_weights_come_back_as_they_were_rounded_and_tied_ones_are_stored_once(tmp_path):
    model = stored(tmp_path / "a.npz")
    assert torch.allclose(model[0].weight, two_layers()[0].weight, rtol=2**-11, atol=0.0)
    copy = store.load_weights(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2)), tmp_path / "a.npz")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), copy.parameters(), strict=True))
    assert not copy.training
    assert store.load_about(tmp_path / "a.npz") == {"n": 1}
    with np.load(store.shipped("char_gpt"), allow_pickle=False) as archive:
        assert "embed.weight" in archive.files and "head.weight" not in archive.files
        assert archive["embed.weight"].dtype == np.float16
    assert trained("char_gpt").head.weight is trained("char_gpt").embed.weight


def test_weights_that_float16_does_not_hold_are_refused(tmp_path):
    model = two_layers()
    with pytest.raises(ParameterError, match=r"0.weight must hold float16 numbers only.*Call round_weights"):
        store.save_weights(model, tmp_path / "a.npz", {})
    model[1].bias.data[:] = 1e5
    with pytest.raises(ParameterError, match=r"1.bias must be finite in float16"):
        store.round_weights(model)
    assert not list(tmp_path.iterdir())


def test_files_that_are_damaged_or_of_another_model_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(FormatError, match="does not exist"):
        store.load_about(path)
    stored(path)
    with pytest.raises(FormatError, match=r"does not hold the weights of Linear: Missing key\(s\) in state_dict: \"weight\""):
        store.load_weights(torch.nn.Linear(2, 3), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(FormatError, match="is damaged"):
        store.load_about(path)
    with path.open("wb") as stream, np.load(io.BytesIO(whole)) as archive:
        np.savez(stream, **{**archive, "1.bias": np.array([1.0, np.nan], np.float16)})
    with pytest.raises(FormatError, match=r"1.bias is not finite"):
        store.load_weights(two_layers(), path)
    np.savez(path, x=1)
    with pytest.raises(FormatError, match="without a header"):
        store.load_about(path)
    for header, says in (({"format": "other"}, "has format 'other'"), ({"format": "snnsim-weights", "version": 9}, "has version 9")):
        text = json.dumps({"about": {}, "tied": {}} | header).encode()
        np.savez(path, header=np.frombuffer(text, np.uint8))
        with pytest.raises(FormatError, match=says):
            store.load_about(path)


def test_without_torch_the_models_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ParameterError, match=r"pip install torch"):
        sim.zoo.lstm_digits()


def test_training_again_gives_the_shipped_lstm(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", "--out", str(tmp_path / "again.npz")])
    try:
        runpy.run_path(str(ROOT / "examples" / "train_lstm_digits.py"), run_name="__main__")
    finally:
        torch.use_deterministic_algorithms(False)
    again = store.load_about(tmp_path / "again.npz")
    shipped = sim.zoo.about("lstm_digits")
    assert again.pop("held_out_accuracy") == pytest.approx(shipped.pop("held_out_accuracy"), abs=0.015)
    assert again == shipped
    assert "held-out accuracy" in capsys.readouterr().out

"""What `convert`, and the model it returns, say of input that they cannot take."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import snnsim as sim  # noqa: E402
from snnsim.errors import CompileError, ConversionError, ParameterError  # noqa: E402


class Of(nn.Module):
    """A module with a linear layer whose forward is given."""

    def __init__(self, forward):
        super().__init__()
        self.linear, self.of = nn.Linear(4, 3), forward

    def forward(self, x):
        return self.of(self, x)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(3, 3)

    def forward(self, x, y):
        return self.a(x) + self.b(y)


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()


def data(*shape):
    return torch.randn(*(shape or (20, 4)), generator=torch.Generator().manual_seed(1))


def changed(change):
    model = mlp()
    with torch.no_grad():
        change(model)
    return model


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (lambda: mlp().train(), r"is in train mode.*Call model.eval\(\)"),
        (lambda: Of(lambda s, x: nn.functional.dropout(s.linear(x), 0.5)).eval(), r"test_conversion_errors.py:\d+.*drops values at random"),
        (lambda: Of(lambda s, x: s.linear(x) if x.sum() > 0 else x).eval(), "data-dependent.*torch.where"),
        (lambda: Of(lambda s, x: s.linear(x)[x[:, 0] > 0]).eval(), "size depends on numbers.*mask what is not wanted"),
        (lambda: Of(lambda s, x: s.linear(x) + torch.randn(3)).eval(), "draws random numbers"),
        (lambda: Of(lambda s, x: torch.linalg.det(x.reshape(-1, 2, 2))).eval(), r"_linalg_det .*test_conversion_errors.py:\d+.*no form"),
        (lambda: Of(lambda s, x: None).eval(), "returns no tensor that depends on its input"),
        (lambda: Of(lambda s, x: 3.0).eval(), "does not depend on its input"),
        (lambda: changed(lambda m: m[0].weight.fill_(float("nan"))), r"'0'.weight holds NaN or infinity"),
        (lambda: changed(lambda m: m[2].weight.zero_()), "'2' has only zero weights: it computes a constant"),
        (lambda: lambda x: x, "is a function but must be a torch.nn.Module"),
    ],
)
def test_a_model_that_cannot_be_converted_is_refused_with_its_reason(model, text):
    with pytest.raises(ConversionError, match=text):
        sim.convert(model(), data())


def test_a_torchscript_module_is_refused_by_name():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.trace(mlp(), data())
    with pytest.raises(ConversionError, match="TorchScript module.*Give the torch.nn.Module"):
        sim.convert(script, data())


@pytest.mark.parametrize(
    ("calibration", "text"),
    [
        (lambda: data(20, 5), "cannot export the model.*Check that model"),
        (lambda: data(0, 4), "holds no sample"),
        (lambda: torch.zeros(20, 4), "is 0 on all 20 calibration inputs"),
        (lambda: torch.cat([data(), data() / 0]), "holds NaN or infinity in 80 of 160 places"),
        (lambda: {"input": data().numpy() * np.nan}, r"calibration\['input'\] holds NaN or infinity in 80 of 80 places"),
        (lambda: None, "sample is missing"),
        (lambda: "text", "must be a tensor or an array"),
        (lambda: (data(), data()), "holds 2 inputs but forward takes 1: input"),
        (lambda: {"z": data()}, "'z' is not known. Valid: input"),
    ],
)
def test_bad_calibration_data_are_refused(calibration, text):
    with pytest.raises((ConversionError, ParameterError), match=text):
        sim.convert(mlp(), calibration())


def test_nan_is_refused_before_the_model_is_traced(monkeypatch):
    monkeypatch.setattr(torch.export, "export", lambda *_, **__: pytest.fail("traced"))
    with pytest.raises(ParameterError, match="NaN"):
        sim.convert(mlp(), data() * np.nan)


def test_inputs_of_several_lengths_are_refused():
    with pytest.raises(ParameterError, match=r"different numbers of samples: \{'x': 20, 'y': 19\}"):
        sim.convert(Two().eval(), (data(), data(19, 3)))


def test_an_overflow_names_the_layer_and_how_many_bits_less_would_do():
    wide = nn.Sequential(nn.Linear(64, 64), nn.ReLU()).eval()
    with pytest.raises(
        CompileError, match=r"'1.relu'.*past the 2147483647.*\d+ bits would do.* (\d+) bits less in activation_bits"
    ) as caught:
        sim.convert(wide, data(20, 64), activation_bits=16, weight_bits=16)
    less = int(str(caught.value).split(" bits less")[0].split()[-1])
    assert sim.convert(wide, data(20, 64), activation_bits=16 - less, weight_bits=16, bias_correction=False)


def test_a_program_for_four_samples_and_damaged_files_are_refused(tmp_path):
    torch.export.save(torch.export.export(mlp(), (data(4, 4),)), tmp_path / "four.pt2")
    with pytest.raises(ConversionError, match="its batch fixed at 4.*batch of 1"):
        sim.convert(tmp_path / "four.pt2", data())
    whole = (tmp_path / "four.pt2").read_bytes()
    for name, content in (("half", whole[: len(whole) // 2]), ("empty", b"")):
        (tmp_path / f"{name}.pt2").write_bytes(content)
        with pytest.raises(ConversionError, match=f"{name}.pt2.*cannot be read by torch"):
            sim.convert(tmp_path / f"{name}.pt2", data())
    with pytest.raises(ConversionError, match="is no file"):
        sim.convert(tmp_path / "none.pt2", data())


def test_without_torch_a_torch_model_says_what_to_install():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np, snnsim as sim\n"
        "try:\n    sim.convert(object(), np.ones((2, 3)))\n"
        "except sim.errors.SnnsimError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "torch" in said
    assert "pip install torch" in said


@pytest.fixture(scope="module")
def converted():
    return sim.convert(mlp(), data())


@pytest.mark.parametrize(
    "same",
    [
        lambda x: x.bfloat16().double(),
        lambda x: x.bfloat16(),
        lambda x: x.bfloat16().clone().requires_grad_(),
        lambda x: x.bfloat16().T.contiguous().T,
        lambda x: x.bfloat16().double().numpy(),
    ],
)
def test_tensors_of_any_kind_hold_the_same_numbers(converted, same):
    x = data() / 4
    wanted = converted.encode(x.bfloat16().double().numpy())["input"]
    assert (converted.encode(same(x))["input"] == wanted).all()
    again = sim.convert(mlp(), same(data()))
    assert again.integer_graph.layers["input"].scale == pytest.approx(converted.integer_graph.layers["input"].scale, rel=0.01)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (lambda: data(3, 5), r"shape \(3, 5\) but must have \(batch, 4\)"),
        (lambda: data() * np.nan, "NaN or infinity"),
        (lambda: data(0, 4), "no sample"),
        (lambda: {"y": data()}, "'y' is not known. Valid: input"),
        (lambda: np.array(["a"]), "must hold numbers"),
    ],
)
def test_bad_inputs_of_a_converted_model_are_refused(converted, inputs, text):
    with pytest.raises(ParameterError, match=text):
        converted(inputs())


@pytest.mark.parametrize("use", [lambda m, x: m.encode(x), lambda m, x: m.reference(x), lambda m, x: m.certify(x, batch=7)])
def test_numbers_past_the_range_are_told_once(converted, use):
    x = (data() / 10).numpy()
    x[3, 1] = x[17, 0] = 100.0
    with pytest.warns(UserWarning, match=r"'input': 2 of \d+ numbers .* past the range") as told:
        use(converted, x)
    assert len(told) == 1
    assert told[0].filename == __file__


def test_tokens_that_calibration_did_not_hold_are_not_clipped():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 4), nn.LayerNorm(4), nn.Flatten(), nn.Linear(20, 3)).eval()
    with torch.no_grad():
        model[0].weight[8] *= 20.0
    tokens = torch.arange(40).reshape(8, 5) % 8
    spiking = sim.convert(model, tokens)
    unseen = torch.full((2, 5), 8)
    encoded = spiking.encode(unseen)  # a warning would be an error here
    (name,) = encoded
    real = encoded[name] * spiking.integer_graph.layers[name].scale
    np.testing.assert_allclose(real[0, 0], model[0].weight[8].detach(), atol=0.51 * np.max(spiking.integer_graph.layers[name].scale))
    with pytest.raises(ParameterError, match=r"9 but must lie in 0 .. 8"):
        spiking.encode(torch.full((2, 5), 9))

"""Models of many kinds: the spiking network equals its integer program, and comes closer to the float model with more bits."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import snnsim as sim  # noqa: E402


class Of(nn.Module):
    """A module of the given parts whose forward is given."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.of = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.of(self, x)


class Beside(nn.Module):
    """A decoder that looks at a second sequence."""

    def __init__(self):
        super().__init__()
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 12, batch_first=True), 1)

    def forward(self, target, memory):
        return self.decoder(target, memory, tgt_mask=nn.Transformer.generate_square_subsequent_mask(target.shape[1]))


class Biased(nn.Module):
    """Attention with a learned bias for each distance, as in T5, or with rotated queries and keys."""

    def __init__(self, rotary):
        super().__init__()
        self.rotary, self.qkv, self.bias = rotary, nn.Linear(8, 24), nn.Embedding(9, 2)
        angle = torch.arange(5)[:, None] * torch.tensor([1.0, 0.1, 1.0, 0.1])
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def turned(self, x):
        return x * self.cos + torch.cat([-x[..., 2:], x[..., :2]], -1) * self.sin

    def forward(self, x):
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        if self.rotary:
            mixed = F.scaled_dot_product_attention(self.turned(q), self.turned(k), v, is_causal=True)
        else:
            i = torch.arange(x.shape[1])
            bias = self.bias((i[None] - i[:, None]).clamp(-4, 4) + 4).permute(2, 0, 1)
            mixed = (q @ k.transpose(-1, -2) + bias).softmax(-1) @ v
        return mixed.transpose(1, 2).flatten(2)


class Padded(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.layer = nn.Embedding(7, 8), nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)

    def forward(self, tokens):
        return self.layer(self.table(tokens), src_key_padding_mask=tokens == 0).mean(1)


def chain(*parts):
    return nn.Sequential(*parts)


def recurrent(cell):
    return Of(lambda s, x: s.out(s.cell(x)[0][:, -1]), cell=cell(3, 4, batch_first=True), out=nn.Linear(4, 2))


def quiet():
    """One channel is always 0, one always the same."""
    model = chain(nn.Linear(4, 5), nn.ReLU(), nn.LayerNorm(5), nn.Linear(5, 2))
    with torch.no_grad():
        model[0].weight[1], model[0].bias[1] = 0.0, -1.0
        model[0].weight[2], model[0].bias[2] = 0.0, 1.0
        model[2].weight[3] = 0.0
    return model


def normalised():
    norm = nn.BatchNorm2d(2)
    norm.running_mean, norm.running_var = torch.tensor([0.5, -1.0]), torch.tensor([0.3, 2.0])
    with torch.no_grad():
        norm.weight[1] = -0.7
    return chain(norm, nn.ReLU(), nn.Conv2d(2, 2, 1))


def gated(s, x):
    h = F.relu(s.a(x))
    return s.out(h * torch.sigmoid(s.c(F.relu(s.b(h.mean((2, 3))))))[:, :, None, None])


def shaped_like_a_u(s, x):
    fine = F.relu(s.a(x))
    coarse = F.relu(s.b(F.max_pool2d(fine, 2)))
    return s.out(torch.cat([fine, coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)], 1))


def read_inside(s, x):
    h = s.a(x)
    return h, s.b(F.relu(h))


L, C = nn.Linear, nn.Conv2d
ROW, MAP, TEXT = (24, 4), (12, 2, 6, 6), (16, 5, 8)
ZOO = {
    "width 1": (lambda: chain(L(4, 1), nn.ReLU(), L(1, 1), nn.Tanh(), L(1, 2)), ROW),
    "depthwise, dilated": (lambda: chain(C(2, 4, 3, padding=2, dilation=2, groups=2), nn.ReLU(), C(4, 2, 3, stride=2)), MAP),
    "one dimension": (lambda: chain(nn.Conv1d(2, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv1d(4, 2, 2)), (12, 2, 8)),
    "residual": (lambda: Of(lambda s, x: F.relu(x + s.b(F.relu(s.a(x)))), a=L(4, 4), b=L(4, 4)), ROW),
    "concatenated": (lambda: Of(lambda s, x: s.b(torch.cat([x, F.relu(s.a(x)), -x], 1)), a=L(4, 3), b=L(11, 2)), ROW),
    "gated channels": (lambda: Of(gated, a=C(2, 4, 3), b=L(4, 2), c=L(2, 4), out=C(4, 2, 1)), MAP),
    "u-shaped": (lambda: Of(shaped_like_a_u, a=C(2, 3, 3, padding=1), b=C(3, 3, 3, padding=1), out=C(6, 1, 1)), MAP),
    "overlapping maxima": (lambda: chain(C(2, 3, 3), nn.MaxPool2d(3, 2, 1), C(3, 2, 2)), MAP),
    "means": (lambda: chain(C(2, 3, 3), nn.AvgPool2d(3, 1, 1, count_include_pad=False), nn.AdaptiveAvgPool2d((3, 2)), nn.Flatten()), MAP),
    "batch norm": (normalised, MAP),
    "norm of a sum": (lambda: Of(lambda s, x: s.n(s.a(x) + s.b(torch.tanh(x))), a=L(8, 8), b=L(8, 8), n=nn.LayerNorm(8)), TEXT),
    "swiglu": (lambda: Of(lambda s, x: s.o(F.silu(s.a(s.n(x))) * s.b(x)), n=nn.RMSNorm(8), a=L(8, 6), b=L(8, 6), o=L(6, 4)), TEXT),
    "read inside too": (lambda: Of(read_inside, a=L(4, 5), b=L(5, 2)), ROW),
    "an output is the input": (lambda: Of(lambda s, x: (x, s.a(x).reshape(-1, 3, 2).permute(0, 2, 1)), a=L(4, 6)), ROW),
    "a layout alone": (lambda: Of(lambda s, x: x.flip(1).reshape(-1, 2, 2)), ROW),
    "one number": (lambda: Of(lambda s, x: F.relu(s.a(x)).sum((1, 2)), a=L(8, 4)), TEXT),
    "times one number": (lambda: Of(lambda s, x: s.o(x) * torch.sigmoid(x.mean(1)).unsqueeze(-1), o=L(4, 2)), ROW),
    "shared": (lambda: Of(lambda s, x: s.o(torch.tanh(s.a(torch.tanh(s.a(x))))), a=L(4, 4), o=L(4, 2)), ROW),
    "negative factors": (lambda: Of(lambda s, x: s.o(1 - 2 * s.a(x) * torch.tanh(s.b(x))), a=L(4, 5), b=L(4, 5), o=L(5, 2)), ROW),
    "dead and constant channels": (quiet, ROW),
    "lstm": (lambda: recurrent(nn.LSTM), (12, 4, 3)),
    "gru": (lambda: recurrent(nn.GRU), (12, 4, 3)),
    "relative bias": (lambda: Biased(rotary=False), TEXT),
    "rotary": (lambda: Biased(rotary=True), TEXT),
    "cross-attention": (Beside, (12, 3, 8), (12, 4, 8)),
    "one token": (lambda: nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True), (12, 1, 8)),
    "softmax at the end": (lambda: chain(L(4, 3), nn.Softmax(-1)), ROW),
    "padding": (Padded, None),
}
#: the table of exp has steps of 1/64, which more bits do not make finer
_EXP = {"relative bias", "rotary", "cross-attention", "one token", "softmax at the end", "padding"}


def made(name):
    build, *shapes = ZOO[name]
    torch.manual_seed(1)
    model = build().eval()
    inputs = [torch.randn(shape) for shape in shapes if shape] or [torch.randint(0, 7, (24, 5)).index_fill_(1, torch.tensor([0]), 3)]
    return model, inputs[0] if len(inputs) == 1 else tuple(inputs)


def floats(model, inputs):
    with torch.no_grad():
        found = model(*inputs) if isinstance(inputs, tuple) else model(inputs)
    return [each.double().numpy() for each in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.parametrize("name", ZOO)
def test_a_model_is_exact_and_comes_closer_to_the_float_model_with_bits(name):
    model, inputs = made(name)
    wanted = floats(model, inputs)
    errors = []
    for bits in (8, 12):
        spiking = sim.convert(model, inputs, activation_bits=bits, weight_bits=bits)
        outputs = list(spiking.outputs(spiking.reference(inputs)).values())
        assert [each.shape for each in outputs] == [each.shape for each in wanted]
        errors.append(max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(outputs, wanted, strict=True)))
    assert errors[0] < 0.03
    # Of a channel that nearly cancels, 8 bits may be right by luck; a wrong scale is wrong by more than 0.2 %.
    assert errors[1] < max(2e-3, 0.6 * errors[0] if name in _EXP else errors[0] / 5)
    assert spiking.certificate.mismatches == 0


def test_the_same_seed_gives_the_same_bits_on_any_threads():
    model, inputs = made("relative bias")
    spiking = sim.convert(model, inputs)
    for schedule in ("settled", "eager"):
        one, two = (spiking(inputs, schedule=schedule, seed=3, threads=n) for n in (1, 2))
        assert all((one.values[name] == two.values[name]).all() for name in one.values)
        assert one.counts == two.counts
        assert (one.state.acc == two.state.acc).all()


def test_a_run_goes_on_from_a_state_to_what_a_fresh_one_finds():
    model, inputs = made("swiglu")
    spiking = sim.convert(model, inputs)
    again = spiking(inputs.flip(0), start=spiking(inputs).state)
    fresh = spiking(inputs.flip(0))
    assert (again.state.acc == fresh.state.acc).all()
    assert all((again.outputs[name] == fresh.outputs[name]).all() for name in fresh.outputs)
    assert spiking.verify(again, spiking.reference(inputs.flip(0))).mismatches == 0


def test_a_certificate_in_batches_compares_every_sample():
    model, inputs = made("gated channels")
    spiking = sim.convert(model, inputs)
    parts, whole = spiking.certify(inputs, batch=5), spiking.certify(inputs, batch=len(inputs))
    assert parts.compared == whole.compared
    assert parts.mismatches == 0
    assert len(parts.layers) == len(spiking.integer_graph.layers)

"""Products with constants become Linear nodes, or Conv nodes of many small matrices; products of two values become Einstein sums."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.graph.nodes import Conv, Linear
from snnsim.trace.arithmetic import mul, scale
from snnsim.trace.builder import Builder, Shape
from snnsim.trace.calls import Call, constant
from snnsim.trace.products import einsum, matmul_subscripts
from snnsim.trace.sums import add
from snnsim.trace.values import Value


def dense(builder: Builder, value: Value, weight: np.ndarray, bias: np.ndarray | None, shape: Shape) -> Value:
    """Return value W^T + b over the last axis."""
    name, lead = builder.rows(builder.plain(value), weight.shape[1])
    bias = np.zeros(len(weight)) if bias is None else np.ascontiguousarray(bias)
    return builder.emit(Linear, (name,), (*lead, len(weight)), shape, weight=np.ascontiguousarray(weight), bias=bias)


def contract(builder: Builder, call: Call, value: Value, weight: np.ndarray, first: str, second: str, out: str, shape: Shape) -> Any:
    """Return the Einstein sum of a value and a constant."""
    for letter in [x for x in first if x not in second and x not in out]:  # summed in the value alone: by ones
        axis = first.index(letter)
        weight, second = np.repeat(weight[None], value.shape[axis], axis=0), letter + second
    for letter in [x for x in second if x not in first and x not in out]:
        weight, second = weight.sum(axis=second.index(letter)), second.replace(letter, "")
    sizes = dict(zip(second, weight.shape, strict=True))
    for letter, size in zip(first, value.shape, strict=True):
        sizes[letter] = max(size, sizes.get(letter, 1))
    summed = [x for x in first if x in second and x not in out]
    shared = [x for x in first if x in second and x in out and weight.shape[second.index(x)] > 1]
    free = [x for x in second if x not in first]
    lead = [x for x in first if x not in summed and x not in shared]
    if not summed:  # no sum: a scale
        return _outer(builder, value, weight, first, second, out, sizes, shape)
    weight = np.broadcast_to(weight, [sizes[x] if x not in lead else 1 for x in second])
    weight = weight.transpose([second.index(x) for x in [*shared, *free, *summed]] + [second.index(x) for x in lead if x in second])
    groups, outs, ins = (int(np.prod([sizes[x] for x in part])) for part in (shared, free, summed))
    weight = weight.reshape(groups, outs, ins)
    value = builder.plain(value).broadcast(tuple(sizes[x] for x in first))
    leads = tuple(sizes[x] for x in lead)
    index = value.index.transpose([first.index(x) for x in [*lead, *shared, *summed]])
    if groups == 1:
        result = dense(builder, value.but(index=index.reshape(*leads, ins)), weight[0], None, (*leads, outs))
    else:
        inner = (int(np.prod(leads)), groups * ins)
        name = builder.gather(value.but(index=index), inner)
        taps = weight.transpose(2, 0, 1).reshape(1, ins, groups * outs)
        result = builder.emit(
            Conv, (name,), (inner[0], groups * outs), (*leads, groups * outs),
            weight=np.ascontiguousarray(taps), bias=np.zeros(groups * outs), stride=(1,), padding=((0, 0),), dilation=(1,), groups=groups,
        )  # fmt: skip
    have = [*lead, *shared, *free]
    index = result.index.reshape([sizes[x] for x in have]).transpose([have.index(x) for x in out])
    return result.but(index=index.reshape(shape))


def _outer(
    builder: Builder, value: Value, weight: np.ndarray, first: str, second: str, out: str, sizes: dict[str, int], shape: Shape
) -> Any:
    wide = tuple(sizes[x] for x in out)

    def aligned(array: np.ndarray, letters: str) -> np.ndarray:
        order = [letters.index(x) for x in out if x in letters]
        return array.transpose(order).reshape([array.shape[letters.index(x)] if x in letters else 1 for x in out])

    value = builder.plain(value)
    moved = value.but(index=aligned(value.index, first)).broadcast(wide)
    result = mul(builder, moved, aligned(weight, second), wide)
    return result.but(index=result.index.reshape(shape), scale=_reshaped(result.scale, shape)) if isinstance(result, Value) else result


def _reshaped(array: Any, shape: Shape) -> Any:
    return array if array.ndim == 0 else array.reshape(shape)


def product(builder: Builder, call: Call, left: Any, right: Any, subscripts: str, shape: Shape, suffix: str = "product") -> Any:
    """Return the Einstein sum of two factors, of which one may be constant."""
    sides, out = subscripts.split("->")
    first, second = sides.split(",")
    if isinstance(left, Value) and isinstance(right, Value):
        return einsum(builder, left, right, subscripts, shape, suffix)
    if not isinstance(left, Value):
        left, right, first, second = right, left, second, first
    return contract(builder, call, left, constant(right), first, second, out, shape)


def _linear(builder: Builder, call: Call) -> Any:
    value, weight, bias = call["input"], call["weight"], call.get("bias")
    if isinstance(value, Value) and not isinstance(weight, Value) and not isinstance(bias, Value):
        matrix = constant(weight)
        return dense(builder, value, matrix, None if bias is None else constant(bias), call.shape)
    ndim = value.ndim
    letters = string.ascii_lowercase[: ndim - 1]
    result = product(builder, call, value, weight, f"{letters}X,YX->{letters}Y", call.shape)
    return result if bias is None else add(builder, result, bias, call.shape)


def _matmul(builder: Builder, call: Call) -> Any:
    left, right = (call.get(a, call.get(b)) for a, b in (("self", "self"), ("other", "mat2")))
    right = right if right is not None else call.get("tensor", call.get("vec"))
    return product(builder, call, left, right, matmul_subscripts(left.ndim, right.ndim), call.shape)


def _addmm(builder: Builder, call: Call) -> Any:
    names = {"addmm": ("mat1", "mat2"), "baddbmm": ("batch1", "batch2"), "addmv": ("mat", "vec"), "addbmm": ("batch1", "batch2")}
    left, right = (call[name] for name in names[call.op])
    bias, beta = call["self"], call.get("beta", 1)
    alpha = call.get("alpha", 1)
    shape = call.shape
    if isinstance(left, Value) and not isinstance(right, Value) and not isinstance(bias, Value) and right.ndim == 2:
        row = constant(bias)
        if row.size in (1, right.shape[1]):
            row = np.broadcast_to(beta * row.ravel(), (right.shape[1],))
            return dense(builder, left, alpha * constant(right).T, row, shape)
    result = scale(builder, product(builder, call, left, right, matmul_subscripts(left.ndim, right.ndim), shape), alpha)
    return result if beta == 0 else add(builder, result, scale(builder, bias, beta), shape)


def _einsum(builder: Builder, call: Call) -> Any:
    equation, operands = call["equation"].replace(" ", ""), list(call["tensors"])
    sides, _, out = equation.partition("->")
    terms = sides.split(",")
    if "..." in equation:
        width = max(operand.ndim - len(term.replace("...", "")) for term, operand in zip(terms, operands, strict=True) if "..." in term)
        free = [x for x in string.ascii_uppercase if x not in equation][:width]

        def spell(term: str, ndim: int) -> str:
            n = ndim - len(term.replace("...", ""))
            return term.replace("...", "".join(free[width - n :]))

        terms = [spell(term, operand.ndim) for term, operand in zip(terms, operands, strict=True)]
        out = out.replace("...", "".join(free)) if "->" in equation else "".join(free)
    if "->" not in equation:
        out += "".join(sorted(x for x in set("".join(terms)) - set(out) if "".join(terms).count(x) == 1))
    if any(len(set(term)) < len(term) for term in terms) or len(terms) > 2:
        call.refuse(f"({equation!r}) repeats a letter in one factor, or has more than two factors", "Split it into products of two.")
    if len(terms) == 1:
        terms.append("")
        operands.append(np.float64(1.0))
    return product(builder, call, operands[0], operands[1], f"{terms[0]},{terms[1]}->{out}", call.shape)


def _bilinear(builder: Builder, call: Call) -> Any:
    call.refuse("multiplies two inputs through a table of weights", "Write it as Linear layers and an elementwise product.")


Handler = Callable[[Builder, Call], Any]
HANDLERS: dict[str, Handler] = {
    "linear": _linear,
    **dict.fromkeys(["matmul", "mm", "bmm", "mv", "dot", "__matmul__", "inner", "vdot"], _matmul),
    **dict.fromkeys(["addmm", "baddbmm", "addmv"], _addmm),
    "einsum": _einsum,
    "bilinear": _bilinear,
}

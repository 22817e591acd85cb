"""What an operation of an exported program is called, where it stands in the user's source, and what comes out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from snnsim.trace.calls import Call

_FILE = re.compile(r'File "([^"]+)", line (\d+), in \S+\n\s+(.*)')
_INSIDE_TORCH = ("/torch/nn/", "/torch/_", "/torch/fx/", "/torch/export/", "<eval_with_key>")
_NAMED_BY_WEIGHT = frozenset(
    [
        *("linear", "addmm", "convolution", *(f"conv{n}d" for n in (1, 2, 3)), *(f"conv_transpose{n}d" for n in (1, 2, 3))),
        *("layer_norm", "native_layer_norm", "rms_norm", "embedding"),
        *("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only"),
    ]
)
#: modules that make several nodes
_OF_MANY = ("TransformerEncoder", "TransformerEncoderLayer", "TransformerDecoder", "TransformerDecoderLayer", "Transformer", "Attention")


def origin(node: Any) -> str:
    """Return file:line and source text of the user's line that made a node, or what comes nearest."""
    found = _FILE.findall(node.meta.get("stack_trace") or "")
    own = [place for place in found if not any(part in place[0] for part in _INSIDE_TORCH)]
    if not own:
        return ""
    file, line, text = own[-1]
    return f"{file}:{line}: {text.strip()}"


def kind(value: Any) -> str:
    """Return 'bool', 'int', 'float' or 'complex'."""
    import torch

    if isinstance(value, (tuple, list)) and value:
        value = value[0]
    if not isinstance(value, torch.Tensor):
        return type(value).__name__
    if value.dtype == torch.bool:
        return "bool"
    return "complex" if value.dtype.is_complex else "float" if value.dtype.is_floating_point else "int"


def shape(value: Any) -> tuple[int, ...]:
    """Return the shape of a node's (first) result."""
    if isinstance(value, (tuple, list)):
        value = next((v for v in value if v is not None), None)
    return tuple(getattr(value, "shape", ()))


def label(node: Any, parameters: Mapping[str, str]) -> str:
    """Return the path of the parameter's module, or of the module that calls, and the operation."""
    for source in node.all_input_nodes if hasattr(node, "all_input_nodes") else ():
        path = parameters.get(source.name, "")
        if path.endswith("weight") and getattr(node.target, "_opname", "") in _NAMED_BY_WEIGHT:
            return path.removesuffix("weight").rstrip("._") or node.name
    modules: Mapping[str, Any] = node.meta.get("nn_module_stack") or {}
    path, cls = list(modules.values())[-1] if modules else ("", "")
    op = getattr(node.target, "_opname", node.name)
    cls = cls if isinstance(cls, str) else f"{cls.__module__}.{cls.__name__}"
    if path and cls.startswith("torch.nn.modules.") and not cls.endswith(_OF_MANY):
        return path
    if op == "scaled_dot_product_attention" and path:
        return path
    return f"{path}.{op}" if path else op


def described(node: Any, op: str, args: Any, kwargs: Any, parameters: Mapping[str, str]) -> Call:
    """Return the call of an operation. parameters : placeholder -> the path of its parameter in the model"""
    arguments: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    schema = getattr(node.target, "_schema", None)
    for i, argument in enumerate(schema.arguments if schema else ()):
        given = args[i] if i < len(args) else kwargs.get(argument.name, argument.default_value if argument.has_default_value() else None)
        arguments[argument.name] = given
        source = node.args[i] if i < len(node.args) else node.kwargs.get(argument.name)
        if hasattr(source, "meta"):
            kinds[argument.name] = kind(source.meta.get("val"))
    value = node.meta.get("val")
    overload = getattr(node.target, "_overloadname", "default")
    return Call(op, overload, arguments, label(node, parameters), origin(node), shape(value), kind(value), node.target, kinds)

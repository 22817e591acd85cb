"""The walk over an exported program: constants are folded by torch, the rest is given to the handlers."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.errors import ConversionError
from snnsim.graph.nodes import Input
from snnsim.trace.arithmetic import unmasked
from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call
from snnsim.trace.tables import _ON_RANDOM, HANDLERS, MOVES, READS_MASKED
from snnsim.trace.values import Value, places

if TYPE_CHECKING:
    import torch

_FILE = re.compile(r'File "([^"]+)", line (\d+), in \S+\n\s+(.*)')
_INSIDE_TORCH = ("/torch/nn/", "/torch/_", "/torch/fx/", "/torch/export/", "<eval_with_key>")


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


def widened(value: Any) -> Any:
    """Return floats in double precision; numbers are computed in it from the weights as they are."""
    import torch

    if isinstance(value, torch.Tensor) and value.dtype.is_floating_point:
        return value.detach().to(torch.float64)
    return torch.float64 if isinstance(value, torch.dtype) and value.is_floating_point else value


class Walk:
    """Translates one program into the nodes of a builder."""

    def __init__(self, builder: Builder, program: torch.export.ExportedProgram) -> None:
        self.builder, self.program = builder, program
        self.values: dict[Any, Any] = {}
        self.parameters: dict[str, str] = {}  # placeholder -> the parameter's path in the model
        self.inputs: dict[str, Any] = {}
        self._read_signature()

    def _read_signature(self) -> None:
        """Give parameters, buffers and constants their tensors, and list the inputs."""
        import torch

        signature = self.program.graph_signature
        tensors = {**dict(self.program.named_parameters()), **dict(self.program.named_buffers()), **self.program.constants}
        paths = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
        for node in self.program.graph.nodes:
            if node.op != "placeholder":
                continue
            if node.name in paths:
                path = paths[node.name]
                self.parameters[node.name] = path
                self.values[node] = widened(tensors[path])
            elif isinstance(node.meta.get("val"), torch.Tensor) and node.name in signature.user_inputs:
                self.inputs[node.name] = node
            else:
                self.values[node] = node.meta.get("val")

    def give_input(self, name: str, node: Any, batch_axis: int, sample: Any) -> None:
        """Make the input node of a placeholder."""
        tensor = node.meta["val"]
        full = shape(tensor)
        self.builder.label, self.builder.origin = name, ""
        if len(full) <= batch_axis or full[batch_axis] != 1:
            raise ConversionError(
                f"trace_torch: input {name!r} of shape {full} must have a batch of 1 on axis {batch_axis}. Give its batch axis: "
                f"batch_axis={{{name!r}: axis}}."
            )
        cut = (*full[:batch_axis], *full[batch_axis + 1 :])
        what = kind(tensor)
        if what == "complex":
            raise ConversionError(f"trace_torch: input {name!r} is complex. Give its real and imaginary parts as two inputs.")
        if what == "float":
            made = self.builder.node(Input, (), cut, kind="real")
        else:
            made = self.builder.node(Input, (), cut, kind="index", low=0, high=self._highest(name, node, what, sample))
        self.values[node] = Value((made,), places(int(np.prod(full)), full))

    def _highest(self, name: str, node: Any, what: str, sample: Any) -> int:
        """Return the largest index an input may hold: the end of the tables it looks up, or 1 for a mask."""
        if what == "bool":
            return 1
        sizes = [shape(table.meta["val"])[0] for table in _tables_read(node)]
        if sizes:
            return min(sizes) - 1
        if sample is not None and (int(sample.max()) > 1 or int(sample.min()) < 0):
            raise ConversionError(
                f"trace_torch: the integer input {name!r} holds {int(sample.max())} but looks up no embedding table: only tokens and masks "
                "of 0 and 1 are integers. Give it as a float tensor."
            )
        return 1

    def run(self) -> list[Any]:
        """Translate every node, and return what the program returns to its user."""
        import torch
        from torch.export.graph_signature import OutputKind

        for spec in self.program.graph_signature.output_specs:
            if spec.kind == OutputKind.BUFFER_MUTATION:
                raise ConversionError(
                    f"trace_torch: forward changes the buffer {spec.target!r} in place, so that samples depend on those before. "
                    "Return the new value, or keep the buffer fixed in eval mode."
                )
        with torch.no_grad():
            results = self.walk(self.program.graph_module, None)
        wanted = [spec.kind == OutputKind.USER_OUTPUT for spec in self.program.graph_signature.output_specs]
        return [result for result, is_output in zip(results, wanted, strict=True) if is_output and result is not None]

    def walk(self, module: Any, arguments: list[Any] | None) -> Any:
        """Translate one graph; `arguments` are what the placeholders of a graph inside another stand for."""
        given = iter(arguments or ())
        result: Any = ()
        for node in module.graph.nodes:
            if node.op == "placeholder":
                if arguments is not None:
                    self.values[node] = next(given)
            elif node.op == "get_attr":
                self.values[node] = _attribute(module, node.target)
            elif node.op == "output":
                result = self._look_up(node.args[0])
            else:
                self.values[node] = self._call(node)
        return result

    def _look_up(self, argument: Any) -> Any:
        import torch

        return torch.fx.node.map_arg(argument, lambda node: self.values[node])

    def _call(self, node: Any) -> Any:
        args, kwargs = self._look_up(node.args), self._look_up(node.kwargs)
        if node.target is operator.getitem:
            return self._item(node, *args)
        name = getattr(node.target, "__name__", str(node.target))
        if name in ("wrap_with_set_grad_enabled", "wrap_with_autocast"):
            return self.walk(args[1 if "grad" in name else 4], list(args[2 if "grad" in name else 5 :]))
        op = getattr(node.target, "_opname", name)
        if op in ("_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range", "sym_constrain_range_for_size", "_assert_async"):
            return None
        call = self._described(node, op, args, kwargs)
        if any(not isinstance(size, int) for size in call.shape):
            call.refuse("gives a result whose size depends on numbers in a tensor", "Keep all sizes fixed, and mask what is not wanted.")
        self.builder.label, self.builder.origin = call.label, call.origin
        if op in _ON_RANDOM:
            return HANDLERS[op](self.builder, call)
        if not _holds_value([args, kwargs]):
            return self._fold(node, args, kwargs, call)
        if op not in HANDLERS:
            call.refuse("has no form in a spiking network", "Replace it by operations that have one, or leave it outside the model.")
        if op not in READS_MASKED and any(isinstance(v, Value) and v.masked for v in call.arguments.values()):
            unmasked(self.builder, next(iter(self.values.values())))
        if call.kind == "complex":
            call.refuse("makes complex numbers", "Compute with their real and imaginary parts.")
        result = HANDLERS[op](self.builder, call)
        if isinstance(result, Value) and not result.bare and op not in MOVES:
            result = result.but(made=(call.label, call.origin))
        return result

    def _item(self, node: Any, values: Any, at: int) -> Any:
        if values[at] is None and node.users:
            self.builder.label = self._label(node.args[0])
            op = getattr(node.args[0].target, "_opname", node.args[0].name)
            raise ConversionError(
                f"{self.builder.label}: {op} ({origin(node)}): its result {at} (places of maxima, or statistics) has no form in a spiking "
                "network. Use its first result alone."
            )
        return values[at]

    def _fold(self, node: Any, args: Any, kwargs: Any, call: Call) -> Any:
        """Let torch compute what does not depend on the input."""
        import torch

        args, kwargs = torch.utils._pytree.tree_map(widened, (args, kwargs))
        try:
            return torch.utils._pytree.tree_map(widened, node.target(*args, **kwargs))
        except Exception as error:
            text = (str(error).splitlines() or [""])[0]
            call.refuse(f"of constants cannot be computed ({text})", "Store its result as a buffer.")

    def _described(self, node: Any, op: str, args: Any, kwargs: Any) -> Call:
        arguments: dict[str, Any] = {}
        kinds: dict[str, str] = {}
        schema = getattr(node.target, "_schema", None)
        for i, argument in enumerate(schema.arguments if schema else ()):
            given = (
                args[i] if i < len(args) else kwargs.get(argument.name, argument.default_value if argument.has_default_value() else None)
            )
            arguments[argument.name] = given
            source = node.args[i] if i < len(node.args) else node.kwargs.get(argument.name)
            if hasattr(source, "meta"):
                kinds[argument.name] = kind(source.meta.get("val"))
        value = node.meta.get("val")
        overload = getattr(node.target, "_overloadname", "default")
        return Call(op, overload, arguments, self._label(node), origin(node), shape(value), kind(value), node.target, kinds)

    def _label(self, node: Any) -> str:
        """Return the path of the parameter's module, or of the module that calls, and the operation."""
        for source in node.all_input_nodes if hasattr(node, "all_input_nodes") else ():
            path = self.parameters.get(source.name, "")
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


_NAMED_BY_WEIGHT = frozenset(
    ["linear", "conv1d", "conv2d", "conv3d", "convolution", "layer_norm", "native_layer_norm", "rms_norm", "embedding", "embedding_bag",
     "_embedding_bag", "_embedding_bag_forward_only", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "addmm"]
)
#: modules that make several nodes
_OF_MANY = ("TransformerEncoder", "TransformerEncoderLayer", "TransformerDecoder", "TransformerDecoderLayer", "Transformer", "Attention")


def _attribute(module: Any, path: str) -> Any:
    for part in path.split("."):
        module = getattr(module, part)
    return widened(module)


def _holds_value(tree: Any) -> bool:
    if isinstance(tree, (list, tuple)):
        return any(map(_holds_value, tree))
    if isinstance(tree, dict):
        return any(map(_holds_value, tree.values()))
    return isinstance(tree, Value)


def _tables_read(node: Any) -> list[Any]:
    """Return the table nodes that a placeholder's numbers look up, through changes of layout."""
    found, seen, front = [], {node}, [node]
    while front:
        source = front.pop()
        for user in source.users:
            op = getattr(user.target, "_opname", "")
            if op in ("embedding", "embedding_bag", "_embedding_bag", "_embedding_bag_forward_only"):
                if user.args[1] is source:
                    found.append(user.args[0])
            elif user not in seen and (op in MOVES or op in ("where", "masked_fill")) and kind(user.meta.get("val")) == "int":
                seen.add(user)
                front.append(user)
    return found

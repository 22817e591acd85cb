"""The walk over an exported program: constants are folded by torch, the rest is given to the handlers."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from snnsim.errors import ConversionError
from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call
from snnsim.trace.described import described, label, origin, shape
from snnsim.trace.expressions import unmasked
from snnsim.trace.tables import _ON_RANDOM, HANDLERS, MOVES, READS_MASKED
from snnsim.trace.values import Value

if TYPE_CHECKING:
    import torch


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
                self.builder.origins.returns(node)
                result = self._look_up(node.args[0])
            else:
                about = label(node, self.parameters), origin(node), shape(node.meta.get("val"))
                self.values[node] = self.builder.origins.of(node, self._call, *about)
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
        call = described(node, op, args, kwargs, self.parameters)
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
            result = result.but(made=(call.label, call.origin, self.builder.origins.now))
        return result

    def _item(self, node: Any, values: Any, at: int) -> Any:
        if values[at] is None and node.users:
            self.builder.label = label(node.args[0], self.parameters)
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

"""Which module of a torch network feeds which, found by running it once and looking at whose output each module gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

from snnsim.errors import ConversionError

INPUT = "the input"


@dataclass(frozen=True)
class Call:
    """The first call of a module. source : name of the call whose output it got, or INPUT; shapes without batch (and time)"""

    name: str
    module: Any
    source: str
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]


@dataclass
class _Known:
    """A tensor that has been seen, kept alive so that its memory is not given to another.

    version : int   torch's count of changes in place: after one it is no longer what the module made
    """

    tensor: Any
    name: str
    state: bool = False
    version: int = -1

    def __post_init__(self) -> None:
        self.version = self.tensor._version


class Tracer:
    """Follows tensors through the calls of modules. neurons, timed : as in `torch_network.Framework`"""

    def __init__(self, where: str, neurons: Callable[[Any], bool], timed: Callable[[Any], bool]) -> None:
        self.where, self.neurons, self.timed = where, neurons, timed
        self.calls: dict[str, Call] = {}
        self.known: list[_Known] = []

    def enter(self, name: str, module: Any, arguments: tuple, keywords: dict) -> None:
        """Note who feeds a call of `module`, and refuse one that begins from another state than rest."""
        import torch

        tensors = [each for each in arguments if isinstance(each, torch.Tensor)]
        if not tensors:
            raise ConversionError(f"{self.where}: module {name!r} was called without a tensor. Give it one as its first argument.")
        source = self._source(name, tensors[0])
        if name in self.calls:
            if self.calls[name].source != source:
                raise ConversionError(
                    f"{self.where}: module {name!r} was called with the output of {self.calls[name].source!r} and of {source!r}. One "
                    "module for each place in the network is needed: make two."
                )
            return
        if self.neurons(module):
            states = [each for each in _tensors((arguments[1:], keywords)) if each.numel() and bool(torch.any(each != 0))]
            if states and not self.timed(module):
                raise ConversionError(
                    f"{self.where}: module {name!r} began from a state that is not 0. Begin at rest: without a state, or from zeros."
                )
        self.calls[name] = Call(name, module, source, tuple(tensors[0].shape), ())

    def leave(self, name: str, module: Any, output: Any) -> None:
        """Note the tensors a call made: the first is its output, the others are states."""
        made = list(_tensors(output))
        if not self.calls[name].shape_out:
            call = self.calls[name]
            self.calls[name] = Call(name, _lifted(module), call.source, call.shape_in, tuple(made[0].shape))
        # Norse hands the spikes out a second time, within the state.
        states = [tensor for tensor in made[1:] if tensor is not made[0]]
        self.known += [_Known(made[0], name), *(_Known(tensor, name, state=True) for tensor in states)]

    def _source(self, name: str, tensor: Any) -> str:
        found = self._find(tensor)
        if found is None:
            raise ConversionError(
                f"{self.where}: module {name!r} gets a tensor that no module made: an operation in forward, such as + or relu, lies "
                "before it. Only reshaping is followed there. Make it a module such as nn.Linear; recurrence belongs into RLeaky, "
                "RSynaptic or LIFRecurrentCell."
            )
        if found.state:
            raise ConversionError(f"{self.where}: module {name!r} gets a state of {found.name!r}, not its spikes. Give it the spikes.")
        return found.name

    def _find(self, tensor: Any) -> _Known | None:
        # The latest first: a module may return what it was given.
        unchanged = [each for each in reversed(self.known) if each.tensor._version == each.version]
        for each in unchanged:
            if each.tensor is tensor:
                return each
        for each in unchanged:
            if _same_memory(each.tensor, tensor) and tensor.is_contiguous() and tensor.numel() in _wholes(each):
                return each
        return None


def _wholes(known: _Known) -> set[int]:
    """Return the sizes of views that hold all of a tensor, in its order; of the input also one step or sample of it."""
    shape = tuple(known.tensor.shape)
    return {prod(shape[k:]) for k in range(min(3, len(shape)) if known.name == INPUT else 1)}


def _same_memory(one: Any, other: Any) -> bool:
    return one.numel() > 0 and one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def _tensors(value: Any) -> Iterator[Any]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


def trace(where: str, module: Any, sample: Any, tracer: Tracer) -> None:
    """Run `module` on `sample`, two steps; the tracer sees the calls of all modules of neurons, and of all others without parts.

    The module is left as it was: mode, hidden states, gradients.
    """
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(_at_rest(module))
        for name, part in followed(module, tracer.neurons):
            stack.enter_context(_hooked(part, name, tracer))
        tracer.known.append(_Known(sample, INPUT))
        try:
            # Twice: a module that keeps spikes for the next call has none in the first.
            module(sample)
            module(sample)
        except ConversionError:
            raise
        except Exception as error:
            raise ConversionError(
                f"{where}.sample of shape {tuple(sample.shape)} does not pass through the module: {error} Give sample=, a tensor that "
                "module(sample) takes, with its axis of batches."
            ) from error


def _lifted(module: Any) -> Any:
    """Return the module that Norse's Lift applies to every step of a sequence; any other module itself."""
    return module.lifted_module if type(module).__name__ == "Lift" else module


def followed(module: Any, neurons: Callable[[Any], bool]) -> list[tuple[str, Any]]:
    """Return name and module of all neurons, and of all modules without parts that lie in none of them."""
    found: list[tuple[str, Any]] = []
    inside: list[str] = []
    for name, part in module.named_modules():
        if any(name.startswith(outer) for outer in inside):
            continue
        whole = neurons(part) or not any(True for _ in part.children())
        if _lifted(part) is not part and not neurons(_lifted(part)):
            whole = True
        if whole:
            inside.append(f"{name}." if name else "")
            found.append((name or type(part).__name__, part))
    return found


@contextmanager
def _hooked(part: Any, label: str, tracer: Tracer) -> Iterator[None]:
    handles = (
        part.register_forward_pre_hook(lambda module, args, kwargs: tracer.enter(label, module, args, kwargs), with_kwargs=True),
        part.register_forward_hook(lambda module, args, output: tracer.leave(label, module, output)),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _at_rest(module: Any) -> Iterator[None]:
    """Run in evaluation mode and without the hidden states of earlier calls, which snnTorch keeps as buffers."""
    import torch

    modes = [(part, part.training) for part in module.modules()]
    hidden = [
        (part, name, part._buffers[name])
        for part in module.modules()
        for name in ("mem", "spk", "syn", "syn_exc", "syn_inh")
        if isinstance(part._buffers.get(name), torch.Tensor)
    ]
    module.eval()
    for part, name, buffer in hidden:
        part._buffers[name] = torch.zeros(0, dtype=buffer.dtype)
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
        for part, name, buffer in hidden:
            part._buffers[name] = buffer

"""Generation, token by token, with an exact cache; and the same loop on the integer program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsim.conversion.beyond import warn_beyond
from snnsim.conversion.cache import TokenCache
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.counts import OperationCounts
from snnsim.errors import ParameterError
from snnsim.units import as_integers, check_integer, check_number

#: from scores float[trials, classes] and the number of the new token to int[trials] tokens
Choose = Callable[[np.ndarray, int], np.ndarray]


class Generated(NamedTuple):
    """A text and what it cost.

    tokens : int64[trials, prompt + n_new]
    counts : what each new token cost; the first includes reading the prompt, and those in `refilled` the last half of the text
    refilled : tuple of int   new tokens before which the context was full
    """

    tokens: np.ndarray
    counts: tuple[OperationCounts, ...]
    refilled: tuple[int, ...]


def likeliest(scores: np.ndarray, number: int) -> np.ndarray:
    """Choose the token of the largest score, the first of equals."""
    return scores.argmax(axis=-1)


def sampled(temperature: float = 1.0, *, top: int | None = None, seed: int = 0) -> Choose:
    """Return a function that draws tokens with probability softmax(scores / temperature), from the `top` likeliest alone if given.

    Same seed, same scores, same tokens: the draw for token `number` depends on nothing else.

    Raises ParameterError for temperature <= 0 or top < 1.
    """
    warmth = check_number("sampled.temperature", temperature, gt=0.0)
    top = None if top is None else check_integer("sampled.top", top, low=1)
    seed = check_integer("sampled.seed", seed, low=0)

    def choose(scores: np.ndarray, number: int) -> np.ndarray:
        # The largest of scores plus Gumbel noise is a draw from their softmax (Gumbel 1954).
        noise = np.random.default_rng([seed, number]).gumbel(size=scores.shape)
        kept = scores
        if top is not None and top < scores.shape[-1]:
            kept = np.where(scores >= np.sort(scores, axis=-1)[:, -top, None], scores, -np.inf)
        return (kept / warmth + noise).argmax(axis=-1)

    return choose


def generate(
    spiking: SpikingModel, prompt: Any, n_new: int, *, choose: Choose = likeliest, tokens: str | None = None, output: str | None = None,
    inputs: Mapping[str, Any] | None = None, pad: int = 0, code: str = "signed_digit", schedule: str = "settled", seed: int = 0,
    threads: int | None = None,
) -> Generated:  # fmt: skip
    """Continue `prompt` by `n_new` tokens with a converted decoder.

    The state of its units is the cache: every new token runs the units of its own position and nothing else
    (`conversion.cache.TokenCache`). The prompt is read in one run. When the context is full, the last half of the text is read
    again as the first half of a new context: what came before is forgotten, as in any model of a fixed context, and that one
    token costs as much as a prompt.

    A UserWarning at the end says how many numbers of all tokens lay past the range of the calibration data, if any did.

    prompt : int[trials, m], 1 <= m <= context
    n_new : int >= 1
    choose : function    which token follows; `likeliest`, `sampled(...)` or your own
    tokens, output, inputs, pad, code, schedule, seed, threads : see `TokenCache`

    Raises
    ------
    ParameterError   for a bad prompt, unknown names, or a model whose outputs depend on later positions
    """
    cache = TokenCache(
        spiking, tokens=tokens, output=output, inputs=inputs, pad=pad, code=code, schedule=schedule, seed=seed, threads=threads
    )  # fmt: skip

    def read(text: np.ndarray, again: bool) -> tuple[np.ndarray, OperationCounts]:
        if again:
            cache.forget()
        scores, result = cache.feed(text, warn=False)
        return scores, result.counts

    generated = _loop(cache, read, prompt, n_new, choose)
    warn_beyond(cache.beyond)
    return generated


def generate_by_reference(
    spiking: SpikingModel, prompt: Any, n_new: int, *, choose: Choose = likeliest, tokens: str | None = None, output: str | None = None,
    inputs: Mapping[str, Any] | None = None, pad: int = 0,
) -> Generated:  # fmt: skip
    """Do the same with the integer program, which computes the whole context anew for every token: the same tokens, no counts."""
    cache = TokenCache(spiking, tokens=tokens, output=output, inputs=inputs, pad=pad)

    def read(text: np.ndarray, again: bool) -> tuple[np.ndarray, None]:
        outputs = spiking.outputs(spiking.integer_graph.evaluate(cache.encoded(text)))
        return outputs[cache.output][:, text.shape[1] - 1], None

    generated = _loop(cache, read, prompt, n_new, choose)
    warn_beyond(cache.beyond)
    return generated


def _loop(cache: TokenCache, read: Callable, prompt: Any, n_new: int, choose: Choose) -> Generated:
    n_new = check_integer("generate.n_new", n_new, low=1)
    prompt = as_integers("generate.prompt", prompt, low=cache.node.low or 0, high=int(cache.node.high or 0))
    if prompt.ndim != 2 or not 1 <= prompt.shape[1] <= cache.context or not len(prompt):
        raise ParameterError(f"generate.prompt has shape {prompt.shape} but must have (trials, 1 .. {cache.context}): the context. Cut it.")
    text = whole = prompt.astype(np.int64)
    counts, refilled = [], []
    for number in range(n_new):
        full = text.shape[1] > cache.context
        if full:
            text = text[:, -max(1, cache.context // 2) :]
            refilled.append(number)
        scores, cost = read(text, full)
        if cost is not None:
            counts.append(cost)
        chosen = np.asarray(choose(scores, number))
        if chosen.shape != (len(text),) or chosen.dtype.kind not in "iu":
            got = f"{chosen.dtype}{list(chosen.shape)}"
            raise ParameterError(f"generate.choose returned {got} but must return int[{len(text)}], one token per trial.")
        text, whole = (np.concatenate([part, chosen[:, None]], axis=1) for part in (text, whole))
    return Generated(whole, tuple(counts), tuple(refilled))

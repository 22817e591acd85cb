"""Trained PyTorch models that ship with snnsim: ordinary user code, to be converted, shown and tested.

Each function returns a plain ``torch.nn.Module`` with its trained weights, in float32 and in eval mode. ``weights/README.md`` names
data, licences, training commands and measured results. torch is imported when a model is asked for, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snnsim.errors import ParameterError, unknown_name
from snnsim.zoo import store
from snnsim.zoo.date_texts import date_examples

if TYPE_CHECKING:
    from snnsim.zoo.cnn import MnistCNN
    from snnsim.zoo.encoder_decoder import DateTranslator
    from snnsim.zoo.gpt import CharGPT
    from snnsim.zoo.lstm import DigitsLSTM
    from snnsim.zoo.resnet import MnistResNet

#: models that ship with the package; each is a function of this module
MODELS = ("mnist_cnn", "mnist_resnet", "char_gpt", "dates", "lstm_digits")


def about(name: str) -> dict[str, Any]:
    """Return the facts stored beside the weights of a model: data, what was measured, the command that trained it.

    name : str   one of MODELS

    Raises ParameterError for an unknown name.
    """
    if name not in MODELS:
        raise ParameterError(unknown_name("zoo model", name, MODELS))
    return store.load_about(store.shipped(name))


def mnist_cnn() -> MnistCNN:
    """Return a small convolutional network: float[batch, 1, 28, 28] in 0 .. 1 -> logits float[batch, 10].

    Raises ParameterError when torch is not installed; so do the other models.
    """
    store.need_torch()
    from snnsim.zoo.cnn import MnistCNN

    return store.load_weights(MnistCNN(), store.shipped("mnist_cnn"))


def mnist_resnet() -> MnistResNet:
    """Return a small residual network: float[batch, 1, 28, 28] in 0 .. 1 -> logits float[batch, 10]."""
    store.need_torch()
    from snnsim.zoo.resnet import MnistResNet

    return store.load_weights(MnistResNet(), store.shipped("mnist_resnet"))


def char_gpt() -> CharGPT:
    """Return a decoder-only transformer: int64[batch, time <= 128] -> logits of the next character, float[batch, time, 65].

    ``model.encode`` and ``model.decode`` go from text to numbers and back; ``model.generate`` continues a text.
    """
    store.need_torch()
    from snnsim.zoo.gpt import CharGPT

    facts = about("char_gpt")
    return store.load_weights(CharGPT(facts["vocabulary"], **facts["sizes"]), store.shipped("char_gpt"))


def dates() -> DateTranslator:
    """Return an encoder-decoder transformer: int64[batch, 36] and int64[batch, time <= 10] -> logits float[batch, time, 12].

    ``model.translate(["the 3rd of march 1987"])`` returns ``["1987-03-03"]``; `date_examples` makes dates in words.
    """
    store.need_torch()
    from snnsim.zoo.encoder_decoder import DateTranslator

    return store.load_weights(DateTranslator(), store.shipped("dates"))


def lstm_digits() -> DigitsLSTM:
    """Return an LSTM that reads an image row by row: float[batch, 8, 8] in 0 .. 1 -> logits float[batch, 10]."""
    store.need_torch()
    from snnsim.zoo.lstm import DigitsLSTM

    return store.load_weights(DigitsLSTM(), store.shipped("lstm_digits"))


__all__ = ["MODELS", "about", "char_gpt", "date_examples", "dates", "lstm_digits", "mnist_cnn", "mnist_resnet"]

"""An encoder-decoder transformer that reads dates in words and writes them as ISO 8601, character by character."""

from __future__ import annotations

import math
import string

import torch
from torch import nn

from snnsim.errors import ParameterError

PAD, START = "_", ">"
SOURCE = PAD + string.ascii_letters + string.digits + " ,.-"
TARGET = START + string.digits + "-"
SOURCE_LENGTH = 36  # 'the twenty-seventh of September 1987'
TARGET_LENGTH = 10  # '1987-09-27'


def sinusoids(length: int, width: int) -> torch.Tensor:
    """Return the positions of Vaswani et al. (2017), section 3.5: float[length, width], sines in even columns, cosines in odd ones."""
    frequency = torch.exp(-math.log(10_000.0) * torch.arange(0, width, 2) / width)
    angle = torch.arange(length)[:, None] * frequency
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=2).flatten(1)


class DateTranslator(nn.Module):
    """Two encoder and two decoder layers with cross-attention, as in Vaswani et al. (2017).

    Texts are padded to SOURCE_LENGTH with '_'. Nothing masks the padding: the model has learned to leave it out.
    """

    position: torch.Tensor

    def __init__(self, width: int = 64, heads: int = 4, hidden: int = 128, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = width
        self.source_embed = nn.Embedding(len(SOURCE), width)
        self.target_embed = nn.Embedding(len(TARGET), width)
        for embed in (self.source_embed, self.target_embed):
            nn.init.normal_(embed.weight, std=width**-0.5)  # times sqrt(width) below: as large as the positions
        self.register_buffer("position", sinusoids(SOURCE_LENGTH, width), persistent=False)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, heads, hidden, dropout, batch_first=True), layers)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(width, heads, hidden, dropout, batch_first=True), layers)
        self.head = nn.Linear(width, len(TARGET))

    def forward(self, src: torch.Tensor, tgt: torch.Tensor) -> torch.Tensor:
        """Return the logits of the next character after every position of `tgt`.

        src : int64[batch, SOURCE_LENGTH]   padded texts
        tgt : int64[batch, time]            START and what is written already, time <= TARGET_LENGTH

        Returns float[batch, time, characters of TARGET].
        """
        memory = self.encoder(self.source_embed(src) * math.sqrt(self.width) + self.position)
        causal = nn.Transformer.generate_square_subsequent_mask(tgt.shape[1], device=tgt.device)
        written = self.target_embed(tgt) * math.sqrt(self.width) + self.position[: tgt.shape[1]]
        return self.head(self.decoder(written, memory, tgt_mask=causal, tgt_is_causal=True))

    def encode(self, texts: list[str]) -> torch.Tensor:
        """Return the numbers of the characters of `texts`, padded: int64[texts, SOURCE_LENGTH].

        Raises ParameterError for a text that is too long, or holds a character that the model does not know.
        """
        for text in texts:
            unknown = sorted(set(text) - set(SOURCE[1:]))
            if unknown:
                raise ParameterError(f"DateTranslator.encode: {unknown[0]!r} in {text!r} is not one of {SOURCE[1:]!r}. Leave it out.")
            if len(text) > SOURCE_LENGTH:
                raise ParameterError(f"DateTranslator.encode: {text!r} must have at most {SOURCE_LENGTH} characters. Shorten it.")
        return torch.tensor([[SOURCE.index(character) for character in text.ljust(SOURCE_LENGTH, PAD)] for text in texts])

    def decode(self, idx: torch.Tensor) -> list[str]:
        """Return the texts of the numbers of a target, int64[texts, time], without START."""
        return ["".join(TARGET[i] for i in row).lstrip(START) for row in idx.tolist()]

    @torch.no_grad()
    def translate(self, texts: list[str]) -> list[str]:
        """Return the ISO dates of `texts`: the likeliest character, one after the other."""
        src = self.encode(texts)
        tgt = torch.zeros(len(texts), 1, dtype=torch.int64)  # START
        for _ in range(TARGET_LENGTH):
            following = self(src, tgt)[:, -1].argmax(dim=-1, keepdim=True)
            tgt = torch.cat([tgt, following], dim=1)
        return self.decode(tgt)

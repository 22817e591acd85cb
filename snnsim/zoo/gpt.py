"""A decoder-only transformer that continues text, character by character."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from snnsim.errors import ParameterError


class CausalSelfAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, time, width = x.shape
        q, k, v = self.qkv(x).split(width, dim=2)
        q = q.view(batch, time, self.heads, width // self.heads).transpose(1, 2)  # (batch, heads, time, width / heads)
        k = k.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
        v = v.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = CausalSelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class CharGPT(nn.Module):
    """Pre-norm decoder with learned positions; the table of characters is also the last layer (Press & Wolf 2017).

    vocabulary : str   the characters it knows, in the order of their numbers
    context : int      the most characters it reads at once

    Source: Radford et al. (2019), GPT-2.
    """

    def __init__(self, vocabulary: str, context: int = 128, width: int = 128, heads: int = 4, layers: int = 4) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.context = context
        self.embed = nn.Embedding(len(vocabulary), width)
        self.position = nn.Embedding(context, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(vocabulary), bias=False)
        self.head.weight = self.embed.weight

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        """Return the logits of the next character after every position: int64[batch, time] -> float[batch, time, characters]."""
        positions = torch.arange(idx.shape[1], device=idx.device)
        x = self.embed(idx) + self.position(positions)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    def encode(self, text: str) -> torch.Tensor:
        """Return the numbers of the characters of `text`, int64[1, characters].

        Raises ParameterError for a character that is not in the vocabulary.
        """
        unknown = sorted(set(text) - set(self.vocabulary))
        if unknown:
            raise ParameterError(f"CharGPT.encode: {unknown[0]!r} is not in the vocabulary {self.vocabulary!r}. Leave it out.")
        return torch.tensor([[self.vocabulary.index(character) for character in text]], dtype=torch.int64)

    def decode(self, idx: torch.Tensor) -> str:
        """Return the text of the numbers `idx`, int64[1, characters] or int64[characters]."""
        return "".join(self.vocabulary[i] for i in idx.flatten().tolist())

    @torch.no_grad()
    def generate(self, prompt: str, length: int, temperature: float = 0.0, seed: int = 0) -> str:
        """Return `prompt` and the `length` characters that the model puts behind it.

        temperature : float  >= 0   0: always the likeliest character; 1: drawn as the model says
        """
        random = torch.Generator().manual_seed(seed)
        idx = self.encode(prompt)
        for _ in range(length):
            logits = self(idx[:, -self.context :])[:, -1]
            if temperature > 0.0:
                following = torch.multinomial(F.softmax(logits / temperature, dim=-1), 1, generator=random)
            else:
                following = logits.argmax(dim=-1, keepdim=True)
            idx = torch.cat([idx, following], dim=1)
        return self.decode(idx)

"""F.unfold is a layout; F.fold adds up where blocks overlap."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from traced import Module, compare, kinds


@pytest.mark.parametrize("blocks", [(2, 1, 0, 2), (3, 1, 1, 1), (2, 2, 1, 1), ((3, 2), 1, (0, 1), (2, 1)), (2, 1, 0, 3)])
def test_unfold_and_fold_are_as_torch_says(blocks):
    torch.manual_seed(0)
    graph = compare(Module(lambda m, x: F.fold(F.unfold(x, *blocks) * 2 + 1, (5, 7), *blocks)), torch.randn(2, 3, 5, 7))
    apart = blocks[0] in (2,) and blocks[1] == 1  # then nothing is added up
    assert ("Sum" in kinds(graph)) is not apart


def test_unfold_is_a_layout():
    assert kinds(compare(Module(lambda m, x: F.unfold(x, 2, padding=1)), torch.randn(2, 3, 4, 5))) == ["Input", "Gather"]

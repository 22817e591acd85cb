from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from snnsim.kernels._jit import leaf
from snnsim.kernels.memory import address, borrow, on_a_line
from snnsim.kernels.threads import meet, pause_address


@leaf
def _count_and_look(counter, n, pause, mine, rounds, seen):
    """Write the round into one's own place, meet, and note whether anybody is behind."""
    for k in range(rounds):
        seen[mine, 0] = k + 1
        meet(counter, n, pause)
        for other in range(n):
            if seen[other, 0] < k + 1:
                seen[mine, 1] += 1
        meet(counter, n, pause)


@pytest.mark.parametrize("n", [1, 2, 5])  # 5: more threads than many machines have cores
def test_nobody_passes_a_barrier_before_all_have_come(n):
    counter, seen = np.zeros(1, dtype=np.int64), np.zeros((n, 2), dtype=np.int64)
    _count_and_look(np.zeros(1, dtype=np.int64), 1, 0, 0, 1, seen.copy())  # compile before the race
    with ThreadPoolExecutor(n) as pool:
        list(pool.map(lambda mine: _count_and_look(counter, n, pause_address(), mine, 200, seen), range(n)))
    assert seen[:, 0].tolist() == [200] * n and not seen[:, 1].any()


@leaf
def _total(where, size):
    total = 0
    for item in borrow(where, size, np.uint16):
        total += item
    return total


def test_an_array_on_a_line_begins_there():
    for size in (1, 7, 1000):
        copy = on_a_line(np.arange(size) + 0.5)
        assert copy.ctypes.data % 64 == 0 and copy.tolist() == (np.arange(size) + 0.5).tolist()


def test_a_borrowed_array_is_the_array():
    array = np.arange(1000, dtype=np.uint16)
    assert _total(address(array), 1000) == 499_500
    assert address(None) == 0
    with pytest.raises(ValueError, match="contiguous"):
        address(array[::2])

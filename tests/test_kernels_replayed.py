"""What replay takes from its table, and what it must work out."""

import numpy as np
import pytest

from snnsim.kernels.replayed import faded

RATE, LAGS = 0.25, 4
DECAY = np.concatenate([np.full(LAGS, 7.0), np.exp(-RATE * np.arange(LAGS)), np.full(LAGS, 7.0)])  # of three traces, the middle one ours


@pytest.mark.parametrize("run", [faded, faded.py_func], ids=["compiled", "python"])
@pytest.mark.parametrize("lag", [-30.0, -1.0, -1e-13, 0.0, 1.0, 3.0, 4.0, 1e3, np.inf])
@pytest.mark.parametrize("lags", [LAGS, 0])
def test_a_trace_fades_as_its_exponential_on_and_off_the_table(run, lag, lags):
    # Off the clock there is no table, and times that should be equal may be in the wrong order by rounding.
    assert run(DECAY, lags, RATE, 1, lag) == pytest.approx(np.exp(-RATE * lag), rel=1e-15)

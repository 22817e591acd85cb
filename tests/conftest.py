"""Set-up shared by all tests."""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# numba's cache does not notice an edit in a callee in another file; a folder named by all kernel sources does.
_digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted((ROOT / "kernels").glob("*.py")))).hexdigest()[:16]
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"snnsim-numba-{_digest}"))
os.environ.setdefault("MPLBACKEND", "Agg")

# A shell that starts the tests in the background has told them to ignore Ctrl-C, and what they start would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402  (after the environment is set)
from hypothesis import HealthCheck, settings  # noqa: E402

# The first example of a test may compile for seconds.
settings.register_profile("snnsim", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("snnsim")


#: Files whose tests share nothing and take long, each in a process of its own: any worker may take any of them. They come first,
#: so that the last to end is a short file.
APART = ("test_examples.py", "test_notebooks.py")


def pytest_collection_modifyitems(items):
    """Run the long tests first. The sort is stable: within a file, nothing moves."""
    items.sort(key=lambda item: item.path.name not in APART)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With --dist loadfile a file goes to one worker, in the order of collection; the tests of `APART` go one by one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return nodeid if file.endswith(APART) else file

    config.option.loadscopereorder = False  # xdist would take the files with the most tests first: the long ones have few
    return ByFile(config, log)


@pytest.fixture(scope="session")
def refs() -> Path:
    """Reference traces made by other simulators; not part of the project."""
    path = ROOT.parent / "shared" / "refs"
    if not path.is_dir():
        pytest.skip(f"no reference traces at {path}")
    return path


@pytest.fixture(scope="session")
def digits():
    """The shipped digits model, converted, with 24 held-out images and the settled run of the default code."""
    import snnsim as sim

    graph, _ = sim.data.load_model("digits")
    model = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:256]))
    images, labels = sim.data.load_digits("test")
    inputs = sim.data.patches(images[:24])
    return model, inputs, labels[:24].astype(int), model(inputs)

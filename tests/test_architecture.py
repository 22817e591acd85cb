"""The layers hold, and importing stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import snnsim as sim

ROOT = Path(__file__).resolve().parents[1]

#: A module imports only from lower rows or from its own package.
ROWS = [
    ("errors",),
    ("units",),
    ("distributions",),
    ("kernels",),
    ("counts",),
    ("models", "plasticity", "record", "results", "trials"),
    ("connect", "graph", "hardware"),
    ("currents",),
    ("network", "encode"),
    ("compiler", "stream"),
    ("engines", "energy", "analysis"),
    ("progress",),
    ("simulation", "sweeps"),
    ("trace", "attention", "transfer", "data"),
    ("conversion",),
    ("adapters", "coprocessor"),
    ("io",),
    ("viz",),
    ("zoo",),
    ("report",),
    ("cli",),
]
ROW = {name: row for row, names in enumerate(ROWS) for name in names}
FILES = [path for path in sorted((ROOT / "snnsim").rglob("*.py")) if path.name != "__init__.py" or path.parent.name != "snnsim"]
TORCH_FILES = {"cnn", "resnet", "gpt", "encoder_decoder", "lstm"}
#: Classes of torch modules, which must be named on import to be copied and known again; they are imported by who needs them.
TORCH_FILES |= {"rate_module", "rate_neurons", "rate_norse", "rate_parts", "rate_snntorch"}
HEAVY = {"torch", "snntorch", "norse", "nir", "neo", "h5py", "matplotlib", "rich", "typer", "dask", "distributed", "scipy", "pandas"}


def place(path: Path) -> str:
    return path.relative_to(ROOT / "snnsim").parts[0].removesuffix(".py")


def imports(path: Path, top_only: bool = False) -> list[str]:
    tree = ast.parse(path.read_text())
    names = []
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.append(node.module)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_lower_rows_or_its_own_package(path):
    own = place(path)
    for name in imports(path):
        parts = name.split(".")
        assert parts[0] != "kernels", "kernels is imported as snnsim.kernels"
        assert parts[0] != "numba" or own == "kernels", "numba lives in kernels/ only"
        if parts[0] == "snnsim" and len(parts) > 1 and parts[1] != own:
            assert own != "kernels", "kernels/ imports nothing of snnsim but itself"
            assert ROW[parts[1]] < ROW[own], f"{own} imports {parts[1]}"
    # A model of the zoo is the torch code of a user; its file is imported when the model is asked for.
    if own not in ("cli", "report") and not (own in ("zoo", "adapters") and path.stem in TORCH_FILES):
        assert not HEAVY & {name.split(".")[0] for name in imports(path, top_only=True)}


def test_kernels_refuse_any_other_name():
    done = subprocess.run([sys.executable, "-c", "import kernels"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "must be imported as 'snnsim.kernels'" in done.stderr


def test_import_is_light():
    code = f"import sys, snnsim; assert not {HEAVY | {'numba', 'numpy'}} & set(sys.modules), sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = f"import snnsim as sim; sim.simulate, sim.LIF, sim.Network; import sys; assert not {HEAVY} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = f"import snnsim as sim; sim.zoo.MODELS; import sys; assert not {HEAVY} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_exists_and_is_known_to_type_checkers():
    tree = ast.parse((ROOT / "snnsim" / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {alias.name for node in block.body for alias in node.names}
    assert declared == set(sim.__all__)
    for name in sim.__all__:
        assert getattr(sim, name) is not None
    with pytest.raises(AttributeError, match="Public names: "):
        sim.Brain  # noqa: B018


def test_no_public_function_shares_the_name_of_a_module():
    modules = {path.name.removesuffix(".py") for path in (ROOT / "snnsim").iterdir()}
    functions = {name for name in sim.__all__ if isinstance(getattr(sim, name), typing.get_type_hints.__class__)}
    assert not modules & functions

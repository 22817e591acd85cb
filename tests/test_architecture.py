"""The layers hold, and importing stays light."""

from __future__ import annotations

import ast
import functools
import os
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
    ("progress", "placement"),
    ("simulation", "sweeps"),
    ("trace", "attention", "transfer", "data"),
    ("conversion", "sparsity"),
    ("adapters", "analog", "coprocessor"),
    ("io",),
    ("viz",),
    ("zoo",),
    ("report",),
    ("cli",),
]
ROW = {name: row for row, names in enumerate(ROWS) for name in names}
FILES = [path for path in sorted((ROOT / "snnsim").rglob("*.py")) if path.name != "__init__.py" or path.parent.name != "snnsim"]
OTHERS = [path for folder in ("tests", "examples", "benchmarks", "notebooks") for path in sorted((ROOT / folder).glob("*.py"))]
TORCH_FILES = {"cnn", "resnet", "gpt", "encoder_decoder", "lstm"}
#: Classes of torch modules, which must be named on import to be copied and known again; they are imported by who needs them.
TORCH_FILES |= {"rate_module", "rate_neurons", "rate_norse", "rate_parts", "rate_snntorch"}
HEAVY = {"torch", "snntorch", "norse", "nir", "neo", "h5py", "matplotlib", "pymetis", "rich", "typer"}
HEAVY |= {"dask", "distributed", "scipy", "pandas"}


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


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_kernels_are_imported_by_one_name(path):
    # By another they would be compiled a second time.
    assert not [name for name in imports(path) if name and name.split(".")[0] == "kernels"]


def test_the_folder_of_kernels_hides_no_package_of_that_name(tmp_path):
    # Libraries look for one (transformers does) while the root of this repository is the first place to look.
    find = "import importlib.util; spec = importlib.util.find_spec('kernels'); print(spec.origin)"
    run = functools.partial(subprocess.run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run([sys.executable, "-c", find]).stdout == "None\n"
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "__init__.py").touch()
    found = run([sys.executable, "-c", find], env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}).stdout
    assert found == f"{tmp_path / 'kernels' / '__init__.py'}\n"


def without_entry() -> set[tuple[str, str]]:
    """Return (module, kernel) of all that `leaf_part` or `leaf_apart` compiles without an entry from Python."""
    found = set()
    for path in (ROOT / "kernels").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and {"leaf_part", "leaf_apart"} & {ast.unparse(each) for each in node.decorator_list}:
                found.add((path.stem, node.name))
    return found


def test_what_has_no_entry_from_python_is_called_by_kernels_alone():
    kernels = without_entry()
    assert len(kernels) > 20
    for path in (file for folder in ("snnsim", "tests", "benchmarks", "examples") for file in (ROOT / folder).rglob("*.py")):
        hidden = any(part.startswith(".") for part in path.relative_to(ROOT).parts)  # environments of peers
        if hidden or path.is_relative_to(ROOT / "snnsim" / "kernels"):
            continue
        modules = {}  # name in this file -> kernel module
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "snnsim.kernels":
                modules |= {alias.asname or alias.name: alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("snnsim.kernels."):
                taken = {(node.module.split(".")[2], alias.name) for alias in node.names}
                assert not taken & kernels, f"{path}: calling {taken & kernels} would end the process"
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                assert (modules[node.value.id], node.attr) not in kernels, f"{path}: calling {ast.unparse(node)} would end the process"


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

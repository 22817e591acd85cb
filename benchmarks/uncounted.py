"""A copy of the package whose kernels count nothing: what `counting` compares with.

Every statement that writes to a counter is taken out of the sources; the compiler then drops what only it needed. A few places where
counting stands in the way of that are named below. Results are the same but for the counts.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: what is written to, as it stands in the source: `x[...]` where the name ends in "[", else an attribute of any object
COUNTERS = ("tally[", ".tally[", "trial.spikes[", "trial.evaluated[", "trial.counts[", ".synops", ".updates")
#: names that are counters in some files alone
OWN_COUNTERS = {
    "deliver.py": ("marks[",),
    "teach.py": ("marks[",),
    "integer_net.py": ("counts[",),
}
#: kernels that do nothing else
EMPTIED = {"marks.py": ("count_marks",), "deliver.py": ("count_operations", "mark_rows")}
#: by file, (statement, what stands there instead): spikes are listed for who records them, and no sum where its sign will do
REPLACED = {
    "clock.py": (("sources, times = (out[0, :n_spiking], out[1, :n_spiking])", "if not log.wanted[p]:\n    return"),),
    "settled.py": (("total += events", "total = 1"),),
}


def _written(target: ast.expr) -> str:
    """Return the name of what an assignment writes to, as in `COUNTERS`."""
    return ast.unparse(target.value) + "[" if isinstance(target, ast.Subscript) else ast.unparse(target)


class Remover(ast.NodeTransformer):
    """Takes the counting out of one file. removed, emptied, replaced : how often it did so"""

    def __init__(self, file: str) -> None:
        self.counters = COUNTERS + OWN_COUNTERS.get(file, ())
        self.empty = EMPTIED.get(file, ())
        self.other = dict(REPLACED.get(file, ()))
        self.removed = self.emptied = self.replaced = 0

    def _counts(self, target: ast.expr) -> bool:
        if isinstance(target, ast.Tuple):
            return all(self._counts(each) for each in target.elts)
        name = _written(target)
        return any(name == counter or (counter.startswith(".") and name.endswith(counter)) for counter in self.counters)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name in self.empty:
            self.emptied += 1
            node.body = [ast.Pass()]
            return node
        return self.generic_visit(node)

    def _statement(self, node: ast.Assign | ast.AugAssign) -> ast.AST | list[ast.stmt]:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if all(self._counts(target) for target in targets):
            self.removed += 1
            return self._kept_call(node.value)
        instead = self.other.get(ast.unparse(node))
        if instead is None:
            return node
        self.replaced += 1
        before = ast.parse(instead).body
        return before if isinstance(node, ast.AugAssign) else [*before, node]

    visit_Assign = visit_AugAssign = _statement  # type: ignore[assignment]

    @staticmethod
    def _kept_call(value: ast.expr) -> ast.stmt:
        """Return a call whose answer was counted, as a statement: it does more than count."""
        return ast.Expr(value) if isinstance(value, ast.Call) else ast.Pass()


def without_counting(source: str, file: str) -> tuple[str, Remover]:
    """Return the source of a kernel file without its counting, and what was done."""
    remover = Remover(file)
    return ast.unparse(ast.fix_missing_locations(remover.visit(ast.parse(source)))), remover


def build() -> Path:
    """Return a folder in which `snnsim` counts nothing and `benchmarks` is this one. Made once for these sources."""
    kernels = sorted((ROOT / "kernels").glob("*.py"))
    seen = hashlib.sha256(str(ROOT).encode() + b"".join(path.read_bytes() for path in (*kernels, Path(__file__))))
    folder = Path(tempfile.gettempdir()) / f"snnsim-uncounted-{seen.hexdigest()[:16]}"
    if (folder / "ready").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "snnsim" / "kernels").mkdir(parents=True)
    for path in (ROOT / "snnsim").iterdir():
        if path.name not in ("kernels", "__pycache__"):
            os.symlink(path, folder / "snnsim" / path.name)
    os.symlink(ROOT / "benchmarks", folder / "benchmarks")
    for path in kernels:
        text, _ = without_counting(path.read_text(encoding="utf-8"), path.name)
        (folder / "snnsim" / "kernels" / path.name).write_text(text, encoding="utf-8")
    (folder / "ready").touch()
    return folder

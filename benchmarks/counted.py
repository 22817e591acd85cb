"""The cases of `counting`, and a process for each side of it: `python -m benchmarks.counted` answers one line per run."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from benchmarks.measure import Options
from benchmarks.networks import DT, RandomNetwork
from benchmarks.peers import PeerError
from benchmarks.uncounted import ROOT


@contextmanager
def timed_call(module: Any, name: str, seconds: list[float]) -> Iterator[None]:
    """Note the processor time that a function of `module` takes."""
    function = getattr(module, name)

    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.process_time()
        answer = function(*arguments, **named)
        seconds.append(time.process_time() - began)
        return answer

    setattr(module, name, timed)
    try:
        yield
    finally:
        setattr(module, name, function)


def digest(arrays: Mapping[str, Any]) -> str:
    """Return a name for the bits of some arrays."""
    seen = hashlib.sha256()
    for name in sorted(arrays):
        seen.update(name.encode() + arrays[name].tobytes())
    return seen.hexdigest()


def _measured(module: Any, turning: str, run: Callable[[], Any], bits: Callable[[Any], Mapping[str, Any]]) -> dict[str, Any]:
    """Return processor seconds of `run` without laying out and without making the counts, those of the latter, and the result's bits."""
    layout: list[float] = []
    turned: list[float] = []
    with ExitStack() as timing:
        timing.enter_context(timed_call(module, turning, turned))
        if hasattr(module, "_build"):
            timing.enter_context(timed_call(module, "_build", layout))
        began = time.process_time()
        result = run()
        whole = time.process_time() - began
    counts = sum(result.counts.totals().values())
    return {"seconds": whole - sum(layout) - sum(turned), "counts_s": sum(turned), "bits": digest(bits(result)), "counted": counts}


def spiking(engine: str, parameters: Mapping[str, Any], duration: float) -> Callable[[], dict[str, Any]]:
    """Return a run of a random network on one engine."""
    from snnsim.compiler.spiking import compile_spiking
    from snnsim.engines.takes import check_record

    module = import_module(f"snnsim.engines.{engine}")
    compiled = compile_spiking(RandomNetwork(**parameters).network(1), seed=1, dt=DT)
    record = check_record(compiled.populations, {}, DT)
    return lambda: _measured(
        module, "counts", lambda: module.run(compiled, duration=duration, record=record), lambda result: result.state.arrays
    )


def settling(schedule: str, code: str, images: int) -> Callable[[], dict[str, Any]]:
    """Return a run of the digits transformer on held-out images."""
    import snnsim as sim
    from snnsim.engines import settle

    graph, _ = sim.data.load_model("digits")
    model = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:256]))
    inputs = model.encode(sim.data.patches(sim.data.load_digits("test")[0][:images]))
    return lambda: _measured(
        settle,
        "counts_of",
        lambda: settle.run_integer(model.compiled, inputs=inputs, schedule=schedule, code=code, seed=0, threads=1),
        lambda result: {**result.values, "steps": result.steps},
    )


KINDS = {"spiking": spiking, "settling": settling}


class Side:
    """A process that runs the cases with the package in `folder`. cases : name -> [kind, arguments]"""

    def __init__(self, folder: Path, cases: Mapping[str, Any]) -> None:
        self.messages = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  (closed by __exit__)
        variables = dict(os.environ)
        if folder != ROOT:
            variables["NUMBA_CACHE_DIR"] = str(folder / ".numba_cache")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.counted"],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.messages, text=True, env=variables,
        )  # fmt: skip
        try:
            found = Path(self.run(json.dumps(cases))["package"])
            if found != folder / "snnsim":
                raise PeerError(f"counting: the package comes from {found}, not from {folder}. Run it in the root of the repository.")
        except BaseException:
            self.__exit__()
            raise

    def run(self, line: str) -> dict[str, Any]:
        """Return the answer to one line: the name of a case."""
        self.process.stdin.write(line + "\n")  # type: ignore[union-attr]  # a pipe
        self.process.stdin.flush()  # type: ignore[union-attr]
        answer = self.process.stdout.readline()  # type: ignore[union-attr]
        if not answer:
            self.messages.seek(0)
            raise PeerError(f"Our own process stopped:\n{self.messages.read()[-2000:]}")
        return json.loads(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.messages.close()


def jobs(networks: Mapping[str, tuple[str, RandomNetwork]], images: int, options: Options) -> dict[str, Any]:
    """Return the cases as numbers and names. networks : case -> engine and network"""
    found: dict[str, Any] = {
        name: ["spiking", [engine, asdict(network), network.duration if options.duration is None else options.duration]]
        for name, (engine, network) in networks.items()
    }
    runs = (("settled", "graded", images), ("settled", "unary", images), ("eager", "unary", images // 32))  # a tenth of a second or so each
    return found | {f"{schedule}_{code}": ["settling", [schedule, code, n]] for schedule, code, n in runs if n}


def main() -> None:
    """Read the cases, compile each by one run, then answer each line with one run."""
    import snnsim

    cases = {name: KINDS[kind](*arguments) for name, (kind, arguments) in json.loads(sys.stdin.readline()).items()}
    for run in cases.values():
        run()
    print(json.dumps({"package": str(Path(snnsim.__file__).parent)}), flush=True)
    for line in sys.stdin:
        print(json.dumps(cases[line.strip()]()), flush=True)


if __name__ == "__main__":
    main()

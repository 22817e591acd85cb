"""The other simulators: an environment for each, and a process in it that runs workloads when told to."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from snnsim.errors import ParameterError, SnnsimError, unknown_name

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE / ".peers"


class PeerError(SnnsimError):
    """A peer is not set up, failed, or did not run the same network."""


@dataclass(frozen=True)
class Peer:
    """packages : what pip installs, with what they need; script : run by the peer's own Python; variables : added to its environment

    bare : installed after them, without what they ask for
    here : a module; where the Python that runs the benchmarks has it, the peer needs no environment of its own
    """

    packages: tuple[str, ...]
    script: Path
    variables: Mapping[str, str]
    bare: tuple[str, ...] = ()
    here: str = ""

    @property
    def installed(self) -> tuple[str, ...]:
        """What is installed by name, the simulator itself first."""
        return (*self.bare, *self.packages)


PEERS = {
    # setuptools: Brian2 asks it for the compiler.
    "brian2": Peer(("brian2==2.9.0", "numpy<2.4", "setuptools"), HERE / "peer_brian2.py", {}),
    # Without binding, two threads may share a core.
    "nest": Peer(("nest-simulator==3.10.0",), HERE / "peer_nest.py", {"OMP_PROC_BIND": "true"}),
    # BindsNET asks for a newer torch than there is a CPU build of, and for all it may draw, read or play; these are what it imports.
    "bindsnet": Peer(
        (
            "torch==2.13.0",
            "numpy<3",
            "scipy",
            "pandas",
            "matplotlib",
            "pillow",
            "scikit-learn",
            "opencv-python-headless",
            "tqdm",
            "tensorboardX",
            "gymnasium",
            "ale-py",
        ),
        HERE / "peer_bindsnet.py",
        {},
        bare=("bindsnet==0.3.4", "torchvision==0.28.0"),
    ),
    "snntorch": Peer(("snntorch==1.0.0", "torch==2.13.0"), HERE / "peer_torch.py", {}, here="snntorch"),
    "norse": Peer(("torch==2.13.0", "numpy", "matplotlib"), HERE / "peer_torch.py", {}, bare=("norse==1.1.0",), here="norse"),
}


def find(name: str) -> Peer:
    """Return the peer called `name`. Raises ParameterError listing the valid names."""
    if name not in PEERS:
        raise ParameterError(unknown_name("peer", name, PEERS))
    return PEERS[name]


def ready(name: str) -> bool:
    """Return whether the peer is set up, or at hand in the Python that runs this."""
    return _apart(name) or _here(name)


def _apart(name: str) -> bool:
    return (ENVIRONMENTS / name / "ready").exists()


def _here(name: str) -> bool:
    return bool(PEERS[name].here) and importlib.util.find_spec(PEERS[name].here) is not None


def python_of(name: str) -> Path:
    """Return the Python of a peer. Raises PeerError, with the command to run, where it is not set up."""
    find(name)
    if not ready(name):
        raise PeerError(f"Peer {name!r} is not set up. Run: python -m benchmarks setup {name}")
    return ENVIRONMENTS / name / "bin" / "python" if _apart(name) else Path(sys.executable)


def set_up(name: str) -> Path:
    """Make the environment of a peer, or bring it up to date; return its folder."""
    peer, folder = find(name), ENVIRONMENTS / name
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands = [[sys.executable, "-m", "venv", str(folder)], [*install, *peer.packages]]
    if peer.bare:
        commands.append([*install, "--no-deps", *peer.bare])
    for command in commands:
        if subprocess.run(command, check=False).returncode:
            raise PeerError(f"Setting up {name!r} failed in: {' '.join(command)}. Its message is above.")
    (folder / "ready").write_text("\n".join(peer.installed) + "\n", encoding="utf-8")
    return folder


def command_of(name: str) -> list[str]:
    """Return the command that runs a peer's script. -P: the script's folder holds nothing the peer should import."""
    return [str(python_of(name)), "-P", str(find(name).script)]


class Worker:
    """A peer's process: reads one job, answers `{}` when it is ready, then every line `run` with one line of JSON.

    job : {parameters, duration (ms), seed, threads}
    """

    def __init__(self, name: str, job: Mapping[str, Any]) -> None:
        self.name = name
        self.messages = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  (closed by __exit__)
        self.process = subprocess.Popen(
            command_of(name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.messages,
            text=True,
            env={**os.environ, **find(name).variables},
        )
        try:
            self._say(json.dumps(job))
            self._answer()  # a peer that compiles must not do so beside our first run
        except BaseException:
            self.__exit__()  # nobody else will: there is no worker yet
            raise

    def run(self) -> dict[str, Any]:
        """Build and run the workload once. Returns seconds, build_s, rate, synapses, resident, peak (bytes)."""
        self._say("run")
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()  # type: ignore[union-attr]  # a pipe
        if not line:
            self.process.wait()
            self.messages.seek(0)
            last = "\n".join(self.messages.read().splitlines()[-12:])
            raise PeerError(f"Peer {self.name!r} stopped with code {self.process.returncode}:\n{last}")
        return json.loads(line)

    def _say(self, line: str) -> None:
        try:
            self.process.stdin.write(line + "\n")  # type: ignore[union-attr]  # a pipe
            self.process.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            pass  # run() reports what happened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.messages.close()

"""The command line of the benchmarks."""

from __future__ import annotations

import json as jsonlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from benchmarks import ours, peers, table, workloads
from benchmarks.measure import Options
from snnsim.errors import ParameterError, SnnsimError, unknown_name

HELP = f"""Time snnsim, alone or beside another simulator that runs the same network ({", ".join(peers.PEERS)}).

Runs of both are interleaved; printed are medians and the ratio peer / ours: above 1, ours is faster. Simulation is timed without
build and compilation, spikes are counted and not recorded, and mean rates must agree. Start with: python -m benchmarks cuba
"""


PRECISIONS = ("double", "single")


class Commands(TyperGroup):
    """Lists the valid names when given another."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is None:
            raise ParameterError(unknown_name("workload", cmd_name, workloads.NAMES) + " Or: all, setup PEER.")
        return found


app = typer.Typer(
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def setup(peer: Annotated[str, typer.Argument(help=f"One of {', '.join(peers.PEERS)}.")]) -> None:
    """Install a peer into an environment of its own, benchmarks/.peers/PEER."""
    peers.find(peer)
    print(f"installing {peer}; this takes a minute", file=sys.stderr)
    print(f"{peer} is ready in {peers.set_up(peer)}")


def _options(name: str, peer: str | None, engine: str, duration: float | None, given: dict[str, Any]) -> Options:
    """Return the options of workload `name`. Raises ParameterError for a value out of its domain or one it does not take."""
    from snnsim.engines.choices import ENGINES

    if peer is not None:
        _check_peer(name, peer)
    if engine not in ENGINES:
        raise ParameterError(unknown_name("--engine", engine, ENGINES))
    if duration is not None and not 0.0 < duration < float("inf"):
        raise ParameterError(f"--duration = {duration:g} s must be > 0 s and finite. Leave it out for that of the workload.")
    if given["precision"] not in PRECISIONS:
        raise ParameterError(unknown_name("--precision", given["precision"], PRECISIONS))
    if given["scale"] is not None and not 0.0 < given["scale"] <= 1.0:
        raise ParameterError(f"--scale = {given['scale']:g} must be > 0 and <= 1, a fraction of the neurons. Leave it out for all.")
    options = Options(peer=peer, engine=engine, duration=None if duration is None else round(1e4 * duration) / 10.0, say=_say, **given)
    default = Options()
    for option, names in workloads.TAKEN_BY.items():
        value = duration if option == "duration" else getattr(options, option)
        if value != getattr(default, option) and name not in names:
            text = f"--{option.replace('_', '-')}" + (f" = {value:g}" if isinstance(value, float) else "")
            raise ParameterError(f"{text} does not apply to {name}: only to {', '.join(names)}. Leave it out.")
    if options.drawn_in_advance and peer != "brian2":
        raise ParameterError("--drawn-in-advance is about Brian2's input. Add --peer brian2, or leave it out.")
    return options


def _check_peer(name: str, peer: str) -> None:
    peers.find(peer)
    if name in workloads.ALONE:
        raise ParameterError(f"--peer {peer}: workload {name} has no peer. Leave it out.")
    if name not in workloads.described(peer):
        others = [each for each in peers.PEERS if name in workloads.described(each)]
        raise ParameterError(f"--peer {peer}: workload {name} is described for {' and '.join(others)} alone. Use one of these.")
    peers.python_of(peer)


def _command(name: str) -> Any:
    def run(
        peer: Annotated[str | None, typer.Option(help=f"Compare with: {', '.join(peers.PEERS)}. Default: ours alone.")] = None,
        runs: Annotated[int, typer.Option(min=1, help="Runs of each; medians are printed.")] = 3,
        threads: Annotated[int, typer.Option(min=1, help="Threads of each; an engine of ours that is serial uses one.")] = 1,
        duration: Annotated[float | None, typer.Option(help="Seconds to simulate, instead of those of the workload.")] = None,
        engine: Annotated[str, typer.Option(help="Ours: auto, clock or event.")] = "auto",
        scale: Annotated[float | None, typer.Option(help="Fraction of the neurons, with the same input to each.")] = None,
        precision: Annotated[str, typer.Option(help="Of our states: double or single.")] = "double",
        plastic: Annotated[bool, typer.Option(help="Bytes of a plastic synapse, not of a static one.")] = False,
        drawn_in_advance: Annotated[bool, typer.Option(help="Brian2 gets rare Poisson input as a list made before the run.")] = False,
        json: Annotated[bool, typer.Option("--json", help="Print JSON: medians, ratio, and every run.")] = False,
    ) -> None:
        given = {"runs": runs, "threads": threads, "scale": scale, "precision": precision, "plastic": plastic}
        given["drawn_in_advance"] = drawn_in_advance
        found = workloads.find(name).measure(_options(name, peer, engine, duration, given))
        _say("")
        if json:
            print(jsonlib.dumps(found))
        else:
            table.show(found)
        if found.get("rates_ok") is False:
            off = f"{100 * found['ours_off']:.0f} %"
            print(f"benchmarks: a population of {name} fires {off} off its published rate; see rates.", file=sys.stderr)
            raise typer.Exit(1)

    return run


for _name in workloads.NAMES:
    _text = workloads.find(_name).__doc__
    app.command(_name, help=_text, short_help=_text.splitlines()[0])(_command(_name))


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


@app.command()
def quantisation() -> None:
    """Accuracy of the converted digits transformer by bits and by options of convert; no times."""
    from benchmarks.quantisation import show

    show()


@app.command("all")
def every(
    names: Annotated[list[str] | None, typer.Argument(help="Workloads; default: every one.")] = None,
    peer: Annotated[list[str] | None, typer.Option(help="Once for every peer. Default: those that are set up.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each; medians are printed.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each.")] = 1,
    scale: Annotated[float | None, typer.Option(help="Fraction of the neurons, where a workload takes it.")] = None,
    precision: Annotated[str, typer.Option(help="Of our states: double or single.")] = "double",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print rows of the table in benchmarks/README.md.")] = False,
) -> None:
    """Every workload beside every peer, one row each as soon as it is measured; takes hours at full size."""
    for name in names or ():
        workloads.find(name)
    given = {"runs": runs, "threads": threads, "scale": scale, "precision": precision}
    chosen = peer or [each for each in peers.PEERS if peers.ready(each)]
    for each in chosen:
        peers.python_of(each)
    print("\n".join(table.head(markdown)), flush=True)
    failed = False
    for name, each, more in table.plan(names or workloads.NAMES, chosen):
        own = {"drawn_in_advance": False, "plastic": False} | given | more
        own |= {option: getattr(Options(), option) for option in ("scale", "precision") if name not in workloads.TAKEN_BY[option]}
        if name == "limits":
            own["threads"] = 1
        command = table.command(name, each, own)
        try:
            found = workloads.find(name).measure(_options(name, each, "auto", None, own))
        except SnnsimError as error:
            failed, rows = True, [table.failure(command, error, markdown)]
        else:
            failed, rows = failed or found.get("rates_ok") is False, table.rows(command, found, markdown)
        _say("")
        print("\n".join(rows), flush=True)
    if failed:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; one clear line and exit code 2 for bad input or a peer that is not there, 130 for Ctrl-C."""
    ours.share_compiled_kernels()
    try:
        code = app(standalone_mode=False, prog_name="python -m benchmarks")
    except SnnsimError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(2)
    except typer.Exit as stop:
        code = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        # Usage errors carry their own text and exit code; anything else is a defect and keeps its traceback.
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            print(f"benchmarks: {error.format_message()} See python -m benchmarks --help.", file=sys.stderr)
            sys.exit(2)
        raise
    sys.exit(code)

"""The command line of the benchmarks."""

from __future__ import annotations

import json as jsonlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from benchmarks import ours, peers, workloads
from benchmarks.measure import Options
from snnsim.errors import ParameterError, SnnsimError, unknown_name

HELP = f"""Time snnsim, alone or beside another simulator that runs the same network ({", ".join(peers.PEERS)}).

Runs of both are interleaved; printed are medians and the ratio peer / ours: above 1, ours is faster. Simulation is timed without
build and compilation, spikes are counted and not recorded, and mean rates must agree. Start with: python -m benchmarks cuba
"""


class Commands(TyperGroup):
    """Lists the valid names when given another."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is None:
            raise ParameterError(unknown_name("workload", cmd_name, workloads.NAMES) + " Or: setup PEER.")
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


def _command(name: str) -> Any:
    def run(
        peer: Annotated[str | None, typer.Option(help=f"Compare with: {', '.join(peers.PEERS)}. Default: ours alone.")] = None,
        runs: Annotated[int, typer.Option(min=1, help="Runs of each; medians are printed.")] = 3,
        threads: Annotated[int, typer.Option(min=1, help="Threads of each; our spiking engines use one so far.")] = 1,
        duration: Annotated[float | None, typer.Option(help="Seconds to simulate, instead of those of the workload.")] = None,
        engine: Annotated[str, typer.Option(help="Ours: auto, clock or event.")] = "auto",
        json: Annotated[bool, typer.Option("--json", help="Print JSON: medians, ratio, and every run.")] = False,
    ) -> None:
        from snnsim.engines.spiking import ENGINES

        if peer is not None:
            peers.python_of(peer)
        if engine not in ENGINES:
            raise ParameterError(unknown_name("--engine", engine, ENGINES))
        if duration is not None and not 0.0 < duration < float("inf"):
            raise ParameterError(f"--duration = {duration:g} s must be > 0 s and finite. Leave it out for that of the workload.")
        if duration is not None and name not in workloads.SIMULATIONS:
            raise ParameterError(f"--duration = {duration:g} does not apply to {name}: it has one of its own. Leave it out.")
        milliseconds = None if duration is None else round(1e4 * duration) / 10.0
        options = Options(peer=peer, runs=runs, threads=threads, duration=milliseconds, engine=engine, say=_say)
        found = workloads.find(name).measure(options)
        if json:
            print(jsonlib.dumps(found))
        else:
            show(found)

    return run


for _name in workloads.NAMES:
    _text = workloads.find(_name).__doc__
    app.command(_name, help=_text, short_help=_text.splitlines()[0])(_command(_name))


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def show(found: dict[str, Any]) -> None:
    """Print the figures as a table: medians, and the smallest and largest of all runs."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    title = found["workload"] + (f" beside {found['peer']}" if found["peer"] else "")
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column, justify in (("figure", "left"), ("median", "right"), ("least", "right"), ("most", "right")):
        table.add_column(column, justify=justify, no_wrap=True)
    for name, value in found.items():
        if isinstance(value, float):
            each = [run[name] for run in found["runs"] if name in run]
            table.add_row(name, f"{value:.4g}", *(f"{pick(each):.4g}" if each else "" for pick in (min, max)))
    _say("")
    Console().print(table)


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

"""The command line: a thin shell around the Python interface."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from snnsim import __version__
from snnsim.errors import SnnsimError

_INTERRUPTED = 130

app = typer.Typer(
    help="Spiking neural networks, and trained transformers turned into them exactly. Start with: snnsim compare",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        print(f"snnsim {__version__}")
        raise typer.Exit


@app.callback()
def _snnsim(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@app.command()
def compare(
    model: Annotated[str, typer.Argument(help="A torch program (.pt2), a graph file (.npz), or a shipped model.")] = "digits",
    data: Annotated[Path | None, typer.Option(help="Samples, .npz: arrays named as the inputs (x), labels, calibration_x.")] = None,
    bits: Annotated[int, typer.Option(help="Of weights and values, 2 .. 16.")] = 8,
    activation_bits: Annotated[int | None, typer.Option(help="Of values alone. Default: --bits.")] = None,
    weight_bits: Annotated[int | None, typer.Option(help="Of weights alone. Default: --bits.")] = None,
    samples: Annotated[int | None, typer.Option("--samples", "--images", help="How many samples to compare; default all.")] = None,
    code: Annotated[str, typer.Option(help="How values travel: unary, binary, signed_digit, graded.")] = "signed_digit",
    schedule: Annotated[str, typer.Option(help="When units speak: settled, eager, shuffled.")] = "settled",
    profile: Annotated[
        list[str] | None, typer.Option(help="Hardware profile by name or .toml file; repeat for several. Default: five.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.json.")] = Path(),
    seed: Annotated[int, typer.Option(help="Chooses the samples, and the order of the shuffled schedule.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Default: one per core. Changes no result.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print report.json instead of the tables.")] = False,
) -> None:
    """Turn a trained model into spikes, prove it exact, and compare its energy.

    Without --data a shipped transformer classifies digits. Prints answers, layers, certificate, operation counts and energy;
    writes report.html and report.json.
    """
    # Imported here, so that --help answers at once.
    from snnsim.progress import bar
    from snnsim.report import save
    from snnsim.report.comparison import check_choices
    from snnsim.report.comparison import compare as run
    from snnsim.report.precision import precision_of

    check_choices(code, schedule, profile or None)
    precision_of(bits, activation_bits, weight_bits)
    folder = save.check_folder(out)
    with bar("starting (the first run compiles, half a minute)") as report:
        comparison = run(
            model,
            data,
            bits=bits,
            activation_bits=activation_bits,
            weight_bits=weight_bits,
            samples=samples,
            code=code,
            schedule=schedule,
            profiles=profile or None,
            seed=seed,
            threads=threads,
            progress=report.describe,
        )
        report.describe("drawing the report", 0.97)
        page, data = save.save(comparison, folder)
    if json:
        print(data.read_text(encoding="utf-8"), end="")
        return
    from snnsim.report.tables import show

    show(comparison)
    print(f"\n{comparison.seconds:.1f} s. Written: {page} and {data}")


@app.command()
def convert(
    model: Annotated[str, typer.Argument(help="A torch program (.pt2), a graph file (.npz), or a shipped model.")],
    data: Annotated[Path, typer.Option(help="Samples that set the scales, .npz: arrays named as the inputs (x), or calibration_x.")],
    out: Annotated[Path, typer.Option(help="File for the spiking network, .npz; sim.load_converted reads it.")],
    bits: Annotated[int, typer.Option(help="Of weights and values, 2 .. 16.")] = 8,
    activation_bits: Annotated[int | None, typer.Option(help="Of values alone. Default: --bits.")] = None,
    weight_bits: Annotated[int | None, typer.Option(help="Of weights alone. Default: --bits.")] = None,
) -> None:
    """Turn a trained model into a spiking network, prove it on the samples, and save it."""
    from snnsim.progress import bar
    from snnsim.report.prepare import check_file, prepare

    target = check_file(out)
    with bar("converting") as report:
        spiking = prepare(model, data, bits=bits, activation_bits=activation_bits, weight_bits=weight_bits, progress=report.describe)
        certificate = spiking.certificate
        from snnsim.io.converted import save_converted

        save_converted(spiking, target)
    from rich.console import Console

    from snnsim.report.tables import layers_table

    Console().print(layers_table(spiking))
    bits = max(layer.bits for layer in certificate.layers)
    print(f"{certificate.compared:,} integers compared with the integer program, {certificate.mismatches} mismatches; {bits} bits at most")
    print(f"Written: {target}")


@app.command()
def energy(
    model: Annotated[str, typer.Argument(help="A torch program (.pt2), a graph file (.npz), or a shipped model.")] = "digits",
    data: Annotated[Path | None, typer.Option(help="Samples, .npz: arrays named as the inputs (x), labels, calibration_x.")] = None,
    samples: Annotated[int | None, typer.Option(help="How many samples to count; default all.")] = None,
    profile: Annotated[
        list[str] | None, typer.Option(help="Hardware profile by name or .toml file; repeat for several. Default: twelve.")
    ] = None,
    bits: Annotated[list[int] | None, typer.Option(help="A further quantised ANN of so many bits; repeat for several.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Tokens of a sample, for energies per token.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for energy.html and energy.json.")] = Path(),
    seed: Annotated[int, typer.Option(help="Chooses the samples.")] = 0,
) -> None:
    """Count a trained model as an ANN and as spikes, and price both on a dozen chips.

    Prints a table per chip, who wins there, and what would change it; writes energy.html and energy.json.
    """
    from snnsim.progress import bar
    from snnsim.report.energy_choices import check_profiles
    from snnsim.report.energy_tables import NAMES, save_energy, show_energy
    from snnsim.report.prepare import energy_of
    from snnsim.report.save import check_folder
    from snnsim.units import check_integer

    check_profiles(profile or None)
    for each in bits or ():
        check_integer("compare_energy.bits", each, low=2, high=16)
    if tokens is not None:
        check_integer("compare_energy.tokens", tokens, low=1)
    check_integer("seed", seed, low=0, high=2**63 - 1)
    check_folder(out, NAMES)
    with bar("counting (the first run compiles, half a minute)") as report:
        found = energy_of(model, data, samples=samples, profiles=profile or None, bits=bits or (), tokens=tokens, seed=seed)
        report.describe("drawing the report", 0.97)
        page, table = save_energy(found, out)
    show_energy(found)
    print(f"\nWritten: {page} and {table}")


def main() -> None:
    """Run the command line; one clear line and exit code 2 for bad input, 130 for Ctrl-C."""
    try:
        code = app(standalone_mode=False)
    except SnnsimError as error:
        print(f"snnsim: {error}", file=sys.stderr)
        sys.exit(2)
    except typer.Exit as stop:
        code = stop.exit_code
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except OSError as error:  # what could not be printed: a full disk, a closed pipe; the reports are complete
        sys.stdout = None  # type: ignore[assignment]  # or the interpreter would try to flush it again
        print(f"snnsim: the tables could not be printed: {error.strerror or error}.", file=sys.stderr)
        code = 1
    except Exception as error:
        # Usage errors carry their own text and exit code; anything else is a defect and keeps its traceback.
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            print(f"snnsim: {error.format_message()} See snnsim --help.", file=sys.stderr)
            sys.exit(error.exit_code)
        raise
    if code == _INTERRUPTED:  # the command-line library may turn Ctrl-C into this code itself
        print("snnsim: interrupted; no report was written.", file=sys.stderr)
    sys.exit(code)

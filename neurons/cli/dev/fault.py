"""`voice dev fault`: let the development chain's node fail, for every process that uses it."""

from typing import Annotated

import typer

from neurons.cli.options import AsJson, DevChainOptions, shared_options
from neurons.cli.output import answer
from neurons.devchain.faults import FaultKind

app = typer.Typer(help="Let the development chain's node fail.", no_args_is_help=True)


@app.command()
@shared_options
def add(
    options: DevChainOptions,
    kind: Annotated[
        FaultKind, typer.Argument(help="stall: no answer; drop: the connection breaks; stale: the head stands still; error.")
    ],
    call: Annotated[
        str,
        typer.Option(
            help="The calls that fail: submit, query, runtime_call, connect, SubtensorModule.*, … (patterns with * and ?)."
        ),
    ] = "*",
    share: Annotated[float, typer.Option(help="The share of them that fails, above 0 and at most 1.")] = 1.0,
    seconds: Annotated[float, typer.Option(help="Seconds that a stall lasts.")] = 3_600.0,
    name: Annotated[str, typer.Option(help="The error, by the chain's name.")] = "Unavailable",
    after: Annotated[bool, typer.Option("--after", help="The call takes effect; only its answer is lost.")] = False,
    until_block: Annotated[int | None, typer.Option(min=1, help="The block at which it is over (default: when cleared).")] = None,
    pid: Annotated[int | None, typer.Option(min=1, help="Only this process's node fails (default: everybody's).")] = None,
    as_json: AsJson = False,
) -> None:
    """Begin a fault at the newest block; running processes meet it with their next call."""
    from neurons.devchain import operations
    from neurons.devchain.faults import FaultPlan

    fault = operations.add_fault(
        options.file,
        FaultPlan(kind=kind, call=call, share=share, seconds=seconds, name=name, after=after, until_block=until_block, pid=pid),
    )
    answer(as_json, {"id": fault}, lambda: typer.echo(f"fault {fault}: {kind.value} of {call}"))


@app.command("list")
@shared_options
def list_faults(options: DevChainOptions, as_json: AsJson = False) -> None:
    """Show the faults, those that are over too, and how often each struck."""
    from dataclasses import asdict

    from neurons.cli.dev import tables
    from neurons.devchain import operations

    found = operations.faults(options.file)
    answer(as_json, [asdict(fault) for fault in found], lambda: tables.show_faults(found))


@app.command()
@shared_options
def clear(
    options: DevChainOptions,
    fault: Annotated[int | None, typer.Argument(help="The fault's number (default: all).")] = None,
) -> None:
    """End and forget a fault, or all."""
    from neurons.devchain import operations
    from scoring.errors import Code, PlatformError

    cleared = operations.clear_faults(options.file, fault)
    if fault is not None and not cleared:
        raise PlatformError(Code.ARGUMENT_INVALID, f"there is no fault {fault}; `voice dev fault list` shows them")
    typer.echo(f"{cleared} cleared")

"""`voice miner convert`: what training saved becomes a model's folder."""

from pathlib import Path
from typing import Annotated

import typer


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            help="What training saved: of Piper the .onnx file or a checkpoint, of Pocket TTS the run's folder or a checkpoint."
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The model's folder to write, new.")],
    family: Annotated[str, typer.Option("--family", help="The family whose converter reads it.")],
    licence: Annotated[
        str, typer.Option("--licence", help="The licence of the weights, as the model hub writes it: cc0-1.0, mit.")
    ],
) -> None:
    """Convert what training saved into a folder that can be checked and published."""
    from neurons.miner import conversion

    conversion.convert(source, folder, family, licence)
    typer.echo(f"{folder}: a model of the family {family}. Next: voice miner check {folder}")

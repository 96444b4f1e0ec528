"""`voice api-docs`: docs/api.md and docs/errors.md from the code."""

from pathlib import Path
from typing import Annotated

import typer


def api_docs(
    out: Annotated[Path, typer.Option("--out", help="The folder to write to.")] = Path("docs"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a page is out of date.")] = False,
) -> None:
    """Render the API's reference and the table of codes from the code."""
    from scoring.errors import Code, PlatformError
    from voice_api.web import reference

    for name, text in reference.pages().items():
        path = out / name
        if not check:
            path.write_text(text, encoding="utf-8")
            typer.echo(f"wrote {path}")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            raise PlatformError(Code.ARGUMENT_INVALID, f"{path} is out of date: `voice api-docs` writes it anew")
        else:
            typer.echo(f"{path} is what the code says")

"""Pages that are rendered from the code: written, or compared with the files; and `voice api-docs`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from scoring.errors import Code, PlatformError

Check = Annotated[bool, typer.Option("--check", help="Write nothing; fail if a page is out of date.")]


def write_or_check(pages: Mapping[Path, str], check: bool, command: str) -> None:
    """Write each page; with `check` raise PlatformError(ARGUMENT_INVALID) for the first that differs from what `command` writes."""
    for path, text in pages.items():
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            raise PlatformError(Code.ARGUMENT_INVALID, f"{path} is out of date: `{command}` writes it anew")
        typer.echo(f"{path} is what the code says" if check else f"wrote {path}")


def api_docs(
    out: Annotated[Path, typer.Option("--out", help="The folder to write to.")] = Path("docs"), check: Check = False
) -> None:
    """Render the API's reference and the table of codes from the code."""
    from voice_api.web import reference

    write_or_check({out / name: text for name, text in reference.pages().items()}, check, "voice api-docs")

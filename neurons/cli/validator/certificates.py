"""`voice validator certify` and `revoke`: certificates of the service keys that sign receipts."""

from pathlib import Path
from typing import Annotated

import typer

from neurons.cli.options import WalletOptions, keys_of, set_by, shared_options


@shared_options
def certify(
    options: WalletOptions,
    host: Annotated[str, typer.Option("--host", help="A name for the worker's host: letters, digits, dots and dashes.")],
    out: Annotated[Path, typer.Option("--out", help="The certificate's file, for the worker's VOICE_CERTIFICATE.")],
    address: Annotated[str | None, typer.Argument(help="The service key's address, from `voice worker --show-key`.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="The service key's own file, instead of its address.")] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How long the certificate holds.")] = 90,
) -> None:
    """Let a worker's service key sign receipts, with the wallet's hotkey."""
    from datetime import UTC, datetime, timedelta

    from neurons.validator import certification

    certificate = certification.certify(options.keys(), _service(address, key), host, timedelta(days=days), datetime.now(UTC))
    certification.write(out, certificate.to_json())
    typer.echo(
        f"{out}: certificate {certificate.serial} of {certificate.service}, until {certificate.not_after:%Y-%m-%d %H:%M} UTC"
    )


@shared_options
def revoke(
    options: WalletOptions,
    what: Annotated[
        str | None, typer.Argument(help="A certificate's serial or file, or a service key's address for all of its.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="The service key's own file, for all certificates of it.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--list",
            "--out",
            help="The list of revocations.",
            show_default=set_by("VOICE_REVOCATIONS", ".voice/revocations.json"),
        ),
    ] = None,
) -> None:
    """Take a certificate back: no receipt that it stands for is counted any more, whenever it was signed."""
    from neurons.settings import CertifierSettings
    from neurons.validator import certification

    settings = options.settings(CertifierSettings)
    path = settings.revocations if file is None else file
    name = _revoked(what, key)
    revoked = certification.take_back(keys_of(settings), path, frozenset({name}))
    typer.echo(f"{path}: {name} is revoked, one of {len(revoked)}")


def _service(address: str | None, key: Path | None) -> str:
    from scoring.errors import Code, PlatformError
    from voice_api.keys import ServiceKey, is_address

    if (address is None) == (key is None):
        raise PlatformError(Code.ARGUMENT_INVALID, "Name either the service key's ADDRESS or its --key FILE.")
    if key is not None:
        return ServiceKey.read(key).address
    if not is_address(str(address)):
        raise PlatformError(Code.ARGUMENT_INVALID, f"{address} is no address as `voice worker --show-key` prints it.")
    return str(address)


def _revoked(what: str | None, key: Path | None) -> str:
    from scoring.errors import Code, PlatformError

    if what is not None and key is None:
        return _name(what)
    if what is not None or key is None:
        raise PlatformError(
            Code.ARGUMENT_INVALID, "Name either a certificate (or an address), or a service key's file with --key."
        )
    return _service(None, key)


def _name(what: str) -> str:
    """The serial or address to revoke."""
    import re

    from scoring.errors import Code, PlatformError
    from scoring.receipts.certificate import CertificateInvalid
    from voice_api.keys import is_address, read_certificate

    if re.fullmatch("[0-9a-f]{32}", what) or is_address(what):
        return what
    try:
        return read_certificate(Path(what)).serial
    except (CertificateInvalid, FileNotFoundError) as exc:
        raise PlatformError(
            Code.ARGUMENT_INVALID, f"{what} is neither a serial, nor an address, nor a certificate's file."
        ) from exc

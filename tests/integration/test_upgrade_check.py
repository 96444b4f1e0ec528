"""`voice upgrade check` on a real database: it names what stands in the way, and nothing else does."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from neurons.validator import certification
from scoring.errors import Code
from tests.builders.command_line import voice
from tests.integration.played import play
from voice_api.db import migrate
from voice_api.db.database import connection_to
from voice_api.keys import CertifiedKey

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Rows = dict[str, dict[str, Any]]


async def checked(folder: Path, url: str, *roles: str) -> tuple[int, Rows]:
    """The command's status, and its rows by their names."""
    ended = await asyncio.to_thread(
        voice, folder, "upgrade", "check", *roles, "--json", DATABASE_URL=url, BT_WALLET="own", VOICE_REVOCATIONS="none.json"
    )
    return ended.returncode, {row["check"]: row for row in json.loads(ended.stdout)["findings"]}


def failing(rows: Rows) -> set[str]:
    """The rows that stand in the way."""
    return {name for name, row in rows.items() if row["health"] == "failing"}


@pytest.fixture
async def stack_with_wallet(stack: "ValidatorBed", tmp_path: Path) -> "ValidatorBed":
    """Two rounds were judged and folded; the validator's wallet is where commands look for it."""
    stack.wallet.create_new_coldkey(use_password=False, suppress=True, overwrite=True)
    (tmp_path / "wallets").mkdir()
    (tmp_path / "wallets" / "own").symlink_to(Path(stack.wallet.path) / stack.wallet.name)
    days = timedelta(days=90)
    certificate = certification.certify(stack.wallet, stack.worker.key.address, "host-1", days, datetime.now(UTC))
    stack.worker = CertifiedKey(stack.worker.key, certificate)
    await play(stack, 2)
    return stack


async def test_a_node_that_may_be_upgraded_is_told_so(
    stack_with_wallet: "ValidatorBed", database_url: str, tmp_path: Path
) -> None:
    """Each row is well, and the open connections say their release."""
    status, rows = await checked(tmp_path, database_url, "validator")
    assert (status, {row["health"] for row in rows.values()}) == (0, {"ok"}), rows
    assert set(rows) >= {"schema", "processes", "competition", "certificate", "trust"}
    assert "tests" not in rows["processes"]["value"]


async def test_what_stands_in_the_way_is_named(stack_with_wallet: "ValidatorBed", database_url: str, tmp_path: Path) -> None:
    """Rules that the open round does not have, and a certificate that ends within days."""
    soon = certification.certify(
        stack_with_wallet.wallet, stack_with_wallet.worker.key.address, "host-1", timedelta(days=3), datetime.now(UTC)
    )
    stack_with_wallet.worker = CertifiedKey(stack_with_wallet.worker.key, soon)
    await play(stack_with_wallet)
    async with stack_with_wallet.pool.connection() as connection:
        await connection.execute("update rounds set competition_hash = repeat('f', 64)")
    status, rows = await checked(tmp_path, database_url, "validator")
    assert (status, failing(rows)) == (1, {"competition", "certificate"})
    assert all(rows[name]["fix"] for name in failing(rows))


async def test_a_database_of_a_newer_release_is_refused_and_an_older_one_is_not(empty_database_url: str, tmp_path: Path) -> None:
    """As the API, which needs no wallet; a database without tables is a first start."""
    status, rows = await checked(tmp_path, empty_database_url, "api")
    assert (failing(rows) - {"settings"}, rows["schema"]["health"], rows["competition"]["health"]) == (set(), "ok", "unknown")
    async with connection_to(empty_database_url) as connection:
        await connection.execute(migrate.script_from(None, "0014"))
        _, rows = await checked(tmp_path, empty_database_url, "api")
        assert (rows["schema"]["health"], "revision 0014" in rows["schema"]["value"]) == ("ok", True)
        await connection.execute("update alembic_version set version_num = '9001'")
        status, rows = await checked(tmp_path, empty_database_url, "api")
    assert (status, rows["schema"]["health"], rows["schema"]["code"]) == (1, "failing", Code.SCHEMA_UNKNOWN)

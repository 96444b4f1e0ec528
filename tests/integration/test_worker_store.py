"""A worker looks at its store, and tries its sandbox, before it asks for work."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from scoring.errors import Code, InfrastructureFault
from scoring.store.place import S3Place
from tests.builders.certificates import a_certificate
from voice_api.keys import ServiceKey
from workers import main
from workers.settings import WorkerSettings


def certify(data: Path) -> None:
    """A service key and its certificate, in a data folder."""
    key = ServiceKey.at(data / "service.key")
    certificate = json.dumps(a_certificate(key, key, datetime.now(UTC)).to_json())
    (data / "service.cert.json").write_text(certificate, encoding="utf-8")


def test_a_worker_whose_store_does_not_answer_does_not_start(tmp_path: Path) -> None:
    """It ends with the store's code and place, before a model is spoken and judged for nothing; nobody's keys are shown."""
    certify(tmp_path)
    settings = WorkerSettings(
        database_url=SecretStr("postgresql:///nobody"),
        redis_url=SecretStr("redis://nobody"),
        data=tmp_path,
        store_place=S3Place("evidence", "store"),
        s3_endpoint="http://127.0.0.1:9",
        s3_access_key=SecretStr("hunter1"),
        s3_secret_key=SecretStr("hunter2"),
    )
    with pytest.raises(InfrastructureFault, match=r"s3://evidence/store cannot be listed") as refusal:
        main.run(settings)
    assert refusal.value.code is Code.STORE_UNAVAILABLE
    assert "hunter" not in f"{refusal.value!r} {settings!r}"


def test_a_worker_whose_sandbox_has_a_way_out_does_not_start(tmp_path: Path) -> None:
    """It ends with the self-test's code before it connects to anything."""
    certify(tmp_path)
    settings = WorkerSettings(
        database_url=SecretStr("postgresql:///nobody"), redis_url=SecretStr("redis://nobody"), data=tmp_path
    )
    tried: list[Path] = []

    def find_a_way_out(scratch: Path) -> None:
        tried.append(scratch)
        raise InfrastructureFault(Code.SANDBOX_OPEN, "a hostile guest got through: fork (model: done)")

    with pytest.raises(InfrastructureFault, match="got through: fork") as refusal:
        main.run(settings, try_walls=find_a_way_out)
    assert (refusal.value.code, tried) == (Code.SANDBOX_OPEN, [tmp_path / "scratch"])

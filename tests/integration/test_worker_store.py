"""A worker looks at its store before it asks for work."""

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


def test_a_worker_whose_store_does_not_answer_does_not_start(tmp_path: Path) -> None:
    """It ends with the store's code and place, before a model is spoken and judged for nothing; nobody's keys are shown."""
    key = ServiceKey.at(tmp_path / "service.key")
    certificate = tmp_path / "service.cert.json"
    certificate.write_text(json.dumps(a_certificate(key, key, datetime.now(UTC)).to_json()), encoding="utf-8")
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

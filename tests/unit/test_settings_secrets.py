"""Settings that cannot be read say which, and show none of the others: some are secrets."""

import pytest
from pydantic import ValidationError

from tests.builders.addresses import ALICE
from voice_api.settings import ApiSettings, DispatcherSettings, ProcessSettings
from workers.settings import WorkerSettings

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        pytest.param(ApiSettings, {}, id="something is missing"),
        pytest.param(ApiSettings, {"VOICE_API_HOTKEY": ALICE, "VOICE_API_PORT": "x"}, id="a port that is none"),
        pytest.param(ApiSettings, {"VOICE_API_HOTKEY": "5G"}, id="a hotkey that is none"),
        pytest.param(DispatcherSettings, {"VOICE_DISPATCH_SECONDS": "-1"}, id="a pause below zero"),
        pytest.param(WorkerSettings, {"REDIS_URL": f"redis://:{SECRET}/x@redis"}, id="a password with a slash"),
        pytest.param(DispatcherSettings, {"REDIS_URL": f"http://:{SECRET}@redis"}, id="no Redis"),
        pytest.param(WorkerSettings, {"VOICE_QUEUE": "tpu"}, id="a queue that there is not"),
    ],
)
def test_an_error_shows_no_secret(
    monkeypatch: pytest.MonkeyPatch, settings: type[ProcessSettings], wrong: dict[str, str]
) -> None:
    """Neither the message nor the traceback of a wrong setting holds a password."""
    url = f"postgresql://voice:{SECRET}@database/voice"
    for name, value in {"DATABASE_URL": url, "REDIS_URL": f"redis://:{SECRET}@redis", **wrong}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        settings()
    assert SECRET not in f"{caught.value} {caught.value!r}"

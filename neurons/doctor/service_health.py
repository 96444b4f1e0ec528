"""The services that a node talks to besides its database: Redis, the model hub, the voice API."""

from collections.abc import Collection

from neurons.api_client.client import ApiUnavailable, VoiceApi
from neurons.doctor.catalogue import CheckName
from neurons.doctor.finding import Finding, failing, unknown, warning, well
from neurons.doctor.words import listed
from scoring.errors import InfrastructureFault
from scoring.types import Hotkey
from voice_api.runtime.redis_state import RedisState
from voice_api.schemas.readiness import Readiness


def redis(state: RedisState) -> tuple[Finding, Finding]:
    """The rows of Redis and of its memory of signed requests."""
    answers = well(CheckName.REDIS, f"Redis {state.version} answers, {state.used_megabytes} MiB used")
    if state.read_only:
        fix = "Name the server that takes writes in REDIS_URL."
        answers = failing(CheckName.REDIS, "it answers, but only follows another server", fix)
    if state.knows_nonces:
        return answers, well(CheckName.NONCES, "remembered")
    fix = "Nothing: the next signed request begins the store anew; what was signed before is refused once, and is to be signed again."
    return answers, warning(CheckName.NONCES, "Redis was emptied: no signed request came since", fix)


_HUB_FIX = (
    "Compare HF_ENDPOINT, and wait: runs are tried again; `voice operator requeue --code 2001` brings back what was parked."
)


def hub_away(endpoint: str, error: InfrastructureFault) -> Finding:
    """The row of a hub that does not answer as it should."""
    return failing(CheckName.HUB, f"{endpoint}: {error.detail}", _HUB_FIX, error.code)


def hub(endpoint: str, *, works: bool) -> Finding:
    """The row of the hub, which answered; it `works` where it gives what it lists."""
    if works:
        return well(CheckName.HUB, f"{endpoint} gives what it lists")
    return warning(CheckName.HUB, f"{endpoint} answers, and does not give what it lists", _HUB_FIX)


def api(url: str, readiness: Readiness, named: Collection[str] = ()) -> Finding:
    """The row of the API, by what it says of its parts; those that are `named` have failing rows of their own."""
    away = [part for part in readiness.parts if not part.ready]
    needed = [part.name for part in away if part.needed and part.name not in named]
    others = [part.name for part in away if not part.needed and part.name not in named]
    if needed:
        fix = "It comes back by itself when they do: look at them, at the API's own settings, and at its log."
        return failing(CheckName.API, f"{url} cannot serve: not ready: {listed(needed)}", fix)
    if others:
        return warning(
            CheckName.API, f"{url} serves; not ready: {listed(others)}", "Look at these: nobody is judged without them."
        )
    if away:
        return well(CheckName.API, f"{url} answers; not ready, as their own rows say: {listed([part.name for part in away])}")
    return well(CheckName.API, f"{url} serves")


def api_hotkey(answers_as: Hotkey, expected: Hotkey | None) -> Finding:
    """The row of the hotkey that the API answers as, beside the one that this host signs requests for."""
    if expected is None:
        fix = f"Where requests are signed, set VOICE_API_HOTKEY={answers_as} once you know that it is theirs."
        return warning(CheckName.API_HOTKEY, f"{answers_as}, and VOICE_API_HOTKEY is not set here", fix)
    if answers_as != expected:
        value = f"it answers as {answers_as}, and VOICE_API_HOTKEY is {expected}"
        return failing(
            CheckName.API_HOTKEY, value, "Correct VOICE_API_HOTKEY or VOICE_API_URL: requests for another hotkey get 3010."
        )
    return well(CheckName.API_HOTKEY, answers_as)


async def ask_api(client: VoiceApi, url: str, expected: Hotkey | None, named: Collection[str] = ()) -> tuple[Finding, ...]:
    """Both rows of the API; raises ApiUnavailable where it does not answer at all."""
    serves = api(url, await client.readiness(), named)
    try:
        status = await client.status()
    except ApiUnavailable as exc:
        return serves, unknown(CheckName.API_HOTKEY, exc.detail)
    return serves, api_hotkey(status.hotkey, expected)

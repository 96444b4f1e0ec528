"""`voice miner validate` against an API that says what the test wants: the table, the JSON, and one line for whatever goes wrong."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from bittensor import http_auth
from rich.console import Console

from neurons.api_client.client import VoiceApi
from neurons.chain import wallets
from neurons.cli.miner.validate import follow, measured
from scoring.errors import Code
from scoring.report import Factor
from scoring.scores import aggregate
from tests.builders import command_line
from tests.builders.addresses import ALICE
from tests.builders.command_line import Ended
from voice_api.db.states import ValidationState
from voice_api.db.validations import MOST_OPEN
from voice_api.schemas import MOST_CHARACTERS, ValidationOut
from voice_api.settings import ApiSettings
from voice_api.web.auth import WINDOW
from workers.sandbox.decode_upload import RAM_BYTES, SECONDS

ID = "5f0c1bb0-6a3f-4c5e-9d0a-1f6a7d1c2b3e"
UPLOAD = b"RIFF of some kind"
ASKED = ("clip.wav", "--text", "Open the gate.", "--description", "A soprano.")


def a_validation(**overrides: Any) -> dict[str, Any]:
    """A recording that waits, as the API shows it."""
    return {
        "id": ID,
        "hotkey": "5G",
        "text": "Open the gate.",
        "description": "A soprano.",
        "sha256": "a" * 64,
        "state": "queued",
        "attempt": 0,
        "score": None,
        "gate": None,
        "metrics": None,
        "utilities": None,
        "reasons": [],
        "code": None,
        "reason": None,
        "created_at": "2026-11-22T12:00:00Z",
        "finished_at": None,
        **overrides,
    }


DONE = a_validation(
    state="done",
    attempt=1,
    score=654_321,
    metrics={"wer": 0.25, "cer": 0.125},
    utilities={"intelligibility": 0.375},
    reasons=["intelligibility 0.38: wer 0.25 (human 0.05, bad 0.7) [odd]\x1b[2J"],
    finished_at="2026-11-22T12:00:05Z",
)
FAILED = a_validation(
    state="failed", attempt=1, code=3303, reason="the file holds no samples", finished_at="2026-11-22T12:00:05Z"
)


@dataclass
class Scripted:
    """What the API answers, one after another, the last one for ever; and what it was asked."""

    answers: list[tuple[int, dict[str, Any]]]
    url: str = ""
    asked: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Note the request, and go on in the script."""
        self.asked.append((method, target, body, headers))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def api() -> Iterator[Callable[..., Scripted]]:
    """Start an API on a free port of this machine."""
    servers: list[ThreadingHTTPServer] = []

    def start(*answers: tuple[int, dict[str, Any]]) -> Scripted:
        script = Scripted(list(answers))

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, answer = script.answer(self.command, self.path, body, dict(self.headers))
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 - as above

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        script.url = f"http://127.0.0.1:{server.server_port}"
        return script

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def miner(tmp_path: Path) -> Callable[..., Ended]:
    """A miner's machine: a wallet and a file; runs `voice miner validate` there."""
    wallets.create("me", "default", tmp_path / "wallets")
    (tmp_path / "clip.wav").write_bytes(UPLOAD)

    def run(url: str, *arguments: str, wallet: str = "me") -> Ended:
        command = ("miner", "validate", *(arguments or ASKED))
        return command_line.voice(tmp_path, *command, BT_WALLET=wallet, VOICE_API_URL=url)

    return run


def test_the_page_about_it_states_what_the_code_holds() -> None:
    """Sizes, times, numbers and codes of docs/validate.md."""
    page = " ".join((Path(__file__).parents[2] / "docs/validate.md").read_text(encoding="utf-8").split())
    upload = ApiSettings.model_fields["upload_bytes"].default
    for stated in (
        f"`VOICE_UPLOAD_BYTES` ({upload >> 20} MiB)",
        f"up to {MOST_CHARACTERS} characters",
        f"{RAM_BYTES >> 20} MiB and {SECONDS:g} seconds",
        f"code {Code.AUDIO_INVALID}: the recording is at fault; {Code.TEXT_INVALID}: its text",
    ):
        assert stated in page
    assert ("holds for ten seconds" in page, "At most ten of one" in page) == (WINDOW.total_seconds() == 10, MOST_OPEN == 10)


def test_shows_metrics_beside_their_anchors_and_the_reasons(api: Callable[..., Scripted], miner: Callable[..., Ended]) -> None:
    """It sends the file under a signature, waits, and prints what a person needs, with no control character of a stranger's."""
    script = api((202, a_validation()), (200, a_validation(state="running", attempt=1)), (200, DONE))
    ended = miner(script.url, "clip.wav", "--text", "Open the gate & see.", "--description", "A soprano.")
    assert ended.returncode == 0, ended.stderr
    (method, target, body, headers), *reads = script.asked
    assert (method, body, parse_qs(urlsplit(target).query)) == (
        "POST",
        UPLOAD,
        {"text": ["Open the gate & see."], "description": ["A soprano."]},
    )
    assert http_auth.HEADER_SIGNATURE.lower() in {name.lower() for name in headers}
    assert [(method, target) for method, target, _, _ in reads] == [("GET", f"/v1/validations/{ID}")] * 2
    assert f"score 0.6543, {script.url}/v1/validations/{ID}" in ended.stdout
    assert "wer" in ended.stdout and "[odd]" in ended.stdout and "\x1b[2J" not in ended.stdout


def test_json_is_what_the_api_said(api: Callable[..., Scripted], miner: Callable[..., Ended]) -> None:
    """One object, with the address to read it again."""
    script = api((202, a_validation()), (200, DONE))
    ended = miner(script.url, *ASKED, "--json")
    assert (ended.returncode, json.loads(ended.stdout)) == (0, DONE | {"url": f"{script.url}/v1/validations/{ID}"})


def test_a_recording_that_failed_is_one_coded_line(api: Callable[..., Scripted], miner: Callable[..., Ended]) -> None:
    """The code is the recording's, the status is not 0."""
    ended = miner(api((202, a_validation()), (200, FAILED)).url)
    (line,) = ended.stderr.strip().splitlines()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert line.startswith(f"error {Code.AUDIO_INVALID} the file holds no samples")
    ended = miner(api((202, a_validation()), (200, FAILED)).url, *ASKED, "--json")
    assert (ended.returncode, json.loads(ended.stdout)["code"]) == (1, Code.AUDIO_INVALID)


def test_who_does_not_wait_gets_the_address(api: Callable[..., Scripted], miner: Callable[..., Ended]) -> None:
    """What is not judged yet is no error."""
    script = api((202, a_validation()))
    ended = miner(script.url, *ASKED, "--wait", "0")
    assert (ended.returncode, len(script.asked)) == (0, 1)
    assert ended.stdout.strip() == f"queued: not judged yet; ask again at {script.url}/v1/validations/{ID}"


PROBLEM = {
    "type": "urn:voice:problem:state-conflict",
    "title": "No.",
    "status": 409,
    "detail": "10 recordings of this hotkey are waiting already",
    "code": 3009,
    "blame": "platform",
    "advice": "Wait.",
    "request_id": "0",
}


@pytest.mark.parametrize(
    ("arguments", "wallet", "code", "words"),
    [
        pytest.param(ASKED, "me", Code.STATE_CONFLICT, "10 recordings", id="the API refuses"),
        pytest.param(("none.wav", *ASKED[1:]), "me", Code.ARGUMENT_INVALID, "none.wav cannot be read", id="no file"),
        pytest.param((".", *ASKED[1:]), "me", Code.ARGUMENT_INVALID, "Is a directory", id="a folder"),
        pytest.param(ASKED[:3], "me", Code.ARGUMENT_INVALID, "--description", id="no description"),
        pytest.param((*ASKED[:2], "a" * 70_000, *ASKED[3:]), "me", Code.ARGUMENT_INVALID, "70000 characters", id="a long text"),
        pytest.param((*ASKED[:2], "", *ASKED[3:]), "me", Code.ARGUMENT_INVALID, "0 characters", id="an empty text"),
        pytest.param((*ASKED[:4], "\udcff"), "me", Code.ARGUMENT_INVALID, "--description is not UTF-8", id="half a character"),
        pytest.param(ASKED, "you", Code.WALLET_MISSING, "coldkeypub.txt", id="no wallet"),
    ],
)
def test_what_goes_wrong_is_one_line(
    api: Callable[..., Scripted],
    miner: Callable[..., Ended],
    arguments: tuple[str, ...],
    wallet: str,
    code: Code,
    words: str,
) -> None:
    """It begins with the code, and there is no traceback."""
    ended = miner(api((409, PROBLEM)).url, *arguments, wallet=wallet)
    (line,) = ended.stderr.strip().splitlines()
    assert (ended.returncode != 0, ended.stdout, line.startswith(f"error {code} ")) == (True, "", True)
    assert words in line


def test_an_api_that_answers_as_somebody_else_names_the_setting(
    api: Callable[..., Scripted], miner: Callable[..., Ended]
) -> None:
    """With the hotkey that the API says it answers as, and what to set."""
    detail = f"this API answers as {ALICE}, and the request is not signed for it"
    ended = miner(api((401, PROBLEM | {"status": 401, "code": 3010, "detail": detail})).url)
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith(f"error {Code.RECEIVER_MISMATCH} {detail}. Set VOICE_API_HOTKEY to the hotkey")


async def test_follow_asks_until_it_has_ended(tmp_path: Path) -> None:
    """Each step is told, and a result that is there at once is not asked for again."""
    states = ["queued", "running", "done"]
    told: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=DONE if states[0] == "done" else a_validation(state=states.pop(0)))

    keys = wallets.create("me", "default", tmp_path)
    async with VoiceApi("http://voice.test", keys, "5G", transport=httpx.MockTransport(answer)) as client:
        found = await follow(client, UPLOAD, "Open the gate.", "", wait=60.0, tell=told.append, pause=0.0)
    assert (found.state, told) == (
        ValidationState.DONE,
        ["sending 0.0 MiB", f"queued: validation {ID}", f"running: validation {ID}"],
    )


def test_the_table_has_a_row_for_each_metric_that_was_measured() -> None:
    """With its factor's utility once, and the anchors of this version."""
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(measured(ValidationOut.model_validate(DONE), aggregate.load_anchors()))
    rows = [line.split() for line in console.export_text().splitlines() if "wer" in line or "cer" in line]
    wer = aggregate.load_anchors().factors[Factor.INTELLIGIBILITY].metrics["wer"]
    assert rows[0] == ["intelligibility", "0.375", "wer", "0.25", f"{wer.human:.3g}", f"{wer.bad:.3g}"]

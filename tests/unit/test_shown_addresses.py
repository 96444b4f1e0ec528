"""No text that people or logs see shows what of an address may be a password or a key."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurons.miner.by_hand import UploadPlan
from scoring.errors import Code, PlatformError
from scoring.shown_addresses import without_access
from tests.builders.addresses import ALICE

LETTERS = string.ascii_letters + string.digits
SECRET = st.text(LETTERS + "/?#:@!$%+=", min_size=8, max_size=24).map(lambda text: f"s3cr3t{text}s3cr3t")
WORD = st.text(LETTERS + "_.-", min_size=8, max_size=24).map(lambda text: f"s3cr3t{text}s3cr3t")
KEY = st.text(LETTERS, min_size=21, max_size=40).map(lambda text: f"aB1{text}")
HOST = st.from_regex(r"[a-z]{2,9}\.example(:[1-9][0-9]{1,3})?", fullmatch=True)
PLACES = ("postgresql://{secret}@{host}/db", "redis://:{secret}@{host}/0", "wss://u:{secret}@{host}/ws", "ws://{secret}@{host}")
QUESTIONS = (
    "https://{host}/a?key={secret}",
    "wss://{host}/?token={secret}",
    "http://u:{secret}@{host}/",
    "ws://{host}/{secret}/x",
)
SENTENCES = ("{}", "no answer from {} within 10 s", "tried '{}', then none", "wss://one.example,{}", "({}): refused", "x={}\n")


@given(st.sampled_from(PLACES), SECRET, HOST, st.sampled_from(SENTENCES))
def test_a_user_and_a_password_are_not_shown(place: str, secret: str, host: str, sentence: str) -> None:
    """Whatever signs they have, also those that belong as %2F; the host is, so that the reader knows what was asked."""
    shown = without_access(sentence.format(place.format(secret=secret, host=host)))
    assert "s3cr3t" not in shown
    assert host in shown


@given(st.sampled_from(QUESTIONS), WORD, HOST, st.sampled_from(SENTENCES))
def test_what_is_asked_and_a_nodes_path_are_not_shown(place: str, secret: str, host: str, sentence: str) -> None:
    """Providers take keys there."""
    shown = without_access(sentence.format(place.format(secret=secret, host=host)))
    assert "s3cr3t" not in shown
    assert host in shown


@given(KEY, HOST)
def test_a_key_in_the_path_of_a_hub_is_not_shown(key: str, host: str) -> None:
    """It looks like no word and like nothing of ours."""
    assert without_access(f"https://{host}/v2/{key}/api/models") == f"https://{host}/v2/…/api/models"


@pytest.mark.parametrize(
    "text",
    [
        f"http://127.0.0.1:8000/v1/submissions/{ALICE}",
        f"https://hub.example/lab/Qwen3-TTS-12Hz-1.7B-Base/resolve/{'a1' * 20}/model.safetensors",
        f"https://store.example/receipts/{'0f' * 32}.json",
        f"{'0f' * 32} of lab/voice@{'a1' * 20}",
        "https://hub.example/lab/voice@main",
        "http://[::1]:8000/x",
        "ws://127.0.0.1:9944/",
        "Is it up? `voice doctor` knows: see docs/operations.md#logs, or key=value.",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    """Addresses of models, receipts and hosts, and prose."""
    assert without_access(text) == text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:se/cr@et@host/path", "https://…@host/path"),
        ("http://host/#secret", "http://host/#…"),
        ("wss://one,wss://user:secret@two/?key=secret,wss://three", "wss://one,wss://…@two/?…,wss://three"),
        ("~/.bittensor/wallets", "~/.bittensor/wallets"),
    ],
)
def test_no_part_of_an_address_that_may_be_a_password_is_shown(address: str, shown: str) -> None:
    """Nor of one that is written wrong, nor of any in a list."""
    assert without_access(address) == shown


def test_no_error_keeps_one() -> None:
    """What an error says is stored, logged and printed."""
    error = PlatformError(Code.CHAIN_UNAVAILABLE, "no answer from wss://node.example/s3cr3t?key=s3cr3t")
    assert error.told.startswith("no answer from wss://node.example/…?…")
    assert "s3cr3t" not in str(error) + error.told


@pytest.mark.parametrize("there", [None, "a1" * 20])
def test_a_plan_to_publish_names_the_hub_alone(there: str | None) -> None:
    """Whoever asks it stays with the settings."""
    plan = UploadPlan(repo="lab/voice", hub="https://user:s3cr3t@hub.example", public=False, files=2, bytes=9, there=there)
    assert "lab/voice on https://…@hub.example" in plan.in_words()
    assert "s3cr3t" not in plan.in_words()

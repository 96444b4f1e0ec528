"""The commitment's one spelling, what is refused, and what its tag binds."""

import hashlib
from dataclasses import replace

import pytest
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._validators import validate_repo_id
from hypothesis import given
from hypothesis import strategies as st

from neurons.chain.commitment import Commitment, encode, in_cooldown, parse, tiebreak
from scoring.errors import Code, SubmissionFault
from scoring.model.fingerprint import tag_of
from scoring.types import Block, ContentHash, PublicKey, Tag, to_block_hash

REVISION = "0123456789abcdef0123456789abcdef01234567"
CONTENT = ContentHash(hashlib.sha256(b"weights").hexdigest())
KEY = PublicKey(hashlib.sha256(b"hotkey").hexdigest())

words = st.from_regex(r"[A-Za-z0-9_]{1,10}([.-][A-Za-z0-9_]{1,8})?", fullmatch=True).filter(lambda w: not w.endswith(".git"))
commitments = st.builds(
    Commitment,
    repo=st.tuples(words, words).map("/".join),
    revision=st.binary(min_size=20, max_size=20).map(bytes.hex),
    tag=st.binary(min_size=16, max_size=16).map(lambda tag: Tag(tag.hex())),
)


def a_commitment(**overrides: object) -> Commitment:
    """A valid commitment, unless told otherwise."""
    return replace(Commitment("alice/voice", REVISION, tag_of(CONTENT, KEY)), **overrides)  # type: ignore[arg-type]


def text(repo: str = "alice/voice", revision: str = REVISION, tag: str = "A" * 22, version: str = "v2") -> str:
    """A commitment's text, whatever its parts."""
    return f"{version}:{repo}:{revision}:{tag}"


def repo_of(length: int) -> str:
    """A repository id with so many characters."""
    return "alice/" + "v" * (length - 6)


def refusal(value: str | bytes) -> str:
    """What `parse` says against a text, after checking its code."""
    with pytest.raises(SubmissionFault) as caught:
        parse(value)
    assert caught.value.code is Code.COMMITMENT_MALFORMED
    return caught.value.detail


def test_has_the_spelling_of_the_protocol() -> None:
    """The text is v2, repository, revision and the tag as unpadded base64url."""
    assert encode(a_commitment(tag=Tag(bytes(range(16)).hex()))) == f"v2:alice/voice:{REVISION}:AAECAwQFBgcICQoLDA0ODw".encode()


@given(commitments)
def test_reads_back_what_it_wrote(commitment: Commitment) -> None:
    """Writing and reading is the identity, from bytes and from text, within 128 bytes."""
    data = encode(commitment)
    assert len(data) <= 128 and data.isascii()
    assert parse(data) == parse(data.decode()) == commitment


@given(st.binary(max_size=140) | st.text(max_size=140))
def test_refuses_or_reads_but_never_breaks(value: bytes | str) -> None:
    """Any bytes and any text either read back to themselves or are refused with the one code."""
    try:
        commitment = parse(value)
    except SubmissionFault as fault:
        assert fault.code is Code.COMMITMENT_MALFORMED
    else:
        assert encode(commitment) == (value if isinstance(value, bytes) else value.encode())


@given(commitments, st.integers(0, 127), st.integers(0, 255))
def test_has_one_spelling(commitment: Commitment, place: int, byte: int) -> None:
    """Another byte anywhere is another commitment, or none."""
    data = bytearray(encode(commitment))
    place %= len(data)
    changed = bytes(data[:place]) + bytes([byte]) + bytes(data[place + 1 :])
    try:
        assert (parse(changed) == commitment) == (changed == data)
    except SubmissionFault:
        assert changed != data


@pytest.mark.parametrize(
    ("characters", "size"),
    [
        pytest.param(60, 127, id="127 bytes"),
        pytest.param(61, 128, id="128 bytes: 3 + 61 + 1 + 40 + 1 + 22"),
    ],
)
def test_fills_the_field(characters: int, size: int) -> None:
    """The longest repository id makes exactly the chain's 128 bytes."""
    data = encode(a_commitment(repo=repo_of(characters)))
    assert len(data) == size
    assert parse(data).repo == repo_of(characters)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param(text(repo=repo_of(62)), "it has 129 bytes, more than 128", id="129 bytes"),
        pytest.param(text(repo=repo_of(62), revision="0"), "62 characters, more than 61", id="long repository"),
        pytest.param(text(repo="alice/voicé"), "it is not ASCII", id="not ASCII"),
        pytest.param(b"\xff\xfe", "it is not ASCII", id="not UTF-8"),
        pytest.param("\ud800", "it is not ASCII", id="lone surrogate"),
        pytest.param("", "it is not v2:", id="empty"),
        pytest.param(text(version="v3"), "it is not v2:", id="another version"),
        pytest.param(text(version="v1"), "it is of version v1", id="the version before"),
        pytest.param(text() + ":", "it is not v2:", id="a part too many"),
        pytest.param(text().rpartition(":")[0], "it is not v2:", id="a part too few"),
        pytest.param(text() + "\n", "the tag is not 22", id="trailing newline"),
        pytest.param(" " + text(), "it is not v2:", id="leading space"),
        pytest.param(text(revision=REVISION[:-1]), "the revision is not 40", id="short revision"),
        pytest.param(text(revision=REVISION.upper()), "the revision is not 40", id="upper-case revision"),
        pytest.param(text(revision="main"), "the revision is not 40", id="branch name"),
        pytest.param(text(revision=REVISION[:-1] + "g"), "the revision is not 40", id="no hexadecimal"),
        pytest.param(text(repo="voice"), "not <namespace>/<name>", id="no namespace"),
        pytest.param(text(repo="a/b/c"), "not <namespace>/<name>", id="two slashes"),
        pytest.param(text(repo="/voice"), "not valid", id="empty namespace"),
        pytest.param(text(repo="alice/"), "not valid", id="empty name"),
        pytest.param(text(repo="alice/../voice"), "not <namespace>/<name>", id="climbing path"),
        pytest.param(text(repo="alice/.."), "not valid", id="parent folder"),
        pytest.param(text(repo="alice/vo..ice"), "not valid", id="two dots"),
        pytest.param(text(repo="alice/vo--ice"), "not valid", id="two dashes"),
        pytest.param(text(repo="-alice/voice"), "not valid", id="leading dash"),
        pytest.param(text(repo="alice/voice."), "not valid", id="trailing dot"),
        pytest.param(text(repo="alice/.voice"), "not valid", id="leading dot"),
        pytest.param(text(repo="alice/voice.git"), "not valid", id="ends in .git"),
        pytest.param(text(repo="al ice/voice"), "not valid", id="space inside"),
        pytest.param(text(tag="A" * 21), "the tag is not 22", id="short tag"),
        pytest.param(text(tag="A" * 21 + "="), "the tag is not 22", id="padded tag"),
        pytest.param(text(tag="A" * 21 + "+"), "the tag is not 22", id="standard alphabet"),
        pytest.param(text(tag="A" * 21 + "B"), "spare bits", id="spare bits set"),
    ],
)
def test_says_what_is_wrong(value: str | bytes, why: str) -> None:
    """Each malformed commitment is refused with a sentence that names the fault."""
    assert why in refusal(value)


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"repo": "alice"}, id="repository"),
        pytest.param({"repo": repo_of(62)}, id="long repository"),
        pytest.param({"revision": REVISION.upper()}, id="revision"),
        pytest.param({"tag": Tag("5407")}, id="tag"),
    ],
)
def test_never_writes_what_it_would_not_read(overrides: dict[str, object]) -> None:
    """An invalid part is refused before it reaches the chain."""
    with pytest.raises(SubmissionFault) as caught:
        encode(a_commitment(**overrides))
    assert caught.value.code is Code.COMMITMENT_MALFORMED


@given(words, words)
def test_takes_only_what_the_hub_takes(namespace: str, name: str) -> None:
    """A repository id that is read is valid for the hub's own client."""
    repo = f"{namespace}/{name}"
    validate_repo_id(repo)
    assert parse(text(repo=repo)).repo == repo


@pytest.mark.parametrize("repo", ["a/..", "a/b--c", "-a/b", "a/b.", "a/b.git", "a/b c"])
def test_refuses_what_the_hub_refuses(repo: str) -> None:
    """What the hub's own client refuses is refused here as well."""
    with pytest.raises(HFValidationError):
        validate_repo_id(repo)
    assert "not valid on the model hub" in refusal(text(repo=repo))


def test_tag_is_of_content_and_key() -> None:
    """The tag is the first 16 bytes of sha256(content ‖ key)."""
    assert tag_of(CONTENT, KEY) == hashlib.sha256(bytes.fromhex(CONTENT + KEY)).hexdigest()[:32]


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_tag_binds_content_and_key(content: bytes, key: bytes) -> None:
    """A replayed tag does not fit another hotkey, nor changed content."""
    assert (tag_of(ContentHash(content.hex()), KEY) == tag_of(CONTENT, KEY)) == (content.hex() == CONTENT)
    assert (tag_of(CONTENT, PublicKey(key.hex())) == tag_of(CONTENT, KEY)) == (key.hex() == KEY)


@pytest.mark.parametrize("key", [pytest.param(b"", id="empty"), pytest.param(bytes(33), id="33 bytes")])
def test_tag_wants_a_whole_key(key: bytes) -> None:
    """A key of another length is a mistake of the caller."""
    with pytest.raises(ValueError, match="32 bytes"):
        tag_of(CONTENT, PublicKey(key.hex()))


def test_order_in_one_block_is_by_hash() -> None:
    """Within a block the lower sha256(block hash ‖ key) is earlier; the prefix and the case of the hash do not matter."""
    expected = hashlib.sha256(b"\xab" * 32 + bytes.fromhex(KEY)).hexdigest()
    assert tiebreak(to_block_hash("0x" + "AB" * 32), KEY) == tiebreak(to_block_hash("ab" * 32), KEY) == expected


@pytest.mark.parametrize(
    ("previous", "block", "expected"),
    [
        pytest.param(None, 5, False, id="first commitment"),
        pytest.param(100, 199, True, id="one block too early: 99 < 100"),
        pytest.param(100, 200, False, id="exactly over: 100 = 100"),
        pytest.param(100, 100, True, id="same block"),
    ],
)
def test_cooldown(previous: int | None, block: int, expected: bool) -> None:
    """A commitment is too early less than the cooldown after the previous one."""
    assert in_cooldown(None if previous is None else Block(previous), Block(block), 100) is expected

"""What a repository may hold."""

import json

import pytest

from scoring.competition import SubmissionLimits
from scoring.errors import Code, SubmissionFault
from workers.hub.repo_check import check_config, check_files, check_header, check_licence
from workers.hub.repository import RepoFile

LIMITS = SubmissionLimits(
    cooldown_blocks=0,
    repo_bytes=100 << 20,
    header_bytes=1_000,
    load_seconds=1.0,
    sample_seconds=1.0,
    ram_bytes=1,
    max_audio_seconds=1.0,
    expected_low=0.4,
    expected_high=2.5,
)
GOOD = (
    "README.md",
    "config.json",
    "model.safetensors",
    "vocab.json",
    "tokenizer_config.json",
    "LICENSE",
    ".gitattributes",
    "notes.txt",
)


def files(*paths: str, size: int = 10) -> list[RepoFile]:
    """Files of one size."""
    return [RepoFile(path, size, "a" * 64, None) for path in paths]


def test_a_good_repository() -> None:
    """Weights, JSON, text and licence files pass."""
    check_files(files(*GOOD), LIMITS)


@pytest.mark.parametrize(
    "path",
    [
        "pytorch_model.bin",
        "model.pt",
        "model.pth",
        "model.ckpt",
        "data.pkl",
        "model.onnx",
        "model.gguf",
        "modeling.py",
        "model.safetensors.py",
        "run.sh",
        "archive.zip",
        "tokenizer.model",
        ".env",
        ".hidden.json",
        "sub/model.safetensors",
        "decoy.safetensors",
        "model-00002-of-00002.safetensors",
        "../config.json",
        "/etc/config.json",
        "..",
        "a\\b.json",
        "new\nline.json",
        "ünïcode.json",
        "nul\0.json",
        "x" * 200 + ".json",
        "",
    ],
)
def test_a_file_that_is_not_allowed(path: str) -> None:
    """Anything else is refused, by name, with a printable reason."""
    with pytest.raises(SubmissionFault) as caught:
        check_files(files(*GOOD, path), LIMITS)
    assert caught.value.code is Code.FILE_NOT_ALLOWED
    assert caught.value.detail.isprintable()


def test_the_reason_names_the_file() -> None:
    """A miner reads which file to remove."""
    with pytest.raises(SubmissionFault, match=r"^pytorch_model\.bin: only safetensors"):
        check_files(files("config.json", "pytorch_model.bin"), LIMITS)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param(
            files("config.json", "a.safetensors", size=50 << 20)[1:] * 3 + files("config.json"), Code.REPO_TOO_LARGE, id="bytes"
        ),
        pytest.param(files("a.safetensors", "config.json", *(f"{n}.txt" for n in range(200))), Code.REPO_TOO_LARGE, id="files"),
        pytest.param(files("a.safetensors") + files("config.json", size=33 << 20), Code.REPO_TOO_LARGE, id="a large small file"),
        pytest.param(
            [*files("config.json"), RepoFile("a.safetensors", -1, None, None)], Code.REPO_TOO_LARGE, id="a negative size"
        ),
        pytest.param(files("config.json", "README.md"), Code.WEIGHTS_MISSING, id="no weights"),
        pytest.param(files("model.safetensors", "README.md"), Code.CONFIG_INVALID, id="no config"),
    ],
)
def test_limits(given: list[RepoFile], code: Code) -> None:
    """Sizes are bounded before anything is fetched; what is needed is there."""
    with pytest.raises(SubmissionFault) as caught:
        check_files(given, LIMITS)
    assert caught.value.code is code


def test_a_header_is_read_in_two_small_pieces() -> None:
    """Eight bytes, then exactly the header: nothing of the weights."""
    raw = json.dumps({"w": {"dtype": "F32", "shape": [250], "data_offsets": [0, 1_000]}}).encode()
    file = len(raw).to_bytes(8, "little") + raw + bytes(1_000)
    asked: list[int] = []

    def read(count: int) -> bytes:
        asked.append(count)
        return file[:count]

    spans = check_header(read, len(file), 1_000)
    assert ([span.name for span in spans], asked) == (["w"], [8, 8 + len(raw)])


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(b"", id="empty"),
        pytest.param((2_000).to_bytes(8, "little") + b" " * 3_000, id="beyond the limit"),
        pytest.param((100).to_bytes(8, "little") + b"{}", id="cut short"),
        pytest.param(b"\x80\x04}\x94." * 10, id="a pickle by another name"),
    ],
)
def test_a_bad_header(file: bytes) -> None:
    """A file that is not what its name says is refused by its head."""
    with pytest.raises(SubmissionFault) as caught:
        check_header(lambda count: file[:count], len(file), 1_000)
    assert caught.value.code is Code.HEADER_INVALID


def test_a_family_is_named_by_its_config() -> None:
    """`model_type` decides the adapter."""
    assert check_config(b'{"model_type": "vits", "architectures": ["VitsModel"]}', ("espeak", "vits")) == "vits"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b"", Code.CONFIG_INVALID, id="empty"),
        pytest.param(b"\xff", Code.CONFIG_INVALID, id="not text"),
        pytest.param(b"{}", Code.CONFIG_INVALID, id="no family"),
        pytest.param(b'{"model_type": ["vits"]}', Code.CONFIG_INVALID, id="a list of families"),
        pytest.param(b'{"model_type": "vits", "model_type": "bark"}', Code.CONFIG_INVALID, id="two readings"),
        pytest.param(b'{"model_type": "vits", "auto_map": {"AutoModel": "x.Y"}}', Code.CONFIG_INVALID, id="code of its own"),
        pytest.param(b'{"model_type": "vits", "text": [{"auto_map": {}}]}', Code.CONFIG_INVALID, id="code of its own, inside"),
        pytest.param(b'{"model_type": "bark"}', Code.ARCHITECTURE_NOT_ALLOWED, id="another family"),
        pytest.param(b'{"model_type": "reference"}', Code.ARCHITECTURE_NOT_ALLOWED, id="our own family"),
    ],
)
def test_a_config_that_is_refused(raw: bytes, code: Code) -> None:
    """Only a plain config of an allowed family passes."""
    with pytest.raises(SubmissionFault) as caught:
        check_config(raw, ("espeak", "vits"))
    assert caught.value.code is code


@pytest.mark.parametrize(
    "card",
    [
        pytest.param("---\nlicense: mit\n---\n# Model\n", id="plain"),
        pytest.param("\ufeff---\r\nlicense: MIT\r\ntags: [a]\r\n---\r\n", id="mark, line ends, upper case"),
        pytest.param("---\nlicense: 'mit'\nx: {y: [1]}\n---", id="quoted"),
    ],
)
def test_an_open_licence(card: str) -> None:
    """The model card's front matter names it."""
    assert check_licence(card.encode(), ("apache-2.0", "mit")) == "mit"


@pytest.mark.parametrize(
    "card",
    [
        pytest.param("", id="no card"),
        pytest.param("license: mit\n", id="no front matter"),
        pytest.param("---\nlicense: mit\n", id="front matter without end"),
        pytest.param("---\nlicense: other\n---\n", id="another licence"),
        pytest.param("---\nlicense: [mit]\n---\n", id="a list"),
        pytest.param("---\n- mit\n---\n", id="no mapping"),
        pytest.param("---\nlicense: !!python/object/apply:os.system [true]\n---\n", id="an object of code"),
        pytest.param("---\nlicense: mit\nx: [\n---\n", id="broken"),
        pytest.param("---\na: &a [1]\nb: *a\nlicense: mit\n---\n", id="anchors, which can grow without end"),
        pytest.param("---\nlicense: mit\nx: " + "[" * 100_000 + "\n---\n", id="nested without end"),
        pytest.param("---\nlicense: mit\nx:\n  " + "- " * 100_000 + "\n---\n", id="nested by dashes without end"),
    ],
)
def test_no_open_licence(card: str) -> None:
    """Anything else is no licence."""
    with pytest.raises(SubmissionFault) as caught:
        check_licence(card.encode(), ("apache-2.0", "mit"))
    assert caught.value.code is Code.LICENCE_NOT_OPEN

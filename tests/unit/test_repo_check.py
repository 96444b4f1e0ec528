"""What a repository may hold."""

import json
from pathlib import Path

import pytest

from scoring.errors import Code, SubmissionFault
from scoring.synthesis.families import FAMILIES
from tests.builders.limits import limits
from workers.hub.repo_check import check_config, check_head, check_header, check_licence, check_names, check_sizes, is_match
from workers.hub.repository import RepoFile

GOOD = (
    "README.md",
    "config.json",
    "model.safetensors",
    "vocab.json",
    "tokenizer_config.json",
    "LICENSE",
    ".gitattributes",
)


def files(*paths: str, size: int = 10) -> list[RepoFile]:
    """Files of one size."""
    return [RepoFile(path, size, "a" * 64, None) for path in paths]


def test_a_good_repository() -> None:
    """What the family's manifest names, card and licence pass."""
    assert (check_sizes(files(*GOOD), limits()), check_names(GOOD, "vits")) == ([], [])


@pytest.mark.parametrize("family", ["vits", None])
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
        ".git/config.json",
        "a/b/c/config.json",
        "a//config.json",
        "../config.json",
        "./config.json",
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
def test_a_file_that_is_not_allowed(path: str, family: str | None) -> None:
    """Whatever the family, it is refused, by name, with a printable reason."""
    (fault,) = check_names([*GOOD, path], family)
    assert (fault.code, fault.detail.isprintable()) == (Code.FILE_NOT_ALLOWED, True)


@pytest.mark.parametrize("path", ["sub/model.safetensors", "decoy.safetensors", "model-00002-of-00002.safetensors", "notes.txt"])
def test_a_file_that_the_family_does_not_know(path: str) -> None:
    """Nothing would load it: it would only tell two copies apart."""
    assert [fault.detail for fault in check_names([*GOOD, path], "vits")] == [f"not allowed: {path}"]
    assert check_names([*GOOD, path], None) == []


@pytest.mark.parametrize(
    ("paths", "faults"),
    [
        pytest.param(
            ("config.json", "pytorch_model.bin", "run.sh"),
            [
                (Code.FILE_NOT_ALLOWED, "not allowed: pytorch_model.bin, run.sh", ("pytorch_model.bin", "run.sh")),
                (Code.WEIGHTS_MISSING, "missing: model.safetensors", ("model.safetensors",)),
                (Code.CONFIG_INVALID, "missing: vocab.json", ("vocab.json",)),
            ],
            id="some of both",
        ),
        pytest.param(
            ("config.json", "vocab.json", "model-x.safetensors"),
            [
                (Code.FILE_NOT_ALLOWED, "not allowed: model-x.safetensors", ("model-x.safetensors",)),
                (Code.WEIGHTS_MISSING, "missing: model.safetensors", ("model.safetensors",)),
            ],
            id="weights by another name",
        ),
        pytest.param(
            ("model.safetensors", "vocab.json"),
            [(Code.CONFIG_INVALID, "missing: config.json", ("config.json",))],
            id="no config",
        ),
        pytest.param(
            (*GOOD, *(f"{n}.bin" for n in range(12))),
            [
                (
                    Code.FILE_NOT_ALLOWED,
                    f"not allowed: {', '.join(f'{n}.bin' for n in range(10))}, and 2 more",
                    tuple(f"{n}.bin" for n in range(12)),
                )
            ],
            id="many",
        ),
    ],
)
def test_every_file_is_named(paths: tuple[str, ...], faults: list[tuple[Code, str, tuple[str, ...]]]) -> None:
    """A miner reads at once what to remove and what to add; a program finds each path."""
    assert [(fault.code, fault.detail, fault.paths) for fault in check_names(paths, "vits")] == faults


@pytest.mark.parametrize(
    ("path", "pattern", "matches"),
    [
        pytest.param("model-00001-of-00002.safetensors", "model-*-of-*.safetensors", True, id="a shard"),
        pytest.param("codec/model.safetensors", "codec/*.safetensors", True, id="in a folder"),
        pytest.param("codec/model.safetensors", "*.safetensors", False, id="a star matches no slash"),
        pytest.param("model.safetensors", "codec/model.safetensors", False, id="in another folder"),
        pytest.param("Config.json", "config.json", False, id="another case"),
    ],
)
def test_patterns(path: str, pattern: str, matches: bool) -> None:
    """Globs go folder by folder."""
    assert is_match(path, pattern) is matches


@pytest.mark.parametrize("name", FAMILIES)
def test_no_family_takes_code_or_pickles(name: str) -> None:
    """Whatever a manifest allows is data in a form that runs nothing."""
    given = FAMILIES[name].files
    assert {Path(pattern).suffix for pattern in (*given.must, *given.may)} <= {".safetensors", ".json", ".txt", ".md", ".jinja"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(files("a.safetensors", "b.safetensors", "c.safetensors", size=50 << 20), "157286400 bytes", id="bytes"),
        pytest.param(files(*(f"{n}.txt" for n in range(201))), "holds 201 files", id="files"),
        pytest.param(files("vocab.json", size=33 << 20), "vocab.json: 34603008 bytes", id="a large small file"),
        pytest.param(files("config.json", size=(1 << 20) + 1), "config.json: 1048577 bytes", id="a large config"),
        pytest.param(files("README.md", size=(1 << 20) + 1), "README.md: 1048577 bytes", id="a large card"),
        pytest.param(files("a.safetensors", size=-1), "a.safetensors: -1 bytes", id="a negative size"),
    ],
)
def test_limits(given: list[RepoFile], said: str) -> None:
    """Sizes are bounded before anything is fetched."""
    (fault,) = check_sizes(given, limits())
    assert (fault.code, said in fault.detail) == (Code.REPO_TOO_LARGE, True)


def test_a_header_is_read_in_two_small_pieces() -> None:
    """Eight bytes, then exactly the header: nothing of the weights."""
    raw = json.dumps({"w": {"dtype": "F32", "shape": [250], "data_offsets": [0, 1_000]}}).encode()
    file = len(raw).to_bytes(8, "little") + raw + bytes(1_000)
    asked: list[int] = []

    def read(count: int) -> bytes:
        asked.append(count)
        return file[:count]

    spans = check_header("m", read, len(file), 1_000)
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
        check_header("m", lambda count: file[:count], len(file), 1_000)
    assert caught.value.code is Code.HEADER_INVALID


@pytest.mark.parametrize(
    ("file", "said"),
    [
        pytest.param(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n", "LFS pointer", id="LFS"
        ),
        pytest.param(b"\n<!DOCTYPE html><html>" + b" " * 100, "HTML page", id="a page"),
        pytest.param(b"<html>" + b" " * 100, "HTML page", id="an older page"),
    ],
)
def test_a_file_that_became_another_on_its_way(file: bytes, said: str) -> None:
    """It is named, with how to upload the file itself."""
    for check in (
        lambda: check_header("m", lambda count: file[:count], len(file), 1_000),
        lambda: check_config(file, ["vits"]),
        lambda: check_head("tokenizer.json", file),
        lambda: check_licence(file, ["mit"]),
    ):
        with pytest.raises(SubmissionFault, match=said) as caught:
            check()
        assert "hf upload" in caught.value.detail


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
        pytest.param("---\nlicense: mit  # as the data\n---\nlicense: other\n", id="a comment; and words below the front matter"),
        pytest.param("---\na: &a [1]\nb: *a\nlicense: mit\n---\n", id="beside anchors, which nobody follows"),
        pytest.param("---\nlicense: mit\nx: " + "[" * 50_000 + "\n---\n", id="beside what is nested without end"),
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
        pytest.param("---\nlicense: mit\nlicense: apache-2.0\n---\n", id="two"),
        pytest.param("---\nx:\n  license: mit\n---\n", id="of something else"),
        pytest.param("---\n" + "#\n" * 40_000 + "license: mit\n---\n", id="far away"),
        pytest.param("---\nlicense: !!python/object/apply:os.system [true]\n---\n", id="an object of code"),
    ],
)
def test_no_open_licence(card: str) -> None:
    """Anything else is no licence."""
    with pytest.raises(SubmissionFault) as caught:
        check_licence(card.encode(), ("apache-2.0", "mit"))
    assert caught.value.code is Code.LICENCE_NOT_OPEN

"""What a repository's generation settings may say."""

import json
from pathlib import Path

import pytest

from scoring.synthesis.settings import FILE, Setting, read_settings

MANIFEST = """
[settings.temperature]
low = 0.0
high = 1.5
default = 0.3

[settings.steps]
low = 1.0
high = 8.0
default = 1.0
whole = true
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A manifest with two settings, beside a repository's folder."""
    path = tmp_path / "family.toml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(None, {"temperature": 0.3, "steps": 1.0}, id="no file"),
        pytest.param({}, {"temperature": 0.3, "steps": 1.0}, id="empty"),
        pytest.param({"temperature": 0, "steps": 8}, {"temperature": 0, "steps": 8}, id="the ends of both ranges"),
        pytest.param({"max_new_tokens": 5, "steps": 2}, {"temperature": 0.3, "steps": 2}, id="a key that does not count"),
    ],
)
def test_listed_keys_count(tmp_path: Path, manifest: Path, found: object, expected: dict[str, float]) -> None:
    """And no others; what is not named is the default."""
    if found is not None:
        (tmp_path / FILE).write_text(json.dumps(found), encoding="utf-8")
    assert read_settings(tmp_path, manifest) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param('{"temperature": 1.51}', r"temperature is 1\.51; it may be 0 to 1\.5", id="above"),
        pytest.param('{"temperature": -0.1}', r"temperature is -0\.1", id="below"),
        pytest.param('{"temperature": "0.5"}', "temperature is a number", id="a word"),
        pytest.param('{"temperature": true}', "temperature is a number", id="true"),
        pytest.param('{"steps": 1.5}', "steps is a whole number", id="not whole"),
        pytest.param('{"temperature": NaN}', "NaN is not a number", id="NaN"),
        pytest.param('{"steps": 1, "steps": 2}', "a name occurs twice", id="twice"),
        pytest.param("[]", "not an object", id="a list"),
        pytest.param("{", f"{FILE}: ", id="no JSON"),
    ],
)
def test_what_is_refused(tmp_path: Path, manifest: Path, text: str, why: str) -> None:
    """The message names the file, the key and its range."""
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=why):
        read_settings(tmp_path, manifest)


def test_a_default_out_of_range() -> None:
    """A manifest that contradicts itself does not load."""
    with pytest.raises(ValueError, match="the default lies in the range"):
        Setting(low=0.0, high=1.0, default=2.0)

"""The one form of JSON that is hashed and signed, by test vectors that any other program can be held against."""

from typing import Any

import pytest

from scoring.canonical_json import digest, encode


@pytest.mark.parametrize(
    ("data", "written"),
    [
        pytest.param({}, "{}", id="empty"),
        pytest.param({"b": 1, "a": [1, 2], "B": None}, '{"B":null,"a":[1,2],"b":1}', id="names sorted, nothing between tokens"),
        pytest.param({"10": 0, "9": 0, "é": 0, "z": 0}, '{"10":0,"9":0,"z":0,"\\u00e9":0}', id="names sorted by code point"),
        pytest.param([True, False, None], "[true,false,null]", id="words"),
        pytest.param(
            "ü\n\u2028\U0001f600/", '"\\u00fc\\n\\u2028\\ud83d\\ude00/"', id="ASCII, pairs of surrogates, no other escapes"
        ),
        pytest.param(
            [2**53 - 1, 2**53 + 1, -(10**40)], f"[9007199254740991,9007199254740993,-1{'0' * 40}]", id="integers of any size"
        ),
        pytest.param(
            [1.0, -0.0, 0.1, 1e-05, 1e16, 123456789012345.6, 1e-300, 5e-324],
            "[1.0,-0.0,0.1,1e-05,1e+16,123456789012345.6,1e-300,5e-324]",
            id="floats as short as they read back",
        ),
    ],
)
def test_the_form_is_as_it_ever_was(data: object, written: str) -> None:
    """To change a byte of it is to part from every ledger and receipt that was written before."""
    assert encode(data) == written.encode()


def test_the_digest_is_of_the_canonical_bytes() -> None:
    """SHA-256, as `printf '{"a":1}' | sha256sum` says it, in whatever order the names were written."""
    assert digest({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    assert digest({"a": 1, "b": 2.5}) == digest({"b": 2.5, "a": 1})


def _nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(float("nan"), id="not a number"),
        pytest.param({"a": [float("inf")]}, id="infinite"),
        pytest.param({"a": {1, 2}}, id="a set"),
        pytest.param(b"bytes", id="bytes"),
        pytest.param({("a", 1): 1}, id="a name that is no string"),
        pytest.param(_nested(100_000), id="deeper than any reader goes"),
    ],
)
def test_what_has_no_form_is_refused(data: object) -> None:
    """By one error, before anything is hashed."""
    with pytest.raises(ValueError, match="JSON"):
        encode(data)

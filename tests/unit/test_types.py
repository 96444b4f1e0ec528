"""The domain's scalars, each in its one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.types import Block, Entrant, Hotkey, entrant, hash_bytes, parse_entrant, to_block_hash, to_micro


@given(st.text("5Gab@", min_size=1).map(Hotkey), st.integers(0, 2**40).map(Block))
def test_a_submissions_name_is_read_as_it_was_written(hotkey: Hotkey, block: Block) -> None:
    """Whatever the hotkey looks like, the block stands after the last @."""
    assert parse_entrant(entrant(hotkey, block)) == (hotkey, block)


@pytest.mark.parametrize("name", ["", "5G", "@7", "5G@", "5G@-1", "5G@7x", "5G@٣"])
def test_what_names_no_submission_is_refused(name: str) -> None:
    """Instead of half of it being believed."""
    with pytest.raises(ValueError, match="hotkey@commit_block"):
        parse_entrant(Entrant(name))


@pytest.mark.parametrize("text", ["AB" * 32, "ab" * 32, "0xaB" + "ab" * 31, "0X" + "AB" * 32])
def test_a_block_hash_has_one_form(text: str) -> None:
    """With 0x and in lower case, whoever says it; its bytes are what prompts are drawn from."""
    assert to_block_hash(text) == "0x" + "ab" * 32
    assert hash_bytes(to_block_hash(text)) == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "0x", "ab" * 31, "ab" * 33, "zz" * 32, "0x0x" + "ab" * 31, "ab" * 32 + "\n"])
def test_what_is_no_block_hash_is_refused(text: str) -> None:
    """Before anything is drawn from it."""
    with pytest.raises(ValueError, match="no hash of 32 bytes"):
        to_block_hash(text)


@pytest.mark.parametrize("wrong", [-0.001, 1.001, float("nan")])
def test_a_score_outside_of_its_range_is_refused(wrong: float) -> None:
    """Scores lie in 0 … 1."""
    with pytest.raises(ValueError, match="lies in"):
        to_micro(wrong)

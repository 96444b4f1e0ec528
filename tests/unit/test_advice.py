"""A reason and what to do about it read as sentences, wherever they are told."""

import pytest

from scoring.errors import EXPLANATIONS, Code, PlatformError, with_advice

ADVICE = EXPLANATIONS[Code.CHAIN_UNAVAILABLE].advice


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        pytest.param("the node is away", f"the node is away. {ADVICE}", id="no end mark"),
        pytest.param("The node is away. ", f"The node is away. {ADVICE}", id="a full stop"),
        pytest.param("Is it away?", f"Is it away? {ADVICE}", id="a question"),
        pytest.param("it goes on and on…", f"it goes on and on… {ADVICE}", id="cut short"),
        pytest.param(None, f"{EXPLANATIONS[Code.CHAIN_UNAVAILABLE].meaning} {ADVICE}", id="no reason"),
    ],
)
def test_a_reason_ends_before_the_advice(detail: str | None, said: str) -> None:
    """With one mark; without a reason the code's meaning stands for it."""
    assert with_advice(detail, Code.CHAIN_UNAVAILABLE) == said
    assert detail is None or PlatformError(Code.CHAIN_UNAVAILABLE, detail).told == said


@pytest.mark.parametrize("code", Code)
def test_meaning_and_advice_are_sentences(code: Code) -> None:
    """Each ends with a mark."""
    assert EXPLANATIONS[code].meaning.endswith((".", "!", "?"))
    assert EXPLANATIONS[code].advice.endswith(".")

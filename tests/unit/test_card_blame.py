"""Whose fault a card's error is."""

import pytest

from workers.evaluation.card_blame import CardBlame, blame


@pytest.mark.parametrize(
    ("reference_passes", "failed_before", "expected"),
    [
        pytest.param(False, False, CardBlame.HOST, id="the card fails everybody"),
        pytest.param(False, True, CardBlame.HOST, id="the card broke meanwhile"),
        pytest.param(True, False, CardBlame.NOBODY, id="the first time, on a card that works"),
        pytest.param(True, True, CardBlame.MODEL, id="again, on a card that works"),
    ],
)
def test_who_answers_for_it(reference_passes: bool, failed_before: bool, expected: CardBlame) -> None:
    """The host until the reference model passes; then the model, if it fails again."""
    assert blame(reference_passes=reference_passes, failed_before=failed_before) is expected

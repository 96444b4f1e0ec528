"""Expectations of the six miners, each as a check that can fail."""

from collections.abc import Callable
from dataclasses import dataclass

from neurons.localnet.observation import MinerView, Observation
from scoring.errors import Code

NEAR_ZERO = 0.1


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation and whether it held."""

    text: str
    held: bool


def check(seen: Observation) -> tuple[Expectation, ...]:
    """Every expectation, in the order of the miners."""
    return tuple(Expectation(text, rule(seen)) for text, rule in _RULES)


def _clear_is_king(seen: Observation) -> bool:
    clear = seen.miner("clear")
    others = [miner.weight for miner in seen.miners if miner is not clear]
    return clear.king and clear.weight > max(others) and clear.weight > seen.burn and clear.incentive > 0


def _worse_is_paid_less(seen: Observation) -> bool:
    clear, worse = seen.miner("clear"), seen.miner("worse")
    return worse.state == "scored" and _score(worse) < _score(clear) and 0 < worse.weight < clear.weight


def _copy_is_recognised(seen: Observation) -> bool:
    copy, clear = seen.miner("copy"), seen.miner("clear")
    named = copy.copy_of == clear.submission and f"submission {clear.submission}," in (copy.reason or "")
    return copy.state == "copy" and copy.code == Code.COPY and named and copy.weight == 0


def _wrong_words_score_nothing(seen: Observation) -> bool:
    wrong = seen.miner("wrong-words")
    return wrong.state == "scored" and _score(wrong) <= NEAR_ZERO and wrong.weight == 0


def _pickle_is_refused(seen: Observation) -> bool:
    return _rejected(seen.miner("pickle"), Code.FILE_NOT_ALLOWED)


def _hang_is_its_own_fault(seen: Observation) -> bool:
    return _rejected(seen.miner("hang"), Code.SAMPLE_TIMEOUT)


def _rejected(miner: MinerView, code: Code) -> bool:
    return miner.state == "rejected" and miner.code == code and miner.weight == 0


def _score(miner: MinerView) -> float:
    return -1.0 if miner.score is None else miner.score


_RULES: tuple[tuple[str, Callable[[Observation], bool]], ...] = (
    ("the clear voice is king and has the largest weight", _clear_is_king),
    ("the worse voice is scored lower and has a tail share", _worse_is_paid_less),
    ("the copy is recognised, names the earlier commit, and earns nothing", _copy_is_recognised),
    ("wrong words score near 0", _wrong_words_score_nothing),
    ("the pickle is refused before anything is loaded, with its code", _pickle_is_refused),
    ("the hanging model is stopped at its deadline, by its own fault", _hang_is_its_own_fault),
)

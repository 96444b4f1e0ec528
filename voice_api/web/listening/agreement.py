"""How well listeners and judges agree, and listeners among themselves: pure numbers over votes. Nothing of it enters a score."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scoring.report import Factor
from scoring.types import MICRO, Micro
from voice_api.db.votes import JudgedVote, VoteChoice

MOST_VOTES = 2_000
"""Agreement is over so many of the newest votes."""
TIE_WITHIN = Micro(20_000)
"""Integers of 1e-6: judges call two clips equal whose scores, or utilities, differ by at most this (.02). A smaller lead opens no
duel's margin either: the competition itself takes it for nothing."""
BOOTSTRAPS = 1_000
"""Times that the pairs are drawn anew for an interval."""
INTERVAL = (2.5, 97.5)
"""Percentiles: a 95 % interval."""
_ORDER = (VoteChoice.FIRST, VoteChoice.TIE, VoteChoice.SECOND)
_KINDS = len(_ORDER)

Clips = tuple[int, int, str]
"""Two evaluations, the lower id first, and the prompt: the same pair whichever side each was on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A number and its 95 % interval over pairs; None where too little is known to say it."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAgreement:
    """Listeners beside one number of the judges'."""

    asked: Factor | None
    """What listeners were asked about; None: which is better as a whole."""
    judged: Factor | None
    """The judges' number: a factor's utility; None: the score."""
    votes: int
    pairs: int
    share: Interval
    """The share of votes that name what the judges prefer, ties among them; 0 … 1, more is better."""
    kappa: Interval
    """Cohen's κ: the share beyond what chance would give, 1 at best, 0 for chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """All that votes say: each question beside each number of the judges', and listeners among themselves."""

    votes: int
    most_votes: int
    """Older ones are not counted."""
    tie_within: Micro
    rows: tuple[JudgeAgreement, ...]
    alpha: float | None
    """Krippendorff's α among listeners, nominal, over pairs with two votes or more; 1 at best, 0 for chance, None without such pairs."""
    shared_pairs: int
    """So many pairs have two votes or more."""


def preferred(first: int, second: int) -> VoteChoice:
    """What the judges prefer, by two scores in integers of 1e-6; a tie within `TIE_WITHIN`.

    >>> preferred(700_000, 690_000), preferred(700_000, 650_000)
    (<VoteChoice.TIE: 'tie'>, <VoteChoice.FIRST: 'first'>)
    """
    if abs(first - second) <= TIE_WITHIN:
        return VoteChoice.TIE
    return VoteChoice.FIRST if first > second else VoteChoice.SECOND


class _JudgedClip(Protocol):
    @property
    def score(self) -> Micro: ...

    @property
    def utilities(self) -> Mapping[str, float]: ...


def judges_choice(first: _JudgedClip, second: _JudgedClip, judged: Factor | None) -> VoteChoice | None:
    """What the judges prefer of two clips by one of their numbers (None: the score); None where a clip has no such number."""
    if judged is None:
        return preferred(first.score, second.score)
    one, other = first.utilities.get(judged), second.utilities.get(judged)
    return None if one is None or other is None else preferred(round(one * MICRO), round(other * MICRO))


def agreement(votes: Sequence[JudgedVote]) -> Agreement:
    """Everything over these votes; the same votes give the same numbers."""
    questions = [(None, judged) for judged in (None, *Factor)] + [(factor, factor) for factor in Factor]
    rows = (_beside(votes, asked, judged) for asked, judged in questions)
    counts = [counts for counts in _by_clips(vote for vote in votes if vote.factor is None) if counts.sum() > 1]
    return Agreement(
        votes=len(votes),
        most_votes=MOST_VOTES,
        tie_within=TIE_WITHIN,
        rows=tuple(row for row in rows if row.votes),
        alpha=krippendorff(np.array(counts)) if counts else None,
        shared_pairs=len(counts),
    )


def _beside(votes: Sequence[JudgedVote], asked: Factor | None, judged: Factor | None) -> JudgeAgreement:
    tables: defaultdict[Clips, NDArray[np.int64]] = defaultdict(lambda: np.zeros((_KINDS, _KINDS), dtype=np.int64))
    for vote in votes:
        choice = judges_choice(vote.first, vote.second, judged)
        if vote.factor == asked and choice is not None:
            tables[_clips(vote)][_place(vote, vote.choice), _place(vote, choice)] += 1
    pairs = np.array(list(tables.values())).reshape(-1, _KINDS, _KINDS)
    return JudgeAgreement(
        asked=asked,
        judged=judged,
        votes=int(pairs.sum()),
        pairs=len(pairs),
        share=_interval(pairs, agreed_share),
        kappa=_interval(pairs, cohen),
    )


def _clips(vote: JudgedVote) -> Clips:
    ids = sorted((vote.first.evaluation_id, vote.second.evaluation_id))
    return ids[0], ids[1], vote.prompt_id


def _place(vote: JudgedVote, choice: VoteChoice) -> int:
    """The place of a choice in the tables, in which the lower evaluation always stands first."""
    place = _ORDER.index(choice)
    return place if vote.first.evaluation_id < vote.second.evaluation_id else _KINDS - 1 - place


def _by_clips(votes: Iterable[JudgedVote]) -> list[NDArray[np.int64]]:
    """For each pair of clips, how often each choice was made."""
    found: defaultdict[Clips, Counter[int]] = defaultdict(Counter)
    for vote in votes:
        found[_clips(vote)][_place(vote, vote.choice)] += 1
    return [np.array([counts[kind] for kind in range(_KINDS)]) for counts in found.values()]


def agreed_share(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share on the diagonal of each table of counts: [..., n, n] → [...]; NaN for an empty one."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.trace(tables, axis1=-2, axis2=-1) / tables.sum(axis=(-2, -1)))


def cohen(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cohen's κ of each table of counts: [..., n, n] → [...]; NaN where both always say the same one thing.

    `(observed - expected) / (1 - expected)`, expected by the margins. Source: Cohen, 1960.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = tables / tables.sum(axis=(-2, -1), keepdims=True)
        expected = (shares.sum(axis=-1) * shares.sum(axis=-2)).sum(axis=-1)
        return np.asarray(np.where(expected < 1.0, (agreed_share(tables) - expected) / (1.0 - expected), np.nan))


def krippendorff(counts: NDArray[np.int64]) -> float | None:
    """Krippendorff's α for nominal data: `counts` [units, kinds] says how often each unit was called each kind; None without a difference.

    `1 - observed / expected disagreement`; units with fewer than two values say nothing. Source: Krippendorff, 2011.
    """
    shared = counts[counts.sum(axis=1) > 1]
    values, total = shared.sum(axis=1), int(shared.sum())
    possible = total**2 - int((shared.sum(axis=0) ** 2).sum())
    if possible == 0:
        return None
    observed = float(((values**2 - (shared**2).sum(axis=1)) / (values - 1)).sum())
    return 1.0 - (total - 1) * observed / possible


def _interval(pairs: NDArray[np.int64], measure: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Interval:
    """A measure of the sum of the pairs' tables, and its bootstrap over pairs: votes on one pair are no evidence of their own each."""
    value = _number(measure(pairs.sum(axis=0).astype(np.float64)))
    if len(pairs) < 2 or value is None:
        return Interval(value=value, low=None, high=None)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)  # pairs with equal tables are drawn for one another
    drawn = np.random.default_rng(0).multinomial(len(pairs), counts / len(pairs), BOOTSTRAPS)
    found = measure(np.tensordot(drawn.astype(np.float64), kinds.astype(np.float64), axes=1))
    known = found[np.isfinite(found)]
    low, high = np.percentile(known, INTERVAL) if known.size else (np.nan, np.nan)
    return Interval(value=value, low=_number(low), high=_number(high))


def _number(value: NDArray[np.float64] | float) -> float | None:
    return float(value) if np.isfinite(value) else None

"""Which paragraph of `/how` says how a number on a page is computed, by where `/v1` has the number."""

from collections.abc import Iterator, Mapping

from scoring.report import Factor

_OF_DOCUMENTS: Mapping[str, str] = {"/v1/votes/": "votes", "/v1/speech/": "speech"}
"""Whose numbers are all explained in one place."""
_OF_NAMES: Mapping[str, tuple[str, ...]] = {
    "burn": ("burn",),
    "chain": (
        *("uid", "block", "start_block", "deadline_block", "commit_block", "original_commit_block"),
        *("registry_block", "applied_block", "king_since"),
    ),
    "clip": ("seconds", "clip_seconds", "lufs"),
    "commit": ("cooldown_blocks",),
    "credit": ("credit", "full_credit", "half_life_blocks"),
    "evidence": (
        *("wealth", "threshold", "margin", "margin_start", "margin_end", "margin_decay_blocks", "alpha"),
        *("opened", "rounds", "max_rounds"),
    ),
    "factors": ("utility", "weight"),
    "interval": ("stderr", "low", "high"),
    "lead": ("lead", "difference"),
    "lineage": ("copy_of", "original_id", "compared", "distance", "least_sound", "most_distance", "prompts", "sound"),
    "metric": ("bad", "human", "mean", "wer"),
    "pay": ("share", "king"),
    "place": ("rank", "trial_rounds"),
    "prompts": ("groups", "single", "counterfactual", "voice"),
    "queue": (
        *("position", "pending", "done", "total", "failures", "count"),
        *("workers", "draining", "hosts", "running"),
    ),
    "reign": ("since_round",),
    "round": ("round", "blocks", "deadline_blocks"),
    "rules": ("from_round",),
    "score": ("score", "challenger_score", "king_score", "scored_rounds"),
    "wait": ("eta_p10_seconds", "eta_p90_seconds"),
    "weights": ("vector", "reveal_round"),
}
"""The names of fields, by the paragraph that explains them."""
_PARAGRAPHS: Mapping[str, str] = {
    **{name: paragraph for paragraph, names in _OF_NAMES.items() for name in names},
    **{factor.value: factor.value for factor in Factor},
}


def paragraph(source: str) -> str:
    """The id of the paragraph that explains the number at this source, a path, # and a JSON pointer; raises KeyError where none does.

    >>> paragraph("/v1/leaderboard?limit=30#/rows/4/stderr"), paragraph("/v1/votes/agreement#/rows/0/share/low")
    ('interval', 'votes')
    """
    document, _, pointer = source.partition("#")
    for beginning, found in _OF_DOCUMENTS.items():
        if document.startswith(beginning):
            return found
    if document.startswith("/v1/receipts/"):  # a receipt's fields are lists: its groups are told by their scores
        return "score"
    return _PARAGRAPHS[next(_names(pointer))]


def _names(pointer: str) -> Iterator[str]:
    """The names in a pointer, without positions and uids, the last one first."""
    return (part for part in reversed(pointer.split("/")) if part and not part.isdecimal())

"""Inspect a repository before its weights are fetched, wherever it lies."""

from collections.abc import Callable
from functools import partial

from scoring.competition import Competition
from workers.hub import repo_check
from workers.hub.source import RepositorySource


def inspect(source: RepositorySource, competition: Competition, on_file: Callable[[int, int], None]) -> str:
    """Check names, sizes, licence, config and every safetensors header, in this order; the model family, or SubmissionFault.

    `on_file` hears of each file that was looked into, and of how many there are.
    """
    limits = competition.limits
    repo_check.check_files(source.files, limits)
    weights = [file for file in source.files if file.path.endswith(".safetensors")]
    total = 2 + len(weights)
    repo_check.check_licence(source.head(repo_check.CARD, repo_check.CARD_BYTES), competition.licences)
    on_file(1, total)
    family = repo_check.check_config(source.head(repo_check.CONFIG, repo_check.CONFIG_BYTES), competition.families)
    on_file(2, total)
    for done, file in enumerate(weights, 3):
        repo_check.check_header(partial(source.head, file.path), file.size, limits.header_bytes)
        on_file(done, total)
    return family

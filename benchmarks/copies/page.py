"""docs/copies.md, rendered from the study's result."""

from pathlib import Path

from benchmarks.copies.document import (
    FILES_MARGIN,
    LEAST_COMPARED,
    LEAST_RECALL,
    MOST_FALSE,
    MOST_LOSS,
    SAFE_SOUND,
    SILENT,
    SOUND_MARGIN,
    WEIGHTS_MARGIN,
    CopyStudy,
    LargeFile,
    RewriteRow,
    Share,
)
from benchmarks.copies.recipes import RECIPES, Half
from benchmarks.copies.study import KEYS
from scoring.markdown import template
from voice_api.db.copies import MOST_LEADING

PAGE, RESULT = Path("docs/copies.md"), Path("docs/measured/near_copies.json")
TEMPLATE = "copies.md.j2"


def render(study: CopyStudy) -> str:
    """The page as Markdown."""
    return template(Path(__file__).with_name(TEMPLATE)).render(
        study=study,
        near=study.thresholds,
        number=number,
        share=share,
        silent=SILENT,
        least_compared=LEAST_COMPARED,
        weights_margin=WEIGHTS_MARGIN,
        files_margin=FILES_MARGIN,
        most_leading=MOST_LEADING,
        n_keys=KEYS,
        sound_margin=SOUND_MARGIN,
        points=RECIPES[Half.REPORT][0].points,
        scores=" and ".join(f"{score:.3f}" for score in study.scores),
        missed=[title(row) for row in study.rewrites if row.by_any.found < row.by_any.of and not study.is_paid(row)],
        most_false=MOST_FALSE,
        too_many_by_sound=study.honest[0].by_sound.found > MOST_FALSE * study.honest[0].by_sound.of,
        safe_sound=SAFE_SOUND,
        most_loss=MOST_LOSS,
        least_recall=LEAST_RECALL,
        rate=rate,
        speed=speed,
    )


def number(value: float | None, form: str) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else form % value


def share(found: Share) -> str:
    """A share in words, or a dash where nothing was compared."""
    return found.words if found.of else "–"


def title(row: RewriteRow) -> str:
    """A rewrite with its strength and how often it was found."""
    return f"{row.name} {row.strength}".strip() + f" ({row.by_any.found} of {row.by_any.of})"


def rate(row: LargeFile, seconds: float) -> str:
    """MB a second, and for hash and sketch the share of the sequential rate."""
    own = speed(row, seconds)
    return own if seconds == row.read else f"{own} ({100.0 * row.read / seconds:.0f} %)"


def speed(row: LargeFile, seconds: float) -> str:
    """MB a second."""
    return f"{1000.0 * row.gigabytes / seconds:,.0f} MB/s"

"""The study's result as a file: what was simulated once, under which rules, where and when."""

from pathlib import Path

from pydantic import ValidationError

from scoring.errors import Code, PlatformError
from scoring.schema import StrictModel, first_fault
from scoring.studies.simulation.power import Power, PowerTrial
from scoring.studies.simulation.reign import Reign, Siege
from scoring.studies.simulation.splitting import Split, SplitCase
from scoring.studies.simulation.summary import FieldSummary


class StudyOrigin(StrictModel):
    """The place and time of a study; `competition_hash` names the rules, `seconds` is the time that it took."""

    date: str
    machine: str
    seed: int
    seconds: float
    competition_hash: str


class ReignRow(StrictModel):
    """A king among equals; `sd` is that of a paired difference."""

    sd: float
    siege: Siege
    reign: Reign


class PowerRow(StrictModel):
    """A better challenger; `failures` is the share of groups that each model fails."""

    sd: float
    failures: float
    trial: PowerTrial
    power: Power


class SplitRow(StrictModel):
    """One model under several hotkeys."""

    case: SplitCase
    split: Split


class Study(StrictModel):
    """Everything that docs/incentives.md states; `curve` are trials of other leads, for the chart."""

    origin: StudyOrigin
    reigns: tuple[ReignRow, ...]
    targets: tuple[PowerRow, ...]
    table: tuple[PowerRow, ...]
    curve: tuple[PowerRow, ...]
    splits: tuple[SplitRow, ...]
    fields: tuple[FieldSummary, ...]


def read(path: Path) -> Study:
    """The study's file; raises PlatformError(ARGUMENT_INVALID) if it is missing or not of this form."""
    try:
        return Study.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} cannot be read: {exc.strerror}") from exc
    except ValidationError as exc:
        raise PlatformError(
            Code.ARGUMENT_INVALID, f"{path} is not what the study writes: {first_fault(exc, 'the file')}"
        ) from exc


def write(study: Study, path: Path) -> None:
    """Write it; numbers as they are, so that the same seed gives the same bytes but for the origin."""
    path.write_text(study.model_dump_json(indent=1) + "\n", encoding="utf-8")

"""The study's result as a file: what was simulated once, under which rules, where and when."""

from pathlib import Path

from scoring import canonical_json
from scoring.competition import Competition
from scoring.schema import StrictModel, read_measured
from scoring.studies.simulation.frontier import FrontierRow
from scoring.studies.simulation.payoff import Payoff
from scoring.studies.simulation.power import Power, PowerTrial
from scoring.studies.simulation.reign import Reign, Siege
from scoring.studies.simulation.summary import FieldSummary
from scoring.studies.simulation.waits import WaitRow


class StudyOrigin(StrictModel):
    """The place and time of a study; `rules_hash` names the rules that it played by, `seconds` is the time that it took."""

    date: str
    machine: str
    seed: int
    seconds: float
    rules_hash: str


def rules_hash(competition: Competition) -> str:
    """SHA-256 (hex) of the rules by which the first track is played: what is asked of a voice, and who judges it, is none of them."""
    rules, track = competition.model_dump(mode="json"), competition.track[0].model_dump(mode="json")
    played = {name: track[name] for name in ("evaluations", "duel", "pay", "throne", "queue")}
    shared = {name: rules[name] for name in ("round", "cooldown_blocks")}
    return canonical_json.digest(played | shared | {"groups": competition.track[0].prompts.groups})


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


class Study(StrictModel):
    """Everything that docs/incentives.md states; `curve` are trials of other leads, for the chart."""

    origin: StudyOrigin
    reigns: tuple[ReignRow, ...]
    targets: tuple[PowerRow, ...]
    table: tuple[PowerRow, ...]
    curve: tuple[PowerRow, ...]
    attacks: tuple[Payoff, ...]
    waits: tuple[WaitRow, ...]
    frontier: tuple[FrontierRow, ...]
    fields: tuple[FieldSummary, ...]


def read(path: Path) -> Study:
    """The study's file; raises PlatformError(ARGUMENT_INVALID) if it is missing or not of this form."""
    return read_measured(path, Study)


def write(study: Study, path: Path) -> None:
    """Write it; numbers as they are, so that the same seed gives the same bytes but for the origin."""
    path.write_text(study.model_dump_json(indent=1) + "\n", encoding="utf-8")

"""The competition: every constant that decides money, read from one TOML file, in versions, hashed."""

import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, TypeAdapter, field_validator, model_validator

from prompts.generate import generate
from prompts.groups import Group, GroupPlan
from prompts.voices import Attribute
from scoring import canonical_json
from scoring.default_rules import DEFAULT_PATH as DEFAULT_PATH  # its readers ask here
from scoring.errors import Code, PlatformError
from scoring.model.copy_rules import CopyRules
from scoring.report import Factor
from scoring.schema import StrictModel, read_toml
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.load import Device, Dtype
from scoring.synthesis.parts import PinnedParts
from scoring.types import BlockHash, RoundNumber, hash_bytes

MOST_GROUPS = 100
"""Their names have two digits, and there are only so many sentences to draw."""
MOST_AUDIO_SECONDS = 60
"""A reader of stored audio refuses anything longer."""


class Profile(StrEnum):
    """The set of judges."""

    EMBEDDED = "embedded"
    """Their models ship inside Python packages."""
    STANDARD = "standard"
    """The field's strongest open models, fetched from the model hub at pinned revisions."""


ANCHORS = {profile: Path(__file__).parent / "scores" / f"anchors.{profile}.toml" for profile in Profile}
"""Each profile's anchors that ship with this version."""

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
TrackName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class BetUnit(StrEnum):
    """The unit that a duel bets on, one after the other."""

    GROUP = "group"
    """Each group: where groups of a round share no luck worth naming."""
    ROUND = "round"
    """The mean over a round's groups: where they do."""


class RoundRules(StrictModel):
    """The clock of rounds, which all tracks share."""

    blocks: Count
    deadline_blocks: Count
    """A round closes at the latest so many blocks after its start."""
    grace_rounds: Count
    """A submission whose hotkey committed again stays so many rounds at most while the newer one waits for its first verdict."""


class PromptRules(StrictModel):
    """The groups of prompts of a round, and what they ask of a voice."""

    single: Annotated[int, Field(ge=0)]
    counterfactual: Annotated[int, Field(ge=0)]
    voice: Annotated[int, Field(ge=0)]
    asks: Annotated[tuple[Annotated[Attribute, Field(strict=False)], ...], Field(strict=False)]
    """The attributes of a voice that descriptions may ask for; none: plain reading."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not 1 <= self.single + self.counterfactual + self.voice <= MOST_GROUPS:
            raise ValueError(f"a round has 1 to {MOST_GROUPS} groups")
        if len(set(self.asks)) < len(self.asks):
            raise ValueError("asks names each attribute once")
        if self.counterfactual and not self.asks:
            raise ValueError("counterfactual pairs need an attribute to differ in, and asks names none")
        if Attribute.LOUDNESS in self.asks and not self.counterfactual:
            raise ValueError("loudness is asked in counterfactual pairs only: no single clip shows what is loud for its voice")
        return self

    @property
    def plan(self) -> GroupPlan:
        """Number of groups of each kind."""
        return GroupPlan(self.single, self.counterfactual, self.voice, self.asks)

    @property
    def groups(self) -> int:
        """The number of groups that a round asks."""
        return self.single + self.counterfactual + self.voice


class DuelRules(StrictModel):
    """The rules by which a challenger takes the top from a king."""

    alpha: Annotated[float, Field(gt=0.0, le=1.0)]
    """Bound on the chance that a king ever falls to a model that is not better by the margin."""
    half_life: Count
    """Half of `alpha` is for the first so many challengers."""
    step: Annotated[BetUnit, Field(strict=False)]
    clip: Annotated[float, Field(gt=0.0, le=1.0)]
    """A step's difference is cut off at ± this, which bounds the bets. For a round's mean: a few of the mean's standard deviations."""
    seniority: Share
    """The next duel is of the earliest challenger that promises at least this share of what the most promising one does."""
    margin_start: Share
    margin_end: Share
    margin_decay_blocks: Count
    """The margin falls from its start to its end over so many blocks of the king's age."""
    ceiling: Annotated[float, Field(gt=0.0, le=1.0)]
    """Highest mean score that the rules let anybody reach (`voice simulate ceiling`): the margin is at most half of the room below it."""
    bets: Annotated[tuple[Positive, ...], Field(min_length=1, strict=False)]
    """In standard deviations of a step's difference."""
    bet_shares: Annotated[tuple[Share, ...], Field(min_length=1, strict=False)]
    """The share of the wealth that each bet starts with."""
    prior_sd: Annotated[float, Field(ge=0.001, le=1.0)]
    """A group's standard deviation before any was seen; it counts as `prior_count` steps."""
    prior_count: Count
    futility: Share
    """A duel is lost with less wealth."""
    max_rounds: Count
    """A duel lasts so many rounds at most."""
    absent_rounds: Count
    """A king loses the top after so many rounds in a row in which others were scored and it was not."""

    @model_validator(mode="after")
    def _shares_out_one(self) -> Self:
        if len(self.bets) != len(self.bet_shares) or abs(sum(self.bet_shares) - 1.0) > 1e-9:
            raise ValueError("bet_shares has one share for each of bets, with a sum of 1")
        return self


class PayRules(StrictModel):
    """What is paid: a fixed share to the king, the rest for credit; what no credit claims goes to the king, too."""

    king: Share
    """The king's fixed share of the emission."""
    floor: Share
    """Least score of a king of an empty throne."""
    base: Share
    """Leads count from this score on: what anybody reaches with a public model is worth no credit."""
    full_credit: Annotated[float, Field(gt=0.0, le=1.0)]
    """Leads of so much together claim all of the rest. Where there are more, they share it in proportion."""
    half_life_blocks: Count
    """Half of a credit is left so many blocks after its hotkey lost the top."""
    measured_groups: Count
    """A lead is measured on so many groups at most, those of its duel among them."""


class ThroneRules(StrictModel):
    """How an empty throne is filled, and how long a king stands that committed again."""

    trial_rounds: Annotated[int, Field(ge=2)]
    """An empty throne is filled by the evidence of so many rounds."""
    heir_rounds: Count
    """A king whose hotkey committed again reigns on by its old model for so many rounds at most, unless the newer one wins before."""


class QueueRules(StrictModel):
    """Who is judged while places are scarce. Places are shares of a round's evaluations, rounded down, one at least."""

    newcomers: Share
    """Kept for submissions without a verdict."""
    immune: Share
    """Of these so many go by the end of their immunity, soonest first."""
    newest: Share
    """So many more go by commit, last one first."""
    oldest: Share
    """So many more go by commit, first one first; all others by their hotkey's last turn, longest ago first."""
    proven: Share
    """Kept for scored models that have not met this king, best first."""
    turns: Share
    """So many waiting challengers take turns, those asked for longest ago first, then the first commitment; the rest go by promise."""
    set_back: Share
    """The most for hotkeys that are set back."""
    hotkey: Share
    """The most for one hotkey, and for one lineage, beside what the ranking waits for."""
    far_below: Share
    """A hotkey is set back when its newest submission scores less than this share of the king's score, or is rejected."""
    forget_rounds: Count
    """A hotkey is set back for so many rounds, unless a submission of its scores more before."""

    @model_validator(mode="after")
    def _leaves_places_to_challengers(self) -> Self:
        if self.newcomers + self.proven + self.set_back + self.turns >= 1.0:
            raise ValueError("newcomers, proven, set_back and turns leave no places to the most promising challengers")
        if self.immune + self.newest + self.oldest >= self.newcomers:
            raise ValueError("immune, newest and oldest leave no places to newcomers by their turn")
        return self


class SubmissionLimits(StrictModel):
    """A submission's limits. Seconds are wall-clock; `expected_*` bound a sample's length as multiples of the expected one.

    An answer is late after `late_factor` times what its family needs for the expected speech, and not before `sample_seconds`. A model
    of whose samples more than `late_share` are late is refused.
    """

    repo_bytes: Count
    header_bytes: Count
    load_seconds: Positive
    sample_seconds: Positive
    late_factor: Positive
    late_share: Share
    ram_bytes: Count
    card_bytes: Count | None = None
    """The most of a card's memory; None on a track that speaks on the processor."""
    max_audio_seconds: Annotated[float, Field(gt=0.0, le=MOST_AUDIO_SECONDS)]
    expected_low: Positive
    expected_high: Positive


class SynthesisRules(StrictModel):
    """Constants of the arithmetic: they change the audio, so they are part of the competition."""

    device: Device
    threads: Count
    batch: Count
    dtype: Dtype

    @model_validator(mode="after")
    def _rounds_on_cards_only(self) -> Self:
        if self.dtype == "bfloat16" and self.device != "cuda":
            raise ValueError(f"dtype bfloat16 needs the device cuda; on the device {self.device} models speak in float32")
        return self


class HardwareClass(StrictModel):
    """Machines that give the same samples and the same numbers to the last digit, where their software is the same, too.
    By what the processor says of itself: marketing names such as "AMD EPYC" stand for several generations."""

    cpus: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Za-z]+ \d+/\d+$")], ...], Field(min_length=1, strict=False)]
    """Each a vendor, a family and a model, as `GenuineIntel 6/207`."""
    vectors: str
    """The widest vector instructions that torch uses there: `AVX2` or `AVX512`."""
    cards: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Cards by the names that torch gives them, as `NVIDIA H200`: without one, nothing that was spoken on a card is of the class."""
    tolerance: Share = 0.1
    """What a machine of another class may find a sample's score to differ by: where a card rounds, other codes may be drawn."""


class AuditRules(StrictModel):
    """What an audit forgives: to the last digit between machines of one listed class, else within a tolerance, and no drift."""

    drift: Annotated[float, Field(ge=0.0, lt=1.0)]
    """An honest worker's mean deviation is at most this, in units of the score, whatever its hardware."""
    false_alarms: Annotated[float, Field(gt=0.0, lt=1.0)]
    """Bound on the chance that an honest worker is ever accused of drift."""
    classes: Annotated[tuple[HardwareClass, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _lists_each_once(self) -> Self:
        listed = [(cpu, each.vectors, card) for each in self.classes for cpu in each.cpus for card in each.cards or (None,)]
        if len(set(listed)) < len(listed):
            raise ValueError("a processor stands in one class, or with each card in one")
        return self

    def class_of(self, cpu: str, vectors: str, card: str | None) -> HardwareClass | None:
        """The class that lists a processor with its vector instructions, and the card that it speaks on, if any; None where none does."""
        found = (each for each in self.classes if cpu in each.cpus and vectors == each.vectors)
        return next((each for each in found if (card in each.cards if card else not each.cards)), None)


class Track(StrictModel):
    """A competition of its own inside the competition: its families, its rules, its king, and its share of the emission."""

    name: TrackName
    share: Annotated[float, Field(gt=0.0, le=1.0)]
    """Of the emission."""
    profile: Annotated[Profile, Field(strict=False)]
    families: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    evaluations: Count
    """A round asks for so many at most."""
    prompts: PromptRules
    duel: DuelRules
    pay: PayRules
    throne: ThroneRules
    queue: QueueRules
    limits: SubmissionLimits
    synthesis: SynthesisRules
    factors: Mapping[Annotated[Factor, Field(strict=False)], Share]
    parts: Mapping[str, PinnedParts] = {}
    """By family: what it needs beside a repository's files."""

    @field_validator("families")
    @classmethod
    def _has_adapters(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        if missing := sorted(set(families) - set(FAMILIES)):
            raise ValueError(f"no adapter for the family {', '.join(missing)}; there are {', '.join(sorted(FAMILIES))}")
        return families

    @model_validator(mode="after")
    def _weights_every_factor(self) -> Self:
        if set(self.factors) != set(Factor) or abs(sum(self.factors.values()) - 1.0) > 1e-9:
            raise ValueError(f"[version.track.factors] must weight {', '.join(sorted(Factor))} with a sum of 1")
        if self.factors[Factor.DELIVERY] > 0.0 and not self.prompts.asks:
            raise ValueError("[version.track.factors] weights delivery, but prompts.asks asks nothing of a voice")
        return self

    @model_validator(mode="after")
    def _asks_what_families_hear(self) -> Self:
        for family in self.families:
            if deaf := sorted(set(self.prompts.asks) - FAMILIES[family].capabilities.hears):
                raise ValueError(f"prompts.asks asks for {', '.join(deaf)}, which the family {family} cannot hear")
        return self

    @model_validator(mode="after")
    def _runs_what_families_run(self) -> Self:
        for family in self.families:
            asked = ((self.synthesis.device, FAMILIES[family].devices), (self.synthesis.dtype, FAMILIES[family].dtypes))
            for wanted, able in asked:
                if wanted not in able:
                    raise ValueError(
                        f"[version.track.synthesis] asks for {wanted}, and the family {family} can do {', '.join(able)} only"
                    )
        return self

    @model_validator(mode="after")
    def _bounds_the_cards_memory(self) -> Self:
        if (self.limits.card_bytes is not None) != (self.synthesis.device == "cuda"):
            raise ValueError("limits.card_bytes bounds a card's memory: a track on the device cuda has it, and no other does")
        return self

    @model_validator(mode="after")
    def _pins_what_families_need(self) -> Self:
        for family in self.families:
            wanted, pinned = set(FAMILIES[family].parts), set(self.parts.get(family, {}))
            if wanted != pinned:
                raise ValueError(
                    f"the family {family} needs the pinned parts {', '.join(sorted(wanted)) or '(none)'}, and there are "
                    f"{', '.join(sorted(pinned)) or 'none'}: `voice family pin {family}` writes them"
                )
        if strangers := sorted(set(self.parts) - set(self.families)):
            raise ValueError(f"parts are pinned for {', '.join(strangers)}, which is not among the families")
        return self

    def groups(self, block_hash: BlockHash) -> tuple[Group, ...]:
        """The groups that a round asks for whose first block has this hash."""
        return generate(hash_bytes(block_hash), self.prompts.plan)


def _twice(names: Iterable[str]) -> list[str]:
    """The names that stand there more than once."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


class Competition(StrictModel):
    """One version of the rules, in force from `from_round` on: what all tracks share, and the tracks."""

    from_round: Annotated[int, Field(ge=0)]
    licences: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    cooldown_blocks: Annotated[int, Field(ge=0)]
    """A hotkey commits again only so many blocks after its last commitment."""
    round: RoundRules
    audits: AuditRules
    copies: CopyRules
    track: Annotated[tuple[Track, ...], Field(min_length=1, strict=False)]

    @model_validator(mode="after")
    def _shares_everything_out(self) -> Self:
        if twice := _twice(track.name for track in self.track):
            raise ValueError(f"two tracks have the name {', '.join(twice)}: give each a name of its own")
        total = math.fsum(track.share for track in self.track)
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"the shares of the tracks must have a sum of 1, and have one of {total:g}")
        if twice := _twice(self.families):
            raise ValueError(f"the family decides the track: name {', '.join(twice)} in one of them only, and only once")
        return self

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of this version's canonical JSON."""
        return canonical_json.digest(self.model_dump(mode="json"))

    @property
    def families(self) -> tuple[str, ...]:
        """The families of all tracks."""
        return tuple(family for track in self.track for family in track.families)

    def alone(self, track: Track) -> Self:
        """The same rules for one track, to which all of the emission goes."""
        return self.model_copy(update={"track": (track.model_copy(update={"share": 1.0}),)})

    def named(self, track: str) -> Track:
        """The track of this name; raises KeyError for a name that the rules do not have."""
        return {each.name: each for each in self.track}[track]

    def track_of(self, family: str) -> Track:
        """The track in which a family competes; raises KeyError for one that may not take part."""
        return {name: each for each in self.track for name in each.families}[family]


class Schedule(StrictModel):
    """A competition's versions, in order. `until_round` is the last round that they were made for; None: no end is known.

    It is no part of any version's hash: to lengthen the last one changes no rule.
    """

    name: Annotated[str, Field(min_length=1)]
    version: Annotated[tuple[Competition, ...], Field(min_length=1, strict=False)]
    until_round: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        starts = [version.from_round for version in self.version]
        if starts[0] != 0 or any(later <= earlier for earlier, later in pairwise(starts)):
            raise ValueError("versions start at from_round = 0 and rise")
        if self.until_round is not None and self.until_round < starts[-1]:
            raise ValueError("until_round lies before the last version's from_round")
        if len({version.round.blocks for version in self.version}) > 1:
            raise ValueError("round.blocks is the same in every version: it numbers the rounds")
        return self

    @property
    def round_blocks(self) -> int:
        """Blocks in a round."""
        return self.version[0].round.blocks

    def at(self, number: RoundNumber) -> Competition:
        """The version in force in a round."""
        return [version for version in self.version if version.from_round <= number][-1]

    def rounds_left(self, number: RoundNumber) -> int | None:
        """Rounds after this one for which there are rules: negative once they have ended, None where no end is known."""
        return None if self.until_round is None else self.until_round - number


_SCHEDULE = TypeAdapter(Schedule)


def load(path: Path = DEFAULT_PATH, anchors: Mapping[Profile, Path] = ANCHORS) -> Schedule:
    """Read and check a competition file; raises PlatformError(COMPETITION_INVALID) with the place and the reason.

    A profile whose anchors (by profile, the files) are assumed decides no money: a file that names it is refused.
    """
    schedule = read_toml(path, _SCHEDULE, Code.COMPETITION_INVALID)
    for profile in {track.profile for version in schedule.version for track in version.track}:
        if not tomllib.loads(anchors[profile].read_text(encoding="utf-8"))["measured"]:
            why = f"{path}: the {profile} profile's anchors are assumed, not measured, so it may not decide money yet: "
            raise PlatformError(Code.COMPETITION_INVALID, why + "`voice scoring calibrate` measures them")
    return schedule

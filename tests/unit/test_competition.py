"""The file that decides money: read whole, or refused with the place and the reason."""

from pathlib import Path

import pytest

from neurons.localnet.network import COMPETITION
from prompts.groups import GroupPlan
from prompts.voices import Attribute, Voice
from scoring.competition import ANCHORS, DEFAULT_PATH, Profile, load
from scoring.errors import Code, PlatformError
from scoring.types import BlockHash, RoundNumber

STANDARD = DEFAULT_PATH.read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    """A competition file with this text."""
    path = folder / "competition.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_standard_file_holds_the_numbers_of_the_design() -> None:
    """Rounds of 360 blocks with 28 + 4 groups of plain reading, 24 evaluations, 65 % for the king."""
    rules = load().at(RoundNumber(0))
    assert (rules.round.blocks, rules.round.plan) == (360, GroupPlan(single=28, counterfactual=0, voice=4, asks=()))
    assert (rules.round.evaluations, rules.pay.king, rules.throne.trial_rounds) == (24, 0.65, 3)
    assert (rules.duel.alpha, rules.duel.max_rounds) == (0.05, 24)
    assert (rules.duel.margin_start, rules.duel.margin_end, rules.duel.margin_decay_blocks) == (0.02, 0.005, 36_000)
    assert rules.families == ("vits",)


def test_only_the_demo_lets_the_gpl_family_in() -> None:
    """espeak is allowed in the demo's competition alone."""
    assert "espeak" in load(COMPETITION).at(RoundNumber(0)).families
    assert "espeak" not in STANDARD


def test_a_version_is_in_force_from_its_round_on(tmp_path: Path) -> None:
    """Round 99 is judged by the first version, round 100 by the second; their hashes differ."""
    second = (
        STANDARD[STANDARD.index("\n[[version]]") :]
        .replace("from_round = 0", "from_round = 100")
        .replace("alpha = 0.05", "alpha = 0.01")
    )
    schedule = load(written(tmp_path, STANDARD + second))
    before, after = schedule.at(RoundNumber(99)), schedule.at(RoundNumber(100))
    assert (before.duel.alpha, after.duel.alpha) == (0.05, 0.01)
    assert before.hash != after.hash == schedule.at(RoundNumber(5000)).hash


def test_a_file_may_say_how_long_its_rules_hold(tmp_path: Path) -> None:
    """To lengthen the last version changes no version's hash; a file without an end has none."""
    ends = [
        load(written(tmp_path, STANDARD.replace("\n[[version]]", f"\nuntil_round = {end}\n[[version]]"))) for end in (100, 200)
    ]
    assert [schedule.rounds_left(RoundNumber(101)) for schedule in ends] == [-1, 99]
    assert load(written(tmp_path, STANDARD)).rounds_left(RoundNumber(101)) is None
    assert len({schedule.at(RoundNumber(0)).hash for schedule in (*ends, load(written(tmp_path, STANDARD)))}) == 1


def test_rules_do_not_end_before_their_last_version_begins(tmp_path: Path) -> None:
    """The file is refused."""
    second = STANDARD[STANDARD.index("\n[[version]]") :].replace("from_round = 0", "from_round = 100")
    text = (STANDARD + second).replace("\n[[version]]", "\nuntil_round = 99\n[[version]]", 1)
    with pytest.raises(PlatformError, match="until_round lies before"):
        load(written(tmp_path, text))


def test_the_hash_is_of_the_rules_and_not_of_the_text(tmp_path: Path) -> None:
    """A comment changes nothing, a number does."""
    assert load(written(tmp_path, STANDARD + "\n# a remark\n")).at(RoundNumber(0)).hash == load().at(RoundNumber(0)).hash
    changed = STANDARD.replace("cooldown_blocks = 7200", "cooldown_blocks = 7201")
    assert load(written(tmp_path, changed)).at(RoundNumber(0)).hash != load().at(RoundNumber(0)).hash


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        pytest.param("\nblocks = 360\n", "\nblocks = 0\n", "version.0.round.blocks", id="no blocks"),
        pytest.param("\nblocks = 360\n", '\nblocks = "360"\n', "version.0.round.blocks", id="a number as text"),
        pytest.param("trial_rounds = 3", "trial_rounds = 1", "greater than or equal to 2", id="a throne of one round"),
        pytest.param("alpha = 0.05", "alpha = 5", "version.0.duel.alpha", id="an impossible error rate"),
        pytest.param("cleanliness = 0.1", "cleanliness = 0.2", "sum of 1", id="factors above 1"),
        pytest.param("delivery = 0.0\n", "", "sum of 1", id="a factor left out"),
        pytest.param(
            "delivery = 0.0\ncleanliness = 0.1",
            "delivery = 0.1\ncleanliness = 0.0",
            "weights delivery, but round.asks asks nothing",
            id="delivery of plain reading",
        ),
        pytest.param("asks = []", "asks = ['accent']", "version.0.round.asks.0", id="an attribute that nobody measures"),
        pytest.param("asks = []", "asks = ['rate', 'rate']", "names each attribute once", id="an attribute twice"),
        pytest.param(
            "asks = []", "asks = ['loudness']", "loudness is asked in counterfactual pairs only", id="loudness of single clips"
        ),
        pytest.param(
            "counterfactual = 0", "counterfactual = 3", "need an attribute to differ in", id="pairs that differ in nothing"
        ),
        pytest.param(
            "asks = []", "asks = ['rate', 'pitch']", "asks for pitch, rate, which the family vits cannot hear", id="a deaf family"
        ),
        pytest.param(
            '["vits"]',
            '["vits", "dia"]',
            "no adapter for the family dia; there are espeak, pocket_tts, vits",
            id="a family without adapter",
        ),
        pytest.param('["vits"]', '["reference"]', "no adapter for the family reference", id="the model that measures the host"),
        pytest.param("from_round = 0", "from_round = 3", "from_round = 0", id="rounds without rules"),
        pytest.param("single = 28", "single = 97", "1 to 100 groups", id="more groups than sentences to draw"),
        pytest.param("single = 28", "single = -28", "version.0.round.single", id="fewer than no groups"),
        pytest.param("max_audio_seconds = 60.0", "max_audio_seconds = inf", "max_audio_seconds", id="sound without end"),
        pytest.param("load_seconds = 300.0", "load_seconds = nan", "load_seconds", id="no number"),
        pytest.param("threads = 1", "threads = 1\nturbo = true", "turbo", id="a name that nobody knows"),
        pytest.param("[version.duel]", "[version.duel", "not TOML", id="not TOML"),
        pytest.param("bet_shares = [", "bet_shares = [0.0, ", "one share for each of bets", id="a share without a bet"),
        pytest.param('step = "group"', 'step = "sample"', "version.0.duel.step", id="a step that nobody knows"),
        pytest.param("\nalpha = 0.05", "\nalpha = 0.0", "version.0.duel.alpha", id="nobody could ever be crowned"),
        pytest.param("\n[[version]]", "\nuntil_round = -1\n[[version]]", "until_round", id="rules that ended before they began"),
    ],
)
def test_a_wrong_file_says_where_and_why(tmp_path: Path, before: str, after: str, why: str) -> None:
    """One coded error that names the place."""
    assert before in STANDARD
    with pytest.raises(PlatformError, match=why) as caught:
        load(written(tmp_path, STANDARD.replace(before, after)))
    assert caught.value.code is Code.COMPETITION_INVALID


def described(*, families: str = "espeak", counterfactual: int = 2) -> str:
    """The demo's rules with descriptions that ask for everything."""
    text = COMPETITION.read_text(encoding="utf-8").replace('families = ["espeak", "vits"]', f'families = ["{families}"]')
    text = text.replace("asks = []", 'asks = ["rate", "pitch", "expression", "loudness"]')
    text = text.replace("counterfactual = 0", f"counterfactual = {counterfactual}")
    return text.replace("delivery = 0.0", "delivery = 0.2").replace("naturalness = 0.4", "naturalness = 0.2")


def test_who_hears_descriptions_may_be_asked(tmp_path: Path) -> None:
    """With families that hear them, a competition may ask for all; what it asks is a rule like others, and hashed."""
    rules = load(written(tmp_path, described())).at(RoundNumber(0))
    assert rules.round.plan.asks == tuple(Attribute)
    assert any(prompt.voice.judged for group in rules.groups(BlockHash("0x" + "ab" * 32)) for prompt in group.prompts)
    fewer = described().replace('"rate", "pitch", ', "")
    assert load(written(tmp_path, fewer)).at(RoundNumber(0)).hash != rules.hash


def test_plain_reading_asks_nothing_of_a_voice() -> None:
    """Neither the packaged competition nor the demo names a register or a level; every sample is without delivery."""
    for path in (DEFAULT_PATH, COMPETITION):
        asked = load(path).at(RoundNumber(0)).groups(BlockHash("0x" + "ab" * 32))
        assert {prompt.voice for group in asked for prompt in group.prompts} == {Voice()}


def test_what_was_assumed_decides_no_money(tmp_path: Path) -> None:
    """The standard profile's anchors are not measured yet: the refusal says so, and how that changes."""
    text = described().replace('profile = "embedded"', 'profile = "standard"')
    with pytest.raises(PlatformError, match="the standard profile's anchors are assumed, not measured") as caught:
        load(written(tmp_path, text))
    assert caught.value.code is Code.COMPETITION_INVALID
    measured = {Profile.STANDARD: ANCHORS[Profile.EMBEDDED]}
    assert load(written(tmp_path, text), measured).at(RoundNumber(0)).profile is Profile.STANDARD


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path stands in the error."""
    with pytest.raises(PlatformError, match=r"nowhere\.toml cannot be read"):
        load(tmp_path / "nowhere.toml")

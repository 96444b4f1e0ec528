"""The file that decides money: read whole, or refused with the place and the reason."""

from pathlib import Path

import pytest

from neurons.localnet.network import COMPETITION
from prompts.groups import GroupPlan
from prompts.voices import Attribute, Voice
from scoring.competition import ANCHORS, DEFAULT_PATH, Profile, SynthesisRules, load
from scoring.errors import Code, PlatformError
from scoring.synthesis.families import FAMILIES
from scoring.types import BlockHash, RoundNumber

STANDARD = DEFAULT_PATH.read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    """A competition file with this text."""
    path = folder / "competition.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_standard_file_holds_the_numbers_of_the_design() -> None:
    """Rounds of 360 blocks with 28 + 4 groups of plain reading, 24 evaluations, 65 % for the king."""
    competition = load().at(RoundNumber(0))
    (rules,) = competition.track
    assert (rules.name, rules.share, competition.families) == ("small", 1.0, rules.families)
    assert (competition.round.blocks, rules.prompts.plan) == (360, GroupPlan(single=28, counterfactual=0, voice=4, asks=()))
    assert (rules.evaluations, rules.pay.king, rules.throne.trial_rounds) == (24, 0.65, 3)
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
    assert (before.track[0].duel.alpha, after.track[0].duel.alpha) == (0.05, 0.01)
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
        pytest.param("newcomers = 0.5", "newcomers = 0.7", "leave no places to the most promising", id="a queue without duels"),
        pytest.param("newest = 0.13", "newest = 0.3", "leave no places to newcomers by their turn", id="a queue without turns"),
        pytest.param("alpha = 0.05", "alpha = 5", "version.0.track.0.duel.alpha", id="an impossible error rate"),
        pytest.param("cleanliness = 0.1", "cleanliness = 0.2", "sum of 1", id="factors above 1"),
        pytest.param("delivery = 0.0\n", "", "sum of 1", id="a factor left out"),
        pytest.param(
            "delivery = 0.0\ncleanliness = 0.1",
            "delivery = 0.1\ncleanliness = 0.0",
            "weights delivery, but prompts.asks asks nothing",
            id="delivery of plain reading",
        ),
        pytest.param(
            "asks = []", "asks = ['accent']", "version.0.track.0.prompts.asks.0", id="an attribute that nobody measures"
        ),
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
            "no adapter for the family dia; there are csm, espeak, llama_snac, pocket_tts, qwen3_tts, vits",
            id="a family without adapter",
        ),
        pytest.param('["vits"]', '["reference"]', "no adapter for the family reference", id="the model that measures the host"),
        pytest.param("from_round = 0", "from_round = 3", "from_round = 0", id="rounds without rules"),
        pytest.param("single = 28", "single = 97", "1 to 100 groups", id="more groups than sentences to draw"),
        pytest.param("single = 28", "single = -28", "version.0.track.0.prompts.single", id="fewer than no groups"),
        pytest.param("max_audio_seconds = 60.0", "max_audio_seconds = inf", "max_audio_seconds", id="sound without end"),
        pytest.param("load_seconds = 300.0", "load_seconds = nan", "load_seconds", id="no number"),
        pytest.param("threads = 1", "threads = 1\nturbo = true", "turbo", id="a name that nobody knows"),
        pytest.param(
            'device = "cpu"',
            'device = "cuda"',
            "asks for cuda, and the family vits can do cpu only",
            id="a family without a card",
        ),
        pytest.param(
            'dtype = "float32"',
            'dtype = "bfloat16"',
            "dtype bfloat16 needs the device cuda; on the device cpu models speak in float32",
            id="a processor that rounds",
        ),
        pytest.param(
            "ram_bytes", "card_bytes = 1\nram_bytes", "limits.card_bytes bounds a card's memory", id="a card for nobody"
        ),
        pytest.param("[version.track.duel]", "[version.track.duel", "not TOML", id="not TOML"),
        pytest.param("bet_shares = [", "bet_shares = [0.0, ", "one share for each of bets", id="a share without a bet"),
        pytest.param('step = "group"', 'step = "sample"', "version.0.track.0.duel.step", id="a step that nobody knows"),
        pytest.param("\nalpha = 0.05", "\nalpha = 0.0", "version.0.track.0.duel.alpha", id="nobody could ever be crowned"),
        pytest.param("\n[[version]]", "\nuntil_round = -1\n[[version]]", "until_round", id="rules that ended before they began"),
    ],
)
def test_a_wrong_file_says_where_and_why(tmp_path: Path, before: str, after: str, why: str) -> None:
    """One coded error that names the place."""
    assert before in STANDARD
    with pytest.raises(PlatformError, match=why) as caught:
        load(written(tmp_path, STANDARD.replace(before, after)))
    assert caught.value.code is Code.COMPETITION_INVALID


SECOND = STANDARD[STANDARD.index("\n[[version.track]]") :].replace('name = "small"', 'name = "large"').replace("vits", "espeak")
"""The lines of another track."""


def two_tracks(small: float = 0.7, large: float = 0.3) -> str:
    """The packaged rules with a second track, and the shares of both."""
    text = STANDARD.replace("share = 1.0", f"share = {small}") + SECOND.replace("share = 1.0", f"share = {large}")
    assert text.count("[[version.track]]") == 2
    return text


def test_the_family_decides_the_track(tmp_path: Path) -> None:
    """Each track has its own rules, and all of them one hash; a name that the rules do not have is no track."""
    text = two_tracks().replace("evaluations = 24", "evaluations = 6")
    rules = load(written(tmp_path, text)).at(RoundNumber(0))
    assert [(track.name, track.share) for track in rules.track] == [("small", 0.7), ("large", 0.3)]
    assert rules.families == ("vits", "espeak")
    assert (rules.track_of("espeak"), rules.named("small")) == (rules.track[1], rules.track[0])
    assert rules.hash != load(written(tmp_path, two_tracks())).at(RoundNumber(0)).hash
    with pytest.raises(KeyError):
        rules.track_of("pocket_tts")
    with pytest.raises(KeyError):
        rules.named("medium")


def test_a_track_alone_has_all_of_the_emission(tmp_path: Path) -> None:
    """Nothing else of it changes."""
    rules = load(written(tmp_path, two_tracks())).at(RoundNumber(0))
    (alone,) = rules.alone(rules.track[1]).track
    assert alone == rules.track[1].model_copy(update={"share": 1.0})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(two_tracks(0.7, 0.4), r"the shares of the tracks must have a sum of 1, and have one of 1\.1", id="too much"),
        pytest.param(two_tracks(0.5, 0.4), r"a sum of 1, and have one of 0\.9", id="too little"),
        pytest.param(two_tracks(1.0, 0.0), r"version\.0\.track\.1\.share", id="a track for nothing"),
        pytest.param(
            two_tracks().replace('"large"', '"small"'),
            "two tracks have the name small: give each a name of its own",
            id="a name twice",
        ),
        pytest.param(
            two_tracks().replace('["espeak"]', '["espeak", "vits"]'),
            "the family decides the track: name vits in one of them only",
            id="a family in two tracks",
        ),
        pytest.param(
            two_tracks().replace('["espeak"]', '["espeak", "espeak"]'),
            "name espeak in one of them only, and only once",
            id="twice",
        ),
        pytest.param(two_tracks().replace('"large"', '"Large one"'), r"version\.0\.track\.1\.name", id="a name for no column"),
        pytest.param(two_tracks().replace('device = "cpu"', 'device = "gpu"'), "device", id="a device that no worker has"),
        pytest.param(STANDARD[: STANDARD.index("\n[[version.track]]")], r"version\.0\.track", id="no track"),
    ],
)
def test_tracks_that_do_not_fit_together_are_refused(tmp_path: Path, text: str, why: str) -> None:
    """The message says what to do, or where it is wrong."""
    with pytest.raises(PlatformError, match=why) as caught:
        load(written(tmp_path, text))
    assert caught.value.code is Code.COMPETITION_INVALID


UNBOUNDED = STANDARD.replace('device = "cpu"', 'device = "cuda"').replace('dtype = "float32"', 'dtype = "bfloat16"')
CARD = UNBOUNDED.replace("ram_bytes", "card_bytes = 17179869184\nram_bytes")
"""The packaged rules, spoken on a card."""


def test_a_track_runs_where_its_families_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a card, and in the numbers that its manifest names: one that it does not name refuses the file."""
    on_card = FAMILIES["vits"].model_copy(update={"devices": ("cpu", "cuda"), "dtypes": ("float32",)})
    monkeypatch.setitem(FAMILIES, "vits", on_card)
    with pytest.raises(PlatformError, match="asks for bfloat16, and the family vits can do float32 only"):
        load(written(tmp_path, CARD))
    monkeypatch.setitem(FAMILIES, "vits", on_card.model_copy(update={"dtypes": ("float32", "bfloat16")}))
    (track,) = load(written(tmp_path, CARD)).at(RoundNumber(0)).track
    assert track.synthesis == SynthesisRules(device="cuda", threads=1, batch=1, dtype="bfloat16")
    with pytest.raises(PlatformError, match="a track on the device cuda has it, and no other does"):
        load(written(tmp_path, UNBOUNDED))


def described(*, families: str = "espeak", counterfactual: int = 2) -> str:
    """The demo's rules with descriptions that ask for everything."""
    text = COMPETITION.read_text(encoding="utf-8").replace('families = ["espeak", "vits"]', f'families = ["{families}"]')
    text = text.replace("asks = []", 'asks = ["rate", "pitch", "expression", "loudness"]')
    text = text.replace("counterfactual = 0", f"counterfactual = {counterfactual}")
    return text.replace("delivery = 0.0", "delivery = 0.2").replace("naturalness = 0.4", "naturalness = 0.2")


def test_who_hears_descriptions_may_be_asked(tmp_path: Path) -> None:
    """With families that hear them, a competition may ask for all; what it asks is a rule like others, and hashed."""
    rules = load(written(tmp_path, described())).at(RoundNumber(0))
    (track,) = rules.track
    assert track.prompts.plan.asks == tuple(Attribute)
    assert any(prompt.voice.judged for group in track.groups(BlockHash("0x" + "ab" * 32)) for prompt in group.prompts)
    fewer = described().replace('"rate", "pitch", ', "")
    assert load(written(tmp_path, fewer)).at(RoundNumber(0)).hash != rules.hash


def test_a_rounds_groups_are_drawn_once() -> None:
    """A validator asks for them with each receipt of the round; another round, and another track's number of groups, are others."""
    track = load().at(RoundNumber(0)).track[0]
    fewer = track.model_copy(update={"prompts": track.prompts.model_copy(update={"single": 2})})
    first, second = (BlockHash("0x" + digits * 32) for digits in ("ab", "cd"))
    assert track.groups(first) is track.groups(first)
    assert track.groups(first) != track.groups(second)
    assert len(fewer.groups(first)) == 2 + track.prompts.voice


def test_plain_reading_asks_nothing_of_a_voice() -> None:
    """Neither the packaged competition nor the demo names a register or a level; every sample is without delivery."""
    for path in (DEFAULT_PATH, COMPETITION):
        asked = load(path).at(RoundNumber(0)).track[0].groups(BlockHash("0x" + "ab" * 32))
        assert {prompt.voice for group in asked for prompt in group.prompts} == {Voice()}


def test_what_was_assumed_decides_no_money(tmp_path: Path) -> None:
    """The standard profile's anchors are not measured yet: the refusal says so, and how that changes."""
    text = described().replace('profile = "embedded"', 'profile = "standard"')
    with pytest.raises(PlatformError, match="the standard profile's anchors are assumed, not measured") as caught:
        load(written(tmp_path, text))
    assert caught.value.code is Code.COMPETITION_INVALID
    measured = {Profile.STANDARD: ANCHORS[Profile.EMBEDDED]}
    assert load(written(tmp_path, text), measured).at(RoundNumber(0)).track[0].profile is Profile.STANDARD


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path stands in the error."""
    with pytest.raises(PlatformError, match=r"nowhere\.toml cannot be read"):
        load(tmp_path / "nowhere.toml")

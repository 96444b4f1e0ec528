"""The track of described voices: rules that ship without pinned parts, and the version of a competition in which it begins."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurons.cli.family.commands import app
from neurons.localnet.network import COMPETITION
from prompts.groups import GroupKind
from prompts.voices import Attribute
from scoring.competition import DEFAULT_PATH, load
from scoring.described import described
from scoring.errors import Code, PlatformError
from scoring.studies.simulation.ceiling import ceiling
from scoring.studies.simulation.measured import rules_hash
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.parts import PinnedPart, to_toml
from scoring.types import BlockHash

CODEC = PinnedPart(
    repo="a/codec", revision="1" * 40, licence="mit", files={"config.json": "2" * 64, "model.safetensors": "3" * 64}
)
PINS = {family: to_toml(family, {"codec": CODEC}) for family in described().families}
STANDARD = DEFAULT_PATH.read_text(encoding="utf-8")


def admitted(folder: Path, *more: str, pins: dict[str, str] = PINS) -> str:
    """Run the command with a file of pins for each family; what it said."""
    files = []
    for family, lines in pins.items():
        (folder / f"{family}.toml").write_text(lines, encoding="utf-8")
        files += ["--parts", str(folder / f"{family}.toml")]
    asked = ["admit", "--from-round", "900", "--out", str(folder / "next.toml"), *files, *more]
    done = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_track_begins_with_a_version_of_its_own(tmp_path: Path) -> None:
    """Rounds before it have the rules that they had; what it writes loads, and the other track has but its share changed."""
    said = admitted(tmp_path)
    before, after = load(tmp_path / "next.toml").version
    assert before == load().version[0]
    small, track = after.track
    assert small == before.track[0].model_copy(update={"share": 0.7})
    assert (track.name, track.share, {name: parts["codec"] for name, parts in track.parts.items()}) == (
        "described",
        0.3,
        dict.fromkeys(track.families, CODEC),
    )
    assert track.model_dump(exclude={"parts"}) == described().model_dump(exclude={"parts"})
    assert rules_hash(after) == rules_hash(before)  # so the study of the track "small" is still of its rules
    assert "from round 900 on small has 0.7 of the emission, described has 0.3 of the emission" in said


def test_a_file_of_several_tracks_and_versions_makes_room_in_all_of_the_last(tmp_path: Path) -> None:
    """Shares of its tracks keep their proportions; earlier versions keep their shares."""
    head, mark, track = COMPETITION.read_text(encoding="utf-8").partition("[[version.track]]")
    small, other = (
        track.replace("share = 1.0", f"share = {share}").replace('["espeak", "vits"]', f'["{family}"]')
        for share, family in ((0.6, "vits"), (0.4, "espeak"))
    )
    text = "\n".join([head, mark, small, mark, other.replace('name = "small"', 'name = "other"')])
    first = text[text.index("\n[[version]]") :].replace("from_round = 0", "from_round = 9")
    (tmp_path / "rules.toml").write_text(text + first, encoding="utf-8")
    admitted(tmp_path, "--competition", str(tmp_path / "rules.toml"))
    shares = [[each.share for each in version.track] for version in load(tmp_path / "next.toml").version]
    assert shares == [[0.6, 0.4], [0.6, 0.4], pytest.approx([0.42, 0.28, 0.3])]


SECOND = STANDARD + STANDARD[STANDARD.index("\n[[version]]") :].replace("from_round = 0", "from_round = 900")
STRANGER = to_toml("pocket_tts", {"codec": CODEC})


@pytest.mark.parametrize(
    ("pins", "code", "why"),
    [
        pytest.param({"none": ""}, Code.ARGUMENT_INVALID, "holds what `voice family pin` writes, and nothing", id="empty"),
        pytest.param({"rules": STANDARD}, Code.ARGUMENT_INVALID, "holds what `voice family pin` writes, and nothing", id="rules"),
        pytest.param({"broken": "repo ="}, Code.ARGUMENT_INVALID, "the pinned parts are not TOML", id="no TOML"),
        pytest.param(
            {"qwen": PINS["qwen3_tts"]}, Code.ARGUMENT_INVALID, "no pinned parts of llama_snac: `voice family pin", id="lacking"
        ),
        pytest.param(PINS | {"again": PINS["qwen3_tts"]}, Code.ARGUMENT_INVALID, "pinned parts of qwen3_tts twice", id="twice"),
        pytest.param(
            PINS | {"pocket": STRANGER},
            Code.ARGUMENT_INVALID,
            "pinned parts of pocket_tts: the track described admits qwen3_tts, llama_snac",
            id="a stranger's",
        ),
        pytest.param(
            PINS | {"qwen3_tts": PINS["qwen3_tts"].replace("1" * 40, "main")},
            Code.COMPETITION_INVALID,
            "^nothing was written, for what would be: version.1.track.1.parts.qwen3_tts.codec.revision: ",
            id="no revision",
        ),
    ],
)
def test_what_is_no_competition_is_not_written(tmp_path: Path, pins: dict[str, str], code: Code, why: str) -> None:
    """It is refused with a code and a reason, and no file stays."""
    with pytest.raises(PlatformError, match=why) as caught:
        admitted(tmp_path, pins=pins)
    assert (caught.value.code, (tmp_path / "next.toml").exists()) == (code, False)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        pytest.param("away", "away cannot be read: No such file or directory", id="not there"),
        pytest.param("", "cannot be read: Is a directory", id="a folder"),
        pytest.param("bytes", "bytes is no text in UTF-8", id="no text"),
    ],
)
def test_pins_that_cannot_be_read(tmp_path: Path, place: str, why: str) -> None:
    """The file, and what is wrong, in words."""
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(PlatformError) as caught:
        admitted(tmp_path, "--parts", str(tmp_path / place))
    assert (caught.value.code, caught.value.detail.endswith(why)) == (Code.ARGUMENT_INVALID, True), caught.value.detail


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        pytest.param('name = "no version"', Code.COMPETITION_INVALID, "rules.toml: ", id="no rules"),
        pytest.param(
            STANDARD.replace("\n[[version]]", "\n [[version]]"), Code.ARGUMENT_INVALID, r"holds no \[\[version\]\]", id="indented"
        ),
        pytest.param(
            SECOND, Code.ARGUMENT_INVALID, "rules.toml begins in round 900, and the next one later", id="no later round"
        ),
        pytest.param(
            STANDARD.replace('"small"', '"described"'),
            Code.ARGUMENT_INVALID,
            "rules.toml has the track described already, from round 0 on",
            id="twice",
        ),
    ],
)
def test_what_cannot_be_gone_on_from(tmp_path: Path, text: str, code: Code, why: str) -> None:
    """A file without rules, and one that has the track already."""
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PlatformError, match=why) as caught:
        admitted(tmp_path, "--competition", str(tmp_path / "rules.toml"))
    assert (caught.value.code, (tmp_path / "next.toml").exists()) == (code, False)


def test_it_asks_for_all_kinds_of_groups_and_everything_that_is_heard() -> None:
    """32 groups, three kinds, four attributes; a voice that does all of it reaches the stated ceiling."""
    track = described()
    groups = track.groups(BlockHash("0x" + "ab" * 32))
    assert [sum(group.kind is kind for group in groups) for kind in GroupKind] == [20, 8, 4]
    assert track.prompts.asks == tuple(Attribute)
    assert ceiling(track, 2) == pytest.approx(track.duel.ceiling, abs=1e-6)


def test_who_hears_no_description_is_not_in_it(tmp_path: Path) -> None:
    """With vits the track would not load: that family is judged by what it reads."""
    admitted(tmp_path)
    text = (tmp_path / "next.toml").read_text(encoding="utf-8")
    before, mark, track = text.rpartition("[[version.track]]")
    (tmp_path / "rules.toml").write_text(before + mark + track.replace("families = [", 'families = ["vits", '), encoding="utf-8")
    with pytest.raises(PlatformError, match="which the family vits cannot hear"):
        load(tmp_path / "rules.toml")
    assert FAMILIES["vits"].capabilities.hears == frozenset()


def test_rules_are_not_written_over(tmp_path: Path) -> None:
    """A file that is there stays as it is."""
    admitted(tmp_path)
    text = (tmp_path / "next.toml").read_text(encoding="utf-8")
    with pytest.raises(PlatformError, match="is there already") as caught:
        admitted(tmp_path)
    assert (caught.value.code, (tmp_path / "next.toml").read_text(encoding="utf-8")) == (Code.ARGUMENT_INVALID, text)

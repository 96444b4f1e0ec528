"""A round's groups: fixed by the seed, distinct, and of the planned kinds."""

from dataclasses import replace

import pytest

from prompts.draw import Draw
from prompts.generate import ASKED_LEVELS, describe, generate, name_speaker
from prompts.groups import Group, GroupKind, GroupPlan
from prompts.voices import LEVELS, ORDINARY, Attribute, Register, Voice, asked_attributes, parse_description, phrases
from scoring.receipts.receipt import prompts_hash

SEED = bytes.fromhex("5e" * 32)
PLAN = GroupPlan(single=20, counterfactual=8, voice=4, asks=tuple(Attribute))


@pytest.fixture(scope="module")
def groups() -> tuple[Group, ...]:
    """A round that asks for every attribute."""
    return generate(SEED, PLAN)


def test_is_the_same_on_every_machine(groups: tuple[Group, ...]) -> None:
    """This digest changes only with the corpus, and then every worker must change with it."""
    assert prompts_hash(groups) == "1b168e831a6cbcb7504567a3554bda78f8c1db19fce2eed83518257a86ad2269"


def test_digest_depends_on_every_word(groups: tuple[Group, ...]) -> None:
    """One changed level changes the digest."""
    first = groups[0]
    prompt = first.prompts[0]
    changed = replace(prompt, voice=prompt.voice.with_level(Attribute.RATE, 6))
    assert prompts_hash((replace(first, prompts=(changed, *first.prompts[1:])), *groups[1:])) != prompts_hash(groups)


def test_has_the_planned_groups_in_shuffled_order(groups: tuple[Group, ...]) -> None:
    """Counts follow the plan, ids the position; kinds are mixed."""
    kinds = [group.kind for group in groups]
    assert [kinds.count(kind) for kind in GroupKind] == [20, 8, 4]
    assert kinds != sorted(kinds, key=list(GroupKind).index)
    assert [group.id for group in groups] == [f"g{index:02d}" for index in range(32)]
    assert [prompt.id for group in groups for prompt in group.prompts] == [
        f"{group.id}.{letter}" for group in groups for letter in "ab"[: len(group.prompts)]
    ]


def test_texts_are_distinct_in_a_round() -> None:
    """Only the sides of a counterfactual pair share a text, over many rounds."""
    for number in range(20):
        round_groups = generate(bytes([number]) * 32, PLAN)
        texts = [text for group in round_groups for text in {prompt.text for prompt in group.prompts}]
        assert len(texts) == len(set(texts)) == 20 + 8 + 2 * 4


def test_another_seed_asks_other_texts() -> None:
    """Two rounds share (almost) nothing."""
    one, two = ({p.text for g in generate(seed * 32, PLAN) for p in g.prompts} for seed in (b"\x01", b"\x02"))
    assert not one & two


def test_counterfactual_pairs_differ_in_one_attribute(groups: tuple[Group, ...]) -> None:
    """Same text, same speaker, the contrast asked 1 and 5, nothing else asked."""
    for group in (group for group in groups if group.kind is GroupKind.COUNTERFACTUAL):
        low, high = group.prompts
        assert group.contrast is not None
        assert low.text == high.text
        assert low.voice.with_level(group.contrast, 5) == high.voice
        assert asked_attributes(low.voice) == (group.contrast,)
        assert low.voice.level(group.contrast) == 1
        assert low.description.split(" speaks ")[0] == high.description.split(" speaks ")[0]


def test_voice_pairs_share_the_description(groups: tuple[Group, ...]) -> None:
    """Two texts, one voice."""
    for group in (group for group in groups if group.kind is GroupKind.VOICE):
        first, second = group.prompts
        assert (first.voice, first.description) == (second.voice, second.description)
        assert first.text != second.text


def test_singles_ask_one_to_three_attributes() -> None:
    """All of one, two and three occur; levels stay in the range of natural speech."""
    singles = [group.prompts[0].voice for group in generate(SEED, replace(PLAN, single=60, counterfactual=0, voice=0))]
    assert {len(asked_attributes(voice)) for voice in singles} == {1, 2, 3}
    assert {voice.level(attribute) for voice in singles for attribute in asked_attributes(voice)} == set(ASKED_LEVELS)
    assert {attribute for voice in singles for attribute in asked_attributes(voice)} == set(Attribute) - {Attribute.LOUDNESS}


@pytest.mark.parametrize(
    ("asks", "judged"),
    [
        pytest.param((), set(), id="plain reading"),
        pytest.param((Attribute.RATE,), {Attribute.RATE}, id="pace alone: no register is named"),
        pytest.param((Attribute.PITCH,), {Attribute.PITCH}, id="pitch, on the scale of a register"),
        pytest.param((Attribute.LOUDNESS,), set(), id="loudness, which no single clip shows"),
    ],
)
def test_a_plan_says_what_is_asked(asks: tuple[Attribute, ...], judged: set[Attribute]) -> None:
    """Nothing else is named in words or asked in levels, and what words ask for is what levels say."""
    prompts = [p for g in generate(SEED, GroupPlan(single=12, counterfactual=0, voice=4, asks=asks)) for p in g.prompts]
    assert {attribute for prompt in prompts for attribute in prompt.voice.judged} == judged
    assert all(parse_description(prompt.description) == prompt.voice for prompt in prompts)


def test_loudness_is_asked_in_pairs() -> None:
    """Both sides of a pair show it: the same text, low and high."""
    pairs = generate(SEED, GroupPlan(single=0, counterfactual=4, voice=0, asks=(Attribute.LOUDNESS,)))
    assert [[prompt.voice for prompt in pair.prompts] for pair in pairs] == [[Voice(loudness=1), Voice(loudness=5)]] * 4


def test_pairs_need_something_to_differ_in() -> None:
    """Plain reading has no counterfactual pairs."""
    with pytest.raises(ValueError, match="none may"):
        generate(SEED, GroupPlan(single=0, counterfactual=1, voice=0))


def test_a_seed_is_a_block_hash() -> None:
    """Anything but 32 bytes is refused."""
    with pytest.raises(ValueError, match="32 bytes"):
        generate(b"short", PLAN)


@pytest.mark.parametrize("register", [*Register, None])
@pytest.mark.parametrize("attribute", list(Attribute))
def test_descriptions_can_be_read_back(register: Register | None, attribute: Attribute) -> None:
    """Whatever words are drawn, a level of every attribute is understood as it was meant."""
    draw = Draw(SEED, "describe")
    levels = [ORDINARY] if register is None and attribute is Attribute.PITCH else range(LEVELS)
    for level in levels:
        voice = Voice(register=register).with_level(attribute, level)
        assert {parse_description(describe(voice, name_speaker(register, draw), draw)) for _ in range(12)} == {voice}


def test_a_pitch_is_asked_of_a_register() -> None:
    """There is no ordinary pitch of anybody's voice: without a register none can be asked, and one in words is not heard."""
    with pytest.raises(ValueError, match="register"):
        Voice(pitch=5)
    assert parse_description("Somebody speaks at a very high pitch and very slowly.") == Voice(rate=1)


def test_plain_reading_is_judged_by_nothing() -> None:
    """A register is judged by its pitch; whatever is out of the ordinary is judged too."""
    assert Voice().judged == ()
    assert Voice(register=Register.LOW).judged == (Attribute.PITCH,)
    assert Voice(register=Register.LOW, rate=1, loudness=5).judged == (Attribute.RATE, Attribute.PITCH, Attribute.LOUDNESS)


def test_descriptions_join_all_that_is_asked() -> None:
    """Four attributes at once are all said, and all understood."""
    draw = Draw(SEED, "all")
    voice = Voice(register=Register.HIGH, rate=5, pitch=1, expression=0, loudness=6)
    description = describe(voice, name_speaker(voice.register, draw), draw)
    assert parse_description(description) == voice
    assert description[0].isupper() and description.endswith(".")


def test_no_phrase_hides_in_another() -> None:
    """Within an attribute, no phrase is part of another one, or reading back would be guessing."""
    scales = [*phrases().levels.values(), tuple(phrases().speakers.values())]
    for scale in scales:
        ways = [way for level in scale for way in level]
        assert not [(one, other) for one in ways for other in ways if one != other and one in other]

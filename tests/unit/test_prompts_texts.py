"""Texts: each kind has its share, nothing comes back too often, and every text can be read, judged and said in time."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import pytest

from prompts.draw import Draw
from prompts.figures import FIGURES
from prompts.generate import generate
from prompts.grammar import SLOT, Writer
from prompts.groups import Prompt, TextKind
from prompts.inflect import article
from prompts.texts import KINDS, Texts, deal, grammars
from prompts.vocabulary import Form, inflect, vocabulary
from prompts.voices import ORDINARY, Attribute, centre
from scoring.competition import load
from scoring.judges.recognition.dictionary import count_phonemes, pronunciations, unknown
from scoring.judges.recognition.matching import nearest
from scoring.language.text import doubts, normalise
from scoring.types import RoundNumber

ROUNDS = 60
PLAN = load().at(RoundNumber(0)).track[0].prompts.plan
TEXTS = PLAN.single + PLAN.counterfactual + 2 * PLAN.voice
MOST_SECONDS = 240
LEAST_CONTENT_WORDS = 5_000
MOST_OF_A_FRAME = 0.005
LEAST_NEW_PAIRS = 0.2
VOWELS = frozenset({"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"})
FUNCTION_WORDS = frozenset(
    """
    a about above across after again all along already also although always am among an and another any anybody anything are around
    as at away back be became because been before behind being below beside between both but by can cannot could did do does doing
    done down during each either else enough even ever every everybody everything few for from had has have having he her here hers
    herself him himself his how however i if in inside instead into is it its itself just least less let like many may me mine more
    most much must my myself near neither never no nobody none nor not nothing now of off often on once one only or other our out
    outside over own perhaps quite rather said same shall she should since so some somebody something somewhere still such than that
    the their them then there these they this those though through till to together too toward towards under until up upon us very
    was we well went were what whatever when where whether which while who whom whose why will with within without would yes yet you
    your yours zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion point first second third fourth
    fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth
    nineteenth twentieth thirtieth percent dot dash slash p m s d i'm i'd don't isn't wasn't won't that's it's let's
    """.split()  # noqa: SIM905 - words read as words
)


@cache
def rounds() -> tuple[tuple[Prompt, ...], ...]:
    """The prompts of many rounds of the packaged competition."""
    return tuple(
        tuple(prompt for group in generate(number.to_bytes(32, "big"), PLAN) for prompt in group.prompts)
        for number in range(ROUNDS)
    )


def fillings() -> Iterator[tuple[TextKind, str, Form | None]]:
    """Every slot of every line and of every phrase: the kind, the slot's class, and the form that it asks for."""
    for kind, grammar in grammars().items():
        todo, seen = list(grammar.lines), set[str]()
        while todo:
            for name, _, form in SLOT.findall(todo.pop()):
                lower = name[0].lower() + name[1:]
                yield kind, lower, Form(form) if form else None
                if lower not in seen and lower not in FIGURES and not name[0].isdigit():
                    seen.add(lower)
                    todo += [entry for entry in grammar.words[lower] if "{" in entry]


def entries() -> set[tuple[str, Form | None]]:
    """Every word that some line may say, with the forms that it is said in."""
    return {
        (entry, form)
        for kind, name, form in fillings()
        if name not in FIGURES and not name[0].isdigit()
        for entry in grammars()[kind].words[name]
        if "{" not in entry
    }


def test_every_slot_can_be_filled() -> None:
    """Each slot of each line and phrase names a class with words, figures, or a range of numbers; none is both."""
    missing = {
        (kind.value, name)
        for kind, name, _ in fillings()
        if not name[0].isdigit() and (name in FIGURES) == bool(grammars()[kind].words.get(name))
    }
    assert missing == set()


def test_every_word_is_in_the_dictionary() -> None:
    """All that a line or a word's form can say has a pronunciation, so that any prompt's length can be told."""
    pieces = {line for grammar in grammars().values() for line in grammar.lines}
    pieces |= {entry for grammar in grammars().values() for ways in grammar.words.values() for entry in ways if "{" in entry}
    words = {made for entry, form in entries() if (made := inflect(entry, form)) is not None}
    texts = words | {SLOT.sub("1", piece) for piece in pieces}
    plain = {text for text in texts if re.fullmatch(r"[A-Za-z' -]*[a-z]", text)}
    said = {word for text in plain for word in re.findall(r"[a-z']+", text.lower())}
    said |= {word for text in texts - plain for word in normalise(text)}
    assert unknown(said) == ()


def test_all_words_are_in_use() -> None:
    """No list of words is left over."""
    used = {name for _, name, _ in fillings()}
    spliced = {"kinsman", "kinswoman", "woman", "man", "animal", "bird", "dish", "sweet"}
    assert set(vocabulary()) - used - spliced == set()


def test_articles_fit_what_follows() -> None:
    """The rule for 'a' and 'an' agrees with the dictionary's sounds for every word that a slot may begin with."""
    wrong = []
    for entry, form in entries():
        made = inflect(entry, form) or ""
        if made[:1].islower():
            first = re.findall(r"[a-z']+", made)[0]
            sounds = {("an" if way.split()[0].rstrip("012") in VOWELS else "a") for way in pronunciations()[first]}
            wrong += [made] if article(made) not in sounds else []
    assert sorted(wrong) == []


def test_no_text_leaves_a_doubt() -> None:
    """Whatever figures and signs a prompt has, it can be read, and nobody has to guess how."""
    assert [(prompt.text, doubts(prompt.text)) for prompts in rounds() for prompt in prompts if doubts(prompt.text)] == []


def test_who_hears_a_text_as_it_is_read_hears_no_error() -> None:
    """Its words as they are written and as they are said are all of them right, whatever figures, signs and letters it has."""
    texts = [prompt.text for prompts in rounds()[:6] for prompt in prompts]
    wrong = [text for text in texts if nearest(text, text).errors or nearest(text, " ".join(normalise(text))).errors]
    assert wrong == []


def test_texts_are_written_as_people_write() -> None:
    """A capital or a quote first, a full stop last; nothing unfilled, doubled or unpaired."""
    texts = [prompt.text for prompts in rounds() for prompt in prompts]
    wrong = [
        text
        for text in texts
        if not re.match(r'"?[A-Z]', text)
        or not re.search(r'[.!?]"?$', text)
        or re.search(r"[{}|=]|\s\s|\s[,.?!]|\.\.|\ba [aeio]\w|\ban [bcdgjkpqtvwyz][a-z]", text)
        or text.count('"') % 2
        or text.count("(") != text.count(")")
    ]
    assert [text for text in wrong if not re.search(r"\ba (one|once|euro|uni|us)", text)] == []


def test_every_round_has_its_share_of_every_kind() -> None:
    """Rounded up or down, whatever the seed; every kind is drawn."""
    total = sum(grammar.share for grammar in grammars().values())
    for number in range(ROUNDS):
        counts = Counter(deal(Draw(number.to_bytes(32, "big"), "kinds"), TEXTS))
        assert all(abs(counts[kind] - grammars()[kind].share * TEXTS / total) < 1 for kind in KINDS)
    assert {prompt.kind for prompts in rounds() for prompt in prompts} == set(KINDS)


def test_a_deal_depends_on_the_seed_alone() -> None:
    """The same kinds for the same seed, another order for another."""
    deals = [deal(Draw(bytes([seed]) * 32, "kinds"), 40) for seed in (1, 1, 2)]
    assert deals[0] == deals[1] != deals[2]


def test_no_frame_is_frequent() -> None:
    """A line is drawn with its kind's share divided by the kind's lines: at most .5 % of all prompts."""
    total = sum(grammar.share for grammar in grammars().values())
    shares = {(kind.value, line): g.share / total / len(g.lines) for kind, g in grammars().items() for line in g.lines}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares.values()) <= MOST_OF_A_FRAME


def test_no_frame_comes_twice_in_a_round() -> None:
    """A round draws the lines of a kind without replacement."""
    texts = Texts(bytes(32), 200)
    lines = Counter(texts._line(grammars()[TextKind.LONG]) for _ in range(len(grammars()[TextKind.LONG].lines)))
    assert set(lines.values()) == {1}


def test_words_are_many_and_really_drawn() -> None:
    """Sixty rounds say more than five thousand words, names counted, function words and numbers not."""
    said = {word for prompts in rounds() for prompt in prompts for word in normalise(prompt.text)}
    assert len(said - FUNCTION_WORDS) >= LEAST_CONTENT_WORDS


def test_rounds_stay_new() -> None:
    """After fifty rounds at least a fifth of a round's pairs of neighbouring words was never asked before."""
    pairs = [[pair for prompt in prompts for pair in pairwise(normalise(prompt.text))] for prompts in rounds()]
    seen = {pair for earlier in pairs[:50] for pair in earlier}
    for later in pairs[50:]:
        assert sum(pair not in seen for pair in later) / len(later) >= LEAST_NEW_PAIRS


def test_a_round_is_said_in_four_minutes() -> None:
    """The expected speech of a whole evaluation at an ordinary rate; a single text lasts one to twenty seconds."""
    rate = centre(Attribute.RATE, ORDINARY)
    for prompts in rounds():
        seconds = [count_phonemes(normalise(prompt.text)) / rate for prompt in prompts]
        assert sum(seconds) <= MOST_SECONDS
        assert min(seconds) >= 1.0 and max(seconds) <= 20.0


def test_texts_are_distinct_in_a_round() -> None:
    """Fresh texts never repeat, and no more are given than were asked for."""
    texts = Texts(bytes(range(32)), TEXTS)
    said = [texts.fresh().words for _ in range(TEXTS)]
    assert len(set(said)) == TEXTS
    with pytest.raises(IndexError):
        texts.fresh()


def test_a_round_is_made_in_no_time() -> None:
    """Within 50 ms of computing once the lists are read; the quickest of five, for machines with other work."""
    generate(bytes(32), PLAN)
    taken = []
    for number in range(5):
        started = time.process_time()
        generate(bytes([number]) * 32, PLAN)
        taken.append(time.process_time() - started)
    assert min(taken) < 0.05


def test_the_same_slot_says_the_same_and_a_numbered_one_another() -> None:
    """Within a line; and a capital where the slot has one."""
    writer = Writer(Draw(bytes(32), "slots"), {"fruit": ("apple", "pear"), "be": ("eat|ate|eaten",)})
    first, again, other, capital = writer.fill("{fruit} {fruit} {fruit2} {Fruit}").split()
    assert (first, first.capitalize()) == (again, capital)
    assert {first, other} == {"apple", "pear"}
    assert writer.fill("{be.did} {be.done} {be.doing} {be}") == "ate eaten eating eat"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("a {x}", "an owl", id="before a vowel"),
        pytest.param("A {x} and a {y}", "An owl and a unit", id="capital, and a vowel that sounds like none"),
        pytest.param("vitamin A {x}", "vitamin A owl", id="the letter stays"),
        pytest.param("two {x.s}", "two owls", id="plural"),
        pytest.param("{7-7}", "7", id="a number"),
    ],
)
def test_slots(line: str, expected: str) -> None:
    """What stands around a slot fits what fills it."""
    assert Writer(Draw(bytes(32), "slots"), {"x": ("owl",), "y": ("unit",)}).fill(line) == expected


def test_an_unknown_class_is_an_error() -> None:
    """No slot is ever left out."""
    with pytest.raises(KeyError):
        Writer(Draw(bytes(32), "slots"), {}).fill("{nothing}")

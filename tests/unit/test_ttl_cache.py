"""A costly question is asked once in a while, however many want to know."""

import asyncio
from datetime import timedelta

import pytest

from voice_api.web.dependencies import TtlCache


class Question:
    """Answers with how often it was asked, once it is let; a clock beside it."""

    def __init__(self) -> None:
        self.asked, self.now = 0, 0.0
        self.open = asyncio.Event()
        self.open.set()
        self.fails = False

    async def __call__(self) -> int:
        self.asked += 1
        await self.open.wait()
        if self.fails:
            raise ConnectionError
        return self.asked

    def clock(self) -> float:
        return self.now


@pytest.fixture
def question() -> Question:
    """Asked by nobody yet."""
    return Question()


@pytest.fixture
def cache(question: Question) -> TtlCache[int]:
    """Answers are kept for ten seconds."""
    return TtlCache(timedelta(seconds=10), question.clock)


async def test_asked_again_only_when_the_answer_is_old(question: Question, cache: TtlCache[int]) -> None:
    """Young answers are given again."""
    answers = []
    for question.now in (0.0, 9.9, 10.0, 19.9, 20.0):
        answers.append(await cache.get(question))
    assert answers == [1, 1, 2, 2, 3]


async def test_nobody_waits_while_another_asks_again(question: Question, cache: TtlCache[int]) -> None:
    """The last answer is given meanwhile."""
    await cache.get(question)
    question.now = 10.0
    question.open.clear()
    asking = asyncio.create_task(cache.get(question))
    await asyncio.sleep(0)
    assert await cache.get(question) == 1
    question.open.set()
    assert await asking == 2


async def test_many_at_first_ask_once(question: Question, cache: TtlCache[int]) -> None:
    """Those who come before the first answer wait for it."""
    assert await asyncio.gather(*(cache.get(question) for _ in range(5))) == [1] * 5


async def test_a_failure_is_not_kept(question: Question, cache: TtlCache[int]) -> None:
    """It is raised, and the next one asks again."""
    question.fails = True
    with pytest.raises(ConnectionError):
        await cache.get(question)
    question.fails = False
    assert await cache.get(question) == 2

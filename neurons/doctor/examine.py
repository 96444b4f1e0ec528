"""Checks that run beside each other, each within a time of its own: none hangs the others, and whatever one meets becomes a finding."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from neurons.doctor.catalogue import CheckName
from neurons.doctor.finding import Finding, Health, failing, fault, unknown
from scoring.errors import EXPLANATIONS, Code, VoiceError

T = TypeVar("T")
USUAL = timedelta(seconds=10)
"""The longest time of a look that waits for nothing but an answer."""
OWNERS: Mapping[Code, tuple[CheckName, ...]] = MappingProxyType(
    {
        Code.DATABASE_UNAVAILABLE: (CheckName.DATABASE, CheckName.SCHEMA),
        Code.REDIS_UNAVAILABLE: (CheckName.REDIS,),
        Code.CHAIN_UNAVAILABLE: (CheckName.CHAIN,),
        Code.HUB_UNAVAILABLE: (CheckName.HUB,),
        Code.API_UNAVAILABLE: (CheckName.API,),
        Code.WALLET_MISSING: (CheckName.WALLET,),
        Code.STORE_UNAVAILABLE: (CheckName.STORE,),
        Code.COMPETITION_INVALID: (CheckName.COMPETITION,),
        Code.SETTING_INVALID: (CheckName.SETTINGS, CheckName.CHAIN),  # a network that is not named, or that nobody knows
    }
)
"""The rows that an outage belongs to. While one of them fails the others only do not know, so that one fault is named once."""
_OWNERS = frozenset(name for names in OWNERS.values() for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One look at a part of a node. A look that fails, or takes longer than `within`, leaves its first name failing, the rest unknown."""

    names: tuple[CheckName, ...]
    look: Callable[[], Awaitable[Sequence[Finding]]]
    within: timedelta = USUAL


async def examine(checks: Sequence[Check]) -> tuple[Finding, ...]:
    """Run every check; what they find, each finding once, in the order of the names. It takes as long as the longest may."""
    ends = await asyncio.gather(*(_look(check) for check in checks), return_exceptions=True)
    pairs = list(zip(checks, ends, strict=True))
    down = frozenset(name for check, end in pairs for name in _down(check, end))
    found = [finding for check, end in pairs for finding in _findings(check, end, down)]
    order = list(CheckName)
    return tuple(sorted(by_cause(dict.fromkeys(found)), key=lambda finding: order.index(finding.check)))


def by_cause(found: Iterable[Finding]) -> list[Finding]:
    """The findings with one failure for each cause: it names what follows from it, and those rows are unknown and name it."""
    rows = list(found)
    failed = {each.check for each in rows if each.health is Health.FAILING}
    causes = [next((name for name in each.follows if name in failed), None) for each in rows]
    led_to: dict[CheckName, list[str]] = {}
    for each, cause in zip(rows, causes, strict=True):
        if cause is not None and each.check.value not in led_to.setdefault(cause, []):
            led_to[cause].append(each.check.value)
    return [_as_consequence(each, cause) if cause else _as_cause(each, led_to) for each, cause in zip(rows, causes, strict=True)]


def _as_consequence(row: Finding, cause: CheckName) -> Finding:
    return replace(row, health=Health.UNKNOWN, fix=f"See the row `{cause}`: this follows from it.")


def _as_cause(row: Finding, led_to: Mapping[CheckName, Sequence[str]]) -> Finding:
    names = led_to.get(row.check, ()) if row.health is Health.FAILING else ()
    return replace(row, value=f"{row.value}; from it follows: {', '.join(names)}") if names else row


async def _look(check: Check) -> Sequence[Finding]:
    async with asyncio.timeout(check.within.total_seconds()):
        return await check.look()


def _down(check: Check, end: Sequence[Finding] | BaseException) -> Collection[CheckName]:
    """The rows that fail by themselves."""
    match end:
        case VoiceError():
            return [name for name in OWNERS.get(end.code, ()) if name in check.names]
        case TimeoutError():
            return [name for name in check.names[:1] if name in _OWNERS]
        case OSError():
            return check.names[:1]
        case BaseException():
            return ()
        case _:
            return [finding.check for finding in end if finding.health is Health.FAILING]


def _findings(check: Check, end: Sequence[Finding] | BaseException, down: Collection[CheckName]) -> Sequence[Finding]:
    """What a check said, or what its end means; only an interrupt passes."""
    match end:
        case TimeoutError():
            return _late(check)
        case VoiceError():
            return _ended(check, end, down)
        case ValidationError():
            return tuple(unknown(name, "its settings cannot be read: see the row `settings`") for name in check.names)
        case OSError():
            why = end.strerror or type(end).__name__
            fix = "Look whether this user may read it, then ask again."
            return (failing(check.names[0], f"it cannot be looked at: {why}", fix), *_rest(check, check.names[0]))
        case Exception():
            why = f"an error of this program: {type(end).__name__}"
            return tuple(unknown(name, why, EXPLANATIONS[Code.INTERNAL].advice, Code.INTERNAL) for name in check.names)
        case BaseException():
            raise end
        case _:
            return end


def _late(check: Check) -> Sequence[Finding]:
    """A service that does not answer in time fails; what needed several answers may only be slow."""
    first, *_ = check.names
    seconds, fix = f"no answer within {check.within.total_seconds():g} s", "Look whether what it asks is up, then ask again."
    if first in _OWNERS:
        return (failing(first, seconds, fix), *_rest(check, first))
    return tuple(unknown(name, seconds, fix) for name in check.names)


def _ended(check: Check, error: VoiceError, down: Collection[CheckName]) -> Sequence[Finding]:
    owners = OWNERS.get(error.code, ())
    mine = next((name for name in owners if name in check.names), None)
    theirs = next((name for name in owners if name in down), None)
    if mine is None and theirs is not None:
        return tuple(unknown(name, f"not known: {error.detail}", f"See the row `{theirs}`.", error.code) for name in check.names)
    failed = mine or check.names[0]
    return (fault(failed, error), *_rest(check, failed))


def _rest(check: Check, failed: CheckName) -> Sequence[Finding]:
    return tuple(unknown(name, f"not known while `{failed}` fails") for name in check.names if name != failed)


class Once(Generic[T]):
    """Something that several checks read, read once: who gives up waiting for it does not end it for the others."""

    def __init__(self, read: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._read = read
        self._task: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """What was read; raises what the reading raised."""
        if self._task is None:
            self._task = asyncio.create_task(self._read())
        return await asyncio.shield(self._task)


async def in_thread(work: Callable[[], T]) -> T:
    """Do what blocks in a thread that ends with the process: a look that hangs is left behind, and nobody waits for it at the end."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()
    context = copy_context()  # it knows which file of settings is read

    def run() -> None:
        end = context.run(asyncio.run, _tried(work))
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(_tell, ended, end)

    threading.Thread(target=run, name="look", daemon=True).start()
    return await ended


async def _tried(work: Callable[[], T]) -> T | BaseException:
    async def once() -> T:
        return work()

    (end,) = await asyncio.gather(once(), return_exceptions=True)
    return end


def _tell(ended: "asyncio.Future[T]", end: T | BaseException) -> None:
    if ended.done():
        return
    if isinstance(end, BaseException):
        ended.set_exception(end)
    else:
        ended.set_result(end)

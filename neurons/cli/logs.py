"""Structured logs on standard error: for people by default, JSON for machines; those of libraries too."""

import logging
import sys
from collections.abc import Sequence

import structlog
from structlog.types import EventDict, Processor

from neurons.cli.log_repeats import LibraryRepeats, Repeats
from neurons.cli.log_values import Plain, in_words, plain
from neurons.settings import LogFormat, LogLevel, LogSettings
from scoring.foreign_words import printable
from scoring.shown_addresses import without_access

_TRACES = frozenset({"exception", "stack"})
"""What of an entry has several lines."""
_THEIRS = frozenset({"exc_info", "stack_info", "_record", "_from_structlog"})
"""What of an entry other processors read and take away."""


def configure(level: LogLevel | None = None) -> None:
    """Set up structlog and the standard library's logging, once per process, as VOICE_LOG_FORMAT and the level ask (else VOICE_LOG_LEVEL).

    Libraries log through the standard library: their warnings come out in the same form, with the same ids of the job at hand; what
    they say below that only with `debug`. A warning in the same words is written once in ten minutes.
    """
    settings = LogSettings() if level is None else LogSettings(log_level=level)
    machine = settings.log_format is LogFormat.JSON
    least = logging.getLevelNamesMapping()[settings.log_level.upper()]
    common: tuple[Processor, ...] = (
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _as_values,
    )
    written: tuple[Processor, ...] = (
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _without_passwords,  # of a trace, too
        structlog.processors.JSONRenderer() if machine else _harmless,  # JSON escapes by itself
        *(() if machine else (_console(),)),
    )
    structlog.configure(
        processors=[*common, Repeats(), *written],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _take_in_the_standard_library(common, written, logging.INFO if least < logging.INFO else max(least, logging.WARNING))


def _as_values(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Values as plain data: 3104 for a code, and not how Python shows its name; what the next processors need stays as it is."""
    return {name: value if name in _THEIRS else plain(value) for name, value in event.items()}


def _without_passwords(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Addresses without who asks and by which password or key: libraries say whom they ask."""
    return {name: value if name in _THEIRS else _hidden(value) for name, value in event.items()}


def _hidden(value: Plain) -> Plain:
    match value:
        case str():
            return without_access(value)
        case list():
            return [_hidden(each) for each in value]
        case dict():
            return {name: _hidden(each) for name, each in value.items()}
        case _:
            return value


def _console() -> Processor:
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _harmless(_logger: object, _method: str, event: EventDict) -> EventDict:
    """What people read: text that moves no cursor and ends no line, whoever chose it; what is not there is left out.

    The lines of a trace stand behind a margin, which no entry does.
    """
    there = {name: value for name, value in event.items() if value is not None}
    return {name: _margin(value) if name in _TRACES else in_words(value) for name, value in there.items()}


def _margin(trace: object) -> str:
    return "\n".join(f"  {line}" for line in printable(str(trace), lines=True).split("\n"))


def _take_in_the_standard_library(common: Sequence[Processor], written: Sequence[Processor], level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.stdlib.add_logger_name, LibraryRepeats.told],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *written],
        )
    )
    handler.addFilter(LibraryRepeats())
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers, root.level = [handler], level

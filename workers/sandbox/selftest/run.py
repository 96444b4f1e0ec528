"""The self-test of a host's sandbox: a hostile guest, decoder and converter try what they can; what was possible is named."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from scoring.competition import SubmissionLimits, SynthesisRules
from scoring.errors import Code, InfrastructureFault, PlatformError, VoiceError
from scoring.progress import NO_PROGRESS
from scoring.synthesis.synthesiser import Request
from workers.sandbox.conversation import GuestTimedOut
from workers.sandbox.convert_checkpoint import convert
from workers.sandbox.decode_upload import decode
from workers.sandbox.locked_tempdir import locked_tempdir
from workers.sandbox.sandbox import Sandbox
from workers.sandbox.selftest import file_guest, guest
from workers.sandbox.selftest.attempt import Attempt, Outcome
from workers.sandbox.selftest.behaviours import BEHAVIOURS, Behaviour
from workers.sandbox.selftest.catalogue import ATTEMPTS

log = structlog.get_logger(__name__)
_GUEST = ("-m", "workers.sandbox.selftest.guest")
_FILE_GUEST = ("-m", "workers.sandbox.selftest.file_guest")
_RULES = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")
_LIMITS = SubmissionLimits(
    repo_bytes=1,
    header_bytes=1,
    load_seconds=30.0,
    sample_seconds=30.0,
    late_factor=1.0,
    late_share=0.0,
    ram_bytes=512 << 20,
    max_audio_seconds=10.0,
    expected_low=0.1,
    expected_high=10.0,
)


class GuestKind(StrEnum):
    """The kind of guest that tried it: each has walls of its own."""

    MODEL = "model"
    DECODER = "decoder"
    CONVERTER = "converter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one attempt, or how the worker took one behaviour."""

    kind: GuestKind
    name: str
    outcome: Outcome
    said: str  # by the kernel, or the code of the verdict
    remains: str = ""  # why it may be possible

    @property
    def is_breach(self) -> bool:
        """Whether it was possible, and must not be."""
        return self.outcome is Outcome.POSSIBLE and not self.remains


def stop_if_open(scratch_root: Path) -> None:
    """The light self-test of a worker's start: every attempt, by a model's guest. Raises what `check` and `attempts` raise."""
    findings = attempts(scratch_root)
    check(findings)
    outcomes = Counter(finding.outcome for finding in findings)
    log.info(
        "the sandbox holds",
        refused=outcomes[Outcome.REFUSED],
        not_there=outcomes[Outcome.NOT_THERE],
        remain=outcomes[Outcome.POSSIBLE],
    )


def check(findings: Sequence[Finding]) -> None:
    """Raise InfrastructureFault(SANDBOX_OPEN) that names what was possible."""
    if breaches := [finding for finding in findings if finding.is_breach]:
        named = "; ".join(f"{breach.name} ({breach.kind}: {breach.said})" for breach in breaches)
        raise InfrastructureFault(Code.SANDBOX_OPEN, f"a hostile guest got through: {named}")


def attempts(scratch_root: Path, names: Sequence[str] = tuple(ATTEMPTS), program: Sequence[str] = _GUEST) -> tuple[Finding, ...]:
    """The attempts of these names, tried by one guest within a model's walls.

    Raises InfrastructureFault where this host's sandbox cannot be used at all. `program` is what Python runs as guest; only tests
    name another.
    """
    requests = [Request(str(number), name, "", number) for number, name in enumerate(names)]
    done = 0

    def count(spoken: int, _total: int) -> None:
        nonlocal done
        done = spoken

    with _place(scratch_root) as folder:
        try:
            spoken = Sandbox(scratch_root, program).speak(folder, guest.FAMILY, requests, _LIMITS, _RULES, on_sample=count)
        except (VoiceError, GuestTimedOut) as exc:
            if isinstance(exc, InfrastructureFault) and exc.code is not Code.WORKER_ERROR:
                raise  # no guest could begin; under the other code one was killed
            return (_found(names[done], Outcome.POSSIBLE, f"the guest did not outlive it: {exc}"),)
    return tuple(_finding(ATTEMPTS[name], said.reason) for name, said in zip(names, spoken, strict=True))


def _finding(tried: Attempt, reason: str) -> Finding:
    outcome, _, said = reason.partition(": ")
    if outcome not in set(Outcome):
        return _found(tried.name, Outcome.POSSIBLE, reason or "it spoke", tried.remains)
    return _found(tried.name, Outcome(outcome), said, tried.remains)


def _found(name: str, outcome: Outcome, said: str, remains: str = "") -> Finding:
    return Finding(kind=GuestKind.MODEL, name=name, outcome=outcome, said=said, remains=remains)


def everything(scratch_root: Path) -> Iterator[Finding]:
    """The full self-test, as it goes: every attempt by each kind of guest, then every behaviour by a guest of its own."""
    yield from attempts(scratch_root)
    yield by_decoder(scratch_root)
    yield by_converter(scratch_root)
    for name, behaviour in BEHAVIOURS.items():
        yield _behaved(scratch_root, name, behaviour)


def by_decoder(scratch_root: Path) -> Finding:
    """Every attempt, tried by one decoder of recordings."""
    try:
        decode(scratch_root, b"no sound", 1.0, program=(*_FILE_GUEST, "decode"))
    except PlatformError as error:
        return _of_file(GuestKind.DECODER, error.detail)
    return _of_file(GuestKind.DECODER, "it decoded")


def by_converter(scratch_root: Path) -> Finding:
    """Every attempt, tried by one converter of checkpoints."""
    with _place(scratch_root) as folder:
        try:
            convert(scratch_root, folder / "config.json", folder / "made", program=(*_FILE_GUEST, "convert"))
        except InfrastructureFault as fault:
            if fault.code is not Code.JUDGE_UNAVAILABLE:
                raise
            return _of_file(GuestKind.CONVERTER, fault.detail.removeprefix("config.json cannot be converted: "))
    return _of_file(GuestKind.CONVERTER, "it converted")


def _of_file(kind: GuestKind, said: str) -> Finding:
    outcome = Outcome.REFUSED if said == file_guest.NOTHING else Outcome.POSSIBLE
    return Finding(kind=kind, name="every attempt", outcome=outcome, said=said)


def _behaved(scratch_root: Path, name: str, behaviour: Behaviour) -> Finding:
    limits = _LIMITS.model_copy(update={"sample_seconds": behaviour.seconds})
    with _place(scratch_root) as folder:
        try:
            Sandbox(scratch_root, _GUEST).speak(
                folder, guest.FAMILY, [Request("0", name, "", 0)], limits, _RULES, on_sample=NO_PROGRESS
            )
        except (VoiceError, GuestTimedOut) as exc:
            outcome = Outcome.REFUSED if exc.code is behaviour.verdict else Outcome.POSSIBLE
            return _found(name, outcome, f"{exc.code:d} {exc.code.slug}")
    return _found(name, Outcome.POSSIBLE, "the guest went on")


@contextmanager
def _place(scratch_root: Path) -> Iterator[Path]:
    """A model's folder with a link out of it, beside a secret."""
    with locked_tempdir(scratch_root.resolve(), "selftest-") as root:
        folder = root / "model"
        folder.mkdir()
        (folder / "config.json").write_text("{}", encoding="ascii")
        (root / "secret").write_text("a key", encoding="ascii")
        (folder / "link").symlink_to(root / "secret")
        yield folder

"""The sandbox: a model speaks, or a stranger's file is read, in a child process that can do nothing else.

The walls: a process of its own that dies with the worker; no network, no other process; no file but the interpreter, its
libraries and the model, read-only, and one scratch folder; memory, processor time, file sizes and wall-clock time bounded; no
secret in reach. The kernel keeps them (Landlock, seccomp, resource limits, namespaces where the host permits), the guest proves
them before it reads a model's first byte, and without that proof nothing runs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import structlog

from scoring.audio.spoken import Spoken
from scoring.competition import SubmissionLimits, SynthesisRules
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.synthesis.synthesiser import Request
from workers.sandbox import confinement
from workers.sandbox.card import Card, OwnCard
from workers.sandbox.confinement import scratch
from workers.sandbox.conversation import CardFailed, Conversation, GuestStage, GuestTimedOut, OnSample
from workers.sandbox.decode_upload import Decoded, decode
from workers.sandbox.guest.orders import ModelTask
from workers.sandbox.guest_process import GuestProcess
from workers.sandbox.limits import MOST_THREADS, SCRATCH_BYTES
from workers.sandbox.own_group import OwnGroup, delegated

__all__ = ["CardFailed", "GuestStage", "GuestTimedOut", "Sandbox"]

log = structlog.get_logger(__name__)
_GUEST = ("-m", "workers.sandbox.guest")


class Sandbox:
    """Starts guests under `scratch_root`. `program` is what Python runs as guest; only tests of hostile guests name another.

    A track on cards is spoken on `card`, which is found on first use.
    """

    def __init__(
        self,
        scratch_root: Path,
        program: Sequence[str] = _GUEST,
        card: OwnCard | None = None,
        groups: Callable[[], Path | None] = delegated,
    ) -> None:
        self._groups = groups
        self._root = scratch_root
        self._card = card or OwnCard()
        self._program = tuple(program)
        self._guest: GuestProcess | None = None
        self.layers: Mapping[str, str] = {}
        """What keeps the latest guest in, as this host permits it; some layers are no more than a host's gift."""

    def stop(self) -> None:
        """End the guest that works, if one does; called by another thread than the one that waits for it, which finds it dead."""
        guest = self._guest
        if guest is not None:
            guest.kill()

    def hold_card(self, limits: SubmissionLimits) -> None:
        """Hold this process's card, where a track's models speak on one: asked before anything large is fetched or installed for them.

        Raises InfrastructureFault(CARD_UNAVAILABLE) where there is none, or none with room for a guest.
        """
        self._card_for(limits)

    def _card_for(self, limits: SubmissionLimits) -> Card | None:
        return None if limits.card_bytes is None else self._card(limits.card_bytes)

    def decode(self, upload: bytes, most_seconds: float) -> Decoded:
        """A stranger's sound file as PCM; raises PlatformError(AUDIO_INVALID) and InfrastructureFault
        (see `workers.sandbox.decode_upload`)."""
        return decode(self._root, upload, most_seconds, hold=self._hold)

    def _hold(self, guest: GuestProcess | None) -> None:
        self._guest = guest

    @contextmanager
    def guest(
        self,
        model_dir: Path,
        family: str,
        limits: SubmissionLimits,
        rules: SynthesisRules,
        *,
        parts: Path | None,
        environment: Path | None,
        seconds: float,
    ) -> Iterator[Conversation]:
        """A fresh guest that has loaded a model; all its answers together may take `seconds`. No process is left behind in any case.

        `parts` is the folder of what is pinned for the family, where anything is; `environment` that of packages which the guest
        imports before this process's own.

        Raises SubmissionFault (LOAD_FAILED, MEMORY_EXCEEDED), InfrastructureFault (SANDBOX_UNAVAILABLE, CARD_UNAVAILABLE, LIBRARY_MISSING,
        HOST_TOO_SLOW, WORKER_ERROR), GuestTimedOut, CardFailed, and PlatformError(SETTING_INVALID) for a model whose folder holds
        the scratch folder.
        """
        model = model_dir.resolve()
        if self._root.resolve().is_relative_to(model):
            raise PlatformError(
                Code.SETTING_INVALID,
                f"the guest's scratch folder {self._root} lies in the model's: run the command elsewhere, or set VOICE_DATA",
            )
        with scratch(self._root.resolve()) as place, self._own_group(limits) as group:
            card = self._card_for(limits)
            readable = [path for path in (model, parts, environment) if path]
            walls = confinement.for_model(readable, place, seconds, limits, rules, card=card)
            try:
                sizes = (limits.ram_bytes, SCRATCH_BYTES)
                guest = GuestProcess(self._program, place, rules.threads, *sizes, on_card=card is not None, group=group)
            except OSError as exc:
                raise InfrastructureFault(Code.SANDBOX_UNAVAILABLE, f"no guest can be started: {exc.strerror}") from exc
            try:
                with guest:
                    self._guest = guest
                    talk = Conversation(guest, walls, limits)
                    self.layers = talk.confine() | ({"group": "of its own"} if group else {"group": "the worker's"})
                    talk.load(
                        ModelTask(
                            family=family,
                            model_dir=str(model),
                            parts=_absolute(parts),
                            environment=_absolute(environment),
                            device=rules.device,
                            card_bytes=limits.card_bytes,
                            threads=rules.threads,
                            dtype=rules.dtype,
                            max_seconds=limits.max_audio_seconds,
                        )
                    )
                    yield talk
                    talk.end()
            finally:
                self._guest = None
                if guest.log:
                    log.info("a guest's own output", family=family, text=guest.log)

    @contextmanager
    def _own_group(self, limits: SubmissionLimits) -> Iterator[OwnGroup | None]:
        tree = self._groups()
        if tree is None:
            yield None
            return
        with OwnGroup.below(tree, limits.ram_bytes + SCRATCH_BYTES, MOST_THREADS) as group:
            yield group

    def speak(
        self,
        model_dir: Path,
        family: str,
        requests: Sequence[Request],
        limits: SubmissionLimits,
        rules: SynthesisRules,
        *,
        parts: Path | None = None,
        environment: Path | None = None,
        on_sample: OnSample,
    ) -> tuple[Spoken, ...]:
        """Let one guest say every request, each within `limits.sample_seconds`; one result per request, in order.

        Raises what `guest` raises, also where it does not speak as it must (GENERATION_FAILED, OUTPUT_TOO_LARGE).
        """
        spoken: list[Spoken] = []
        guest = partial(self.guest, model_dir, family, limits, rules, parts=parts, environment=environment)
        with guest(seconds=limits.sample_seconds * len(requests)) as talk:
            for start in range(0, len(requests), rules.batch):
                batch = requests[start : start + rules.batch]
                for item in talk.say(batch, limits.sample_seconds * len(batch)):
                    spoken.append(item)
                    on_sample(len(spoken), len(requests))
        return tuple(spoken)


def _absolute(path: Path | None) -> str | None:
    return str(path.resolve()) if path else None

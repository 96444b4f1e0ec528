"""The check by which an evaluation counts: its receipt holds, is about it, and agrees with the database."""

from collections.abc import Mapping
from dataclasses import dataclass

from prompts.groups import Group
from scoring.competition import Competition
from scoring.model.fingerprint import tag_of
from scoring.receipts import audit, parse, receipt
from scoring.receipts.certificate import Certificate, CertificateInvalid, Trust
from scoring.receipts.differences import Difference
from scoring.receipts.receipt import ReceiptInvalid, Signed, prompts_hash
from scoring.report import EvaluationReport
from scoring.scores import anchors
from scoring.types import ContentHash, Micro
from voice_api.db.rounds import EvaluationResult, Round
from voice_api.db.states import EvaluationState


@dataclass(frozen=True, slots=True)
class ReceiptCheck:
    """The check of one closed round's receipts, under its rules and by the issuers whose certificates count."""

    closed: Round
    competition: Competition
    trust: Trust

    def accepted_scores(self, result: EvaluationResult) -> Mapping[str, Micro]:
        """The scores of a verdict by group id, none for a rejection; raises ReceiptInvalid with the first reason not to count it."""
        signed = _signed(result)
        if result.finished_at is None or result.score is None:
            raise ReceiptInvalid("there is a receipt without a verdict")
        receipt.authenticate(signed, self.trust, result.finished_at)
        asked = self.competition.groups(self.closed.block_hash)
        scores = receipt.check(signed.receipt, result.receipt_hash or "", result.score, self._claims(result, asked))
        _check_shown(result, signed, scores)
        said = parse.read(signed.receipt)
        _check_tag(result, said.finding.content_hash)
        if said.finding.report is not None:
            _raise_first(audit.prompts(said, asked))
            self._check_numbers(said.finding.report, asked)
        return scores

    def _claims(self, result: EvaluationResult, asked: tuple[Group, ...]) -> Mapping[str, object]:
        return {
            "hotkey": result.hotkey,
            "commit_block": result.commit_block,
            "repo": result.repo,
            "revision": result.revision,
            "round": self.closed.round,
            "block_hash": self.closed.block_hash,
            "competition_hash": self.competition.hash,
            "prompts_hash": prompts_hash(asked),
            "code": result.code,
        }

    def _check_numbers(self, report: EvaluationReport, asked: tuple[Group, ...]) -> None:
        """Raise ReceiptInvalid for scores of other anchors than this validator's: they cannot be compared with earlier ones."""
        scale = anchors.load(self.competition.profile)
        _raise_first(audit.anchored(report, scale))
        _raise_first(audit.numbers(report, asked, self.competition, scale))


def _signed(result: EvaluationResult) -> Signed:
    if result.receipt is None or result.signature is None or result.certificate is None:
        raise ReceiptInvalid("the receipt is not signed")
    if not isinstance(result.receipt, dict):
        raise ReceiptInvalid("the receipt is no JSON object")
    try:
        return Signed(result.receipt, result.signature, Certificate.from_json(result.certificate))
    except CertificateInvalid as exc:
        raise ReceiptInvalid(str(exc)) from exc


def _check_tag(result: EvaluationResult, content: ContentHash | None) -> None:
    """Raise ReceiptInvalid unless the commitment's tag binds the judged content; a rejection before files were hashed names none."""
    if content is None:
        return
    try:
        tag = tag_of(content, result.public_key)
    except ValueError as exc:
        raise ReceiptInvalid("the public key, or the content's hash, is none") from exc
    if tag != result.tag:
        raise ReceiptInvalid(f"the commitment's tag does not bind the content {content}")


def _check_shown(result: EvaluationResult, signed: Signed, scores: Mapping[str, Micro]) -> None:
    """Raise ReceiptInvalid unless the database shows people what was signed."""
    if {group.id: group.score for group in result.groups} != scores:
        raise ReceiptInvalid("the stored groups are not the receipt's")
    if list(result.samples) != signed.receipt["samples"]:
        raise ReceiptInvalid("the stored samples are not the receipt's")
    if (result.state is EvaluationState.SCORED) != bool(scores):
        raise ReceiptInvalid(f"the receipt does not say that the evaluation is {result.state}")


def _raise_first(differences: list[Difference]) -> None:
    for row in differences:
        raise ReceiptInvalid(f"{row.what}: the receipt says {row.claimed}, it is {row.found}")

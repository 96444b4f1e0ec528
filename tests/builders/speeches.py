"""A submission with a score, and the top of its track: what a sentence is spoken by."""

from dataclasses import replace
from datetime import timedelta

from scoring.types import Block, ContentHash, Hotkey, RoundNumber, SubmissionId, TensorsHash, entrant
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import SMALL
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import Eligibility, NewRound, RoundEntry, Rounds
from voice_api.db.speeches import ModelVoice, SpeechBudget, Speeches, SpeechTimes
from voice_api.db.states import QueueName
from voice_api.db.submissions import NewSubmission, Submissions

CONTENT = ContentHash("11" * 32)
BUDGET = SpeechBudget(open=8, per_hour=60)
TIMES = SpeechTimes(within=timedelta(minutes=10), kept=timedelta(hours=1))


async def scored(
    pool: Pool,
    submission: NewSubmission,
    new_round: NewRound,
    verdict: Verdict,
    *,
    content: ContentHash = CONTENT,
    family: str = "vits",
    track: str = SMALL,
) -> SubmissionId:
    """Commit it and have it judged in a round of its own, which is closed."""
    (added,) = await Submissions(pool).add([submission])
    assert await Rounds(pool).open(new_round, [RoundEntry(added, None, QueueName.CPU, 0)])
    claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", timedelta(minutes=1))
    assert claim is not None
    own = f"{added:064x}"
    ended = replace(verdict, content_hash=content, tensors_hash=TensorsHash(own), receipt_hash=own, family=family, track=track)
    await EvaluationQueue(pool).finish(claim, ended)
    name = entrant(submission.hotkey, submission.commit_block)
    assert await Rounds(pool).close(new_round.round, Eligibility(Block(9), (name,), {}))
    return added


async def crown(pool: Pool, validator: Hotkey, submission: NewSubmission, number: int) -> None:
    """Let it hold the top of the track "small" after a closed round."""
    ledger = Ledger(pool, validator)
    head = await ledger.head()
    king = entrant(submission.hotkey, submission.commit_block)
    previous = "" if head is None else head.state_hash
    await ledger.append(a_ledger_entry(RoundNumber(number), king=king, previous=previous))


async def a_voice(pool: Pool, submission: SubmissionId, *, crowned: bool = True) -> ModelVoice:
    """A scored submission as a voice."""
    voice = await Speeches(pool).voice(submission, crowned=crowned)
    assert voice is not None
    return voice

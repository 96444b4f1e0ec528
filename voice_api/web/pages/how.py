"""How it works, in pictures: from a commitment to pay, with what each number on the pages is and how it is computed."""

from collections.abc import Mapping

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from scoring.report import Factor
from scoring.scores.reasons import GATES
from voice_api.web.dependencies import ServiceDep
from voice_api.web.pages.page import page
from voice_api.web.route import Route

router = APIRouter(include_in_schema=False, route_class=Route)

WORDS: Mapping[str, str] = {
    "commitment": "One ASCII string that a hotkey publishes on the chain to name its model: repository, revision and tag.",
    "round": "A number of consecutive blocks; the hash of the first draws its prompts.",
    "prompt": "A text and the description of the voice that shall speak it.",
    "sandbox": "The walls around a guest: no network, no file but its own, bounded memory and time.",
    "judge": "Code that measures one aspect of a clip and reports metrics.",
    "metric": "The raw number that a judge reports.",
    "anchor": "The two values of a metric that count as bad (0) and as human (1).",
    "utility": "A metric mapped to 0 … 1 between its anchors.",
    "gate": "A condition that must hold for a sample to count; a closed gate scores it 0 and names its reason.",
    "score": "The gated geometric mean of utilities, from 0 to 1; of a sample, a group, or an evaluation.",
    "group": "What is compared as one unit: one prompt, a counterfactual pair, or a voice pair.",
    "receipt": "The signed record of an evaluation, from which anybody can compute its score again.",
    "fold": "To take a closed round into the ledger.",
    "ledger": "A validator's hash chain of folded rounds.",
    "king": "The submission that holds the top.",
    "challenger": "A submission that is tested against the king.",
    "duel": "The test of a challenger against the king, over several rounds.",
    "margin": "How much better a challenger must be, frozen when its duel opens.",
    "threshold": "The evidence that a challenger needs, frozen when its duel opens.",
    "lineage": "Submissions that are the same model; only the earliest commit of one can earn.",
    "credit": "What a proven lead earns.",
    "weight": "A validator's share for one uid; the chain keeps a vector of them as 16-bit integers.",
    "burn": "The share that nobody earned; it goes to the subnet owner's uid.",
}
"""The glossary's words that the pages use, as docs/glossary.md explains them; a test holds the two equal."""

FACTORS: Mapping[Factor, str] = {
    Factor.INTELLIGIBILITY: "whether a recogniser hears the words that were asked for, all of them and no others",
    Factor.NATURALNESS: "whether it sounds like a person: several predicted opinions, pitch and spectrum, none of which may fail",
    Factor.DELIVERY: "whether the voice does what its description asked: pace, pitch, loudness, liveliness",
    Factor.CLEANLINESS: "the sound as a recording: no padding or gaps, no clipping, no missing treble, no noise",
    Factor.CONSISTENCY: "whether both clips of a voice pair have one speaker",
}
"""Each factor in words."""


@router.get("/how", response_class=HTMLResponse)
async def how(service: ServiceDep) -> HTMLResponse:
    """The whole way, the words, and the newest rules' numbers."""
    rules = service.schedule.version[-1]
    return page("how.html", path="/how", title="How it works", words=WORDS, factors=FACTORS, gates=GATES, rules=rules)

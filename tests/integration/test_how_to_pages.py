"""docs/howto: in a copy of the tree, the files and changes of each page are in the house's style and do what it promises; its lines run."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import bittensor as bt
import pytest

from tests.builders import how_to
from tests.builders.how_to import HowTo
from voice_api.db import migrate
from voice_api.db.database import Pool, connection_to
from voice_api.db.states import SubmissionState
from voice_api.db.submissions import NewSubmission, Submissions

LOOK_AT_TEXTS = """
from prompts.generate import generate
from prompts.groups import GroupPlan, TextKind
from scoring.judges.recognition.dictionary import unknown
from scoring.language.text import doubts, normalise

rounds = [generate(bytes([seed]) * 32, GroupPlan(single=100, counterfactual=0, voice=0, asks=())) for seed in range(12)]
texts = [group.prompts[0].text for groups in rounds for group in groups if group.prompts[0].kind is TextKind.RECIPES]
assert len(texts) >= 12, texts
assert [text for text in texts if doubts(text)] == []
assert unknown({word for text in texts for word in normalise(text)}) == ()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The tree's packages, copied."""
    return how_to.copied_tree(tmp_path)


def test_a_kind_of_prompt_is_drawn(tree: Path) -> None:
    """Its texts come in every round, can be read, and each word has a pronunciation."""
    guide = HowTo.of(how_to.page("prompt_kind"))
    guide.apply(tree)
    how_to.check_style(tree, *guide.files, *(path for path, _ in guide.changes))
    how_to.run(tree, f"{guide.lines}python -c '{LOOK_AT_TEXTS}'")
    prompts = json.loads((tree / "prompts.json").read_text(encoding="utf-8"))["prompts"]
    assert sum(prompt["kind"] == "recipes" for prompt in prompts) in (7, 8)


def test_a_change_that_fits_nowhere_is_told(tmp_path: Path) -> None:
    """So a page cannot speak of code that is no more."""
    (tmp_path / "code.py").write_text("one = 1\ntwo = 2\n", encoding="utf-8")
    change = "\n`code.py` changes:\n\n```diff\n one = 1\n-{old}\n+two = 3\n```\n"
    HowTo.of(change.format(old="two = 2")).apply(tmp_path)
    assert (tmp_path / "code.py").read_text(encoding="utf-8") == "one = 1\ntwo = 3\n"
    with pytest.raises(ValueError, match="0 places"):
        HowTo.of(change.format(old="two = 2")).apply(tmp_path)
    with pytest.raises(ValueError, match="is there already"):
        HowTo.of("\n`code.py`, new:\n\n```python\none = 1\n```\n").apply(tmp_path)


ASK = """
import asyncio, httpx
from voice_api.settings import ApiSettings
from voice_api.web.app import create_app

async def main():
    app = create_app(ApiSettings())
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        print((await client.get("/v1/counts")).text)

asyncio.run(main())
"""


async def test_an_endpoint_answers(
    tree: Path,
    database_url: str,
    redis_url: str,
    receiver: bt.Wallet,
    pool: Pool,
    new_submission: Callable[..., NewSubmission],
    refused: Callable[..., NewSubmission],
) -> None:
    """What the database holds, as its description says; and it is in the reference."""
    await Submissions(pool).add([new_submission(), new_submission(), refused()])
    guide = HowTo.of(how_to.page("endpoint"))
    guide.apply(tree)
    how_to.check_style(tree, *guide.files, *(path for path, _ in guide.changes))
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "VOICE_API_HOTKEY": receiver.hotkey.ss58_address}
    said = await asyncio.to_thread(how_to.run, tree, f"{guide.lines}python -c '{ASK}'", **environment)
    assert "The number of submissions in each state." in said
    assert json.loads(said.splitlines()[-1])["by_state"] == dict.fromkeys(SubmissionState, 0) | {"queued": 2, "rejected": 1}


JUDGE = """
import torch
from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import Voice
from scoring.audio.audio import Audio
from scoring.audio.clip import Clip
from scoring.judges.judge import Utterance
from scoring.judges.panel import Panel
from scoring.report import Factor
from scoring.scores.aggregate import load_anchors

judge = Panel.embedded().judges.single[-1]
prompt = Prompt(id="g00.a", text="open the gate", description="", voice=Voice())
tone = torch.sin(torch.arange(16_000) * 0.3)
for shift in (0.0, 0.5):
    utterance = Utterance(prompt, Group("g00", GroupKind.SINGLE, (prompt,)), Clip(Audio(tone + shift, 16_000)))
    found = judge.measure([utterance])[0]["offset"]
    print(found, load_anchors().factors[Factor.CLEANLINESS].metrics["offset"].utility(found))
"""


def test_a_judge_measures_in_the_panel(tree: Path) -> None:
    """An honest tone is not charged, one beside the zero line is; and the page of what is measured names it."""
    guide = HowTo.of(how_to.page("judge"))
    guide.apply(tree)
    how_to.check_style(tree, *guide.files, *(path for path, _ in guide.changes))
    said = how_to.run(tree, f"{guide.lines}python -c '{JUDGE}'")
    assert said.splitlines()[-2:] == ["0.0 1.0", "0.58 0.0"]
    assert '"offset": Measure(' in (tree / "scoring" / "studies" / "evidence" / "page.py").read_text(encoding="utf-8")


async def test_a_migration_leads_to_its_schema(tree: Path, database_url: str) -> None:
    """From what this version has; a second time nothing changes. Who may not change a remark is refused."""
    before = migrate.head()
    text = how_to.page("migration").replace("NNNN", f"{int(before) + 1:04}").replace("MMMM", before)
    guide = HowTo.of(text)
    guide.apply(tree)
    how_to.check_style(tree, *guide.files, *(path for path, _ in guide.changes))
    await asyncio.to_thread(how_to.run, tree, guide.lines, DATABASE_URL=database_url)
    async with connection_to(database_url) as connection:
        assert await connection.fetchval("select version_num from alembic_version") == f"{int(before) + 1:04}"
        assert await connection.fetchval("select count(*) from remarks") == 0
        await connection.execute((tree / "voice_api" / "db" / "roles.sql").read_text(encoding="utf-8"))
        granted = await connection.fetch(
            "select grantee, privilege_type from information_schema.role_table_grants where table_name = 'remarks'"
        )
    mine = {(row["grantee"], row["privilege_type"]) for row in granted if row["grantee"].startswith("voice_")}
    assert {grant for grant in mine if grant[0] != "voice_backup"} == {("voice_api", "SELECT"), ("voice_api", "INSERT")}

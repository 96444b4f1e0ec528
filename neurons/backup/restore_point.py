"""A restore point: the backup that is made before a migration, by which one goes back to the release before."""

from datetime import datetime
from pathlib import Path

from neurons.backup.create import BackupPlan, MadeBackup, create
from voice_api.db import migrate


async def restore_point(database_url: str, folder: Path, now: datetime, *, to: str) -> MadeBackup | None:
    """Back a database up before its schema becomes `to`; None where it has that one, none yet, or one that this release cannot change.

    Raises as `create` does: then nothing may be changed.
    """
    now_at = await migrate.revision_of(database_url)
    if now_at == to or now_at not in migrate.revisions():
        return None
    plan = BackupPlan(database_url=database_url, competition=None, store=None, copies=False)
    return await create(plan, folder, now, label=f"-before-{to}")

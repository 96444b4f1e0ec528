"""The miner's publish step: a checked folder becomes a repository at a pinned revision."""

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from scoring.errors import Code, PlatformError
from workers.hub import TransportError


def publish(folder: Path, repo: str, endpoint: str, token: str | None, private: bool) -> str:
    """Upload a folder to `repo`, made when missing; the 40-hex revision. Raises PlatformError(PUBLISHING_FAILED) with the hub's reason."""
    hub = HfApi(endpoint=endpoint, token=token if token is not None else False)
    try:
        hub.create_repo(repo, private=private, exist_ok=True)
        commit = hub.upload_folder(repo_id=repo, folder_path=folder, commit_message="Publish the model")
    except (HfHubHTTPError, HFValidationError, TransportError, OSError) as exc:
        reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        raise PlatformError(Code.PUBLISHING_FAILED, f"The hub {endpoint} did not take {repo}: {reason}") from exc
    return commit.oid

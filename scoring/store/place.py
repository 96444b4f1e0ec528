"""Where files are kept, as a setting names it, and the way to them."""

import re
from dataclasses import dataclass
from pathlib import Path

from scoring.errors import Code, PlatformError
from scoring.store.files import StoredFiles
from scoring.store.folder import FolderFiles

_SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"([\w.-]+/)*[\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket, and the beginning of every name in it ('' for none)."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        """The place as settings write it."""
        return f"{_SCHEME}{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """How to reach S3-compatible storage: its endpoint ('' for Amazon's own), its region, and the pair of keys."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str


StorePlace = Path | S3Place


def place_of(text: str) -> StorePlace:
    """A folder, or `s3://BUCKET` or `s3://BUCKET/PREFIX`; raises ValueError for an address that is neither."""
    if "://" not in text:
        return Path(text)
    bucket, _, prefix = text.removeprefix(_SCHEME).partition("/")
    if not text.startswith(_SCHEME) or not _BUCKET.fullmatch(bucket) or not _PREFIX.fullmatch(prefix) or ".." in prefix:
        raise ValueError("neither a folder nor of the form s3://BUCKET/PREFIX")
    return S3Place(bucket, prefix.rstrip("/"))


def open_files(place: StorePlace, access: S3Access | None) -> StoredFiles:
    """The files of a place; raises PlatformError(SETTING_INVALID) where storage was named and the way to it was not."""
    if isinstance(place, Path):
        return FolderFiles(place)
    if access is None:
        why = f"{place} needs the keys of its storage: set VOICE_STORE_ACCESS_KEY and VOICE_STORE_SECRET_KEY"
        raise PlatformError(Code.SETTING_INVALID, why)
    try:
        from scoring.store.s3 import S3Files
    except ImportError as exc:
        why = f"{place} needs a package that is not installed: install this project with its extra `s3`"
        raise PlatformError(Code.SETTING_INVALID, why) from exc
    return S3Files(place, access)

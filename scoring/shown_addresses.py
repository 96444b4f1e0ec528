"""Addresses as people may see them: without who asks, by which password, and with which key."""

import re

_ADDRESS = re.compile(r"(?<![a-z0-9])([a-z][a-z0-9+.-]*)://((?:(?!,[a-z][a-z0-9+.-]*://)\S)*)", re.IGNORECASE)
"""One address, also of a list with commas between: its scheme, and all that follows."""
_HOST = re.compile(r"(?:[\w.-]*|\[[\da-f:.%]*\])(?::\d*)?", re.IGNORECASE)
"""What a web address begins with where nobody is named in it."""
_PATHS_HAVE_SIGNS = frozenset({"http", "https", "file", "s3"})
"""Schemes whose paths may have an @, as a repository's at a revision."""
_NODES = frozenset({"ws", "wss"})
"""Schemes of a chain's nodes: providers put keys into their paths, and nobody has to read these."""
_KEY = re.compile(r"(?=[^/]*[a-z])(?=[^/]*[A-Z])(?=[^/]*\d)[A-Za-z0-9]{24,}|[0-9a-f]{24,}")
"""A part of a path that looks like a provider's key."""
_OURS = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}|5[1-9A-HJ-NP-Za-km-z]{47}")
"""And what looks like one, and is a revision, a hash, or an ss58 address."""
_KEY_VALUE = re.compile(r"(?<=[?&])([\w.-]*(?:key|token|secret|passw|signature|credential|auth)[\w.-]*=)[^&\s]+", re.IGNORECASE)
"""A key in a question without its address, as libraries log one."""


def without_access(text: str) -> str:
    """A text whose addresses show no user, no password, no question, and no part of a path that looks like a key.

    >>> without_access("no answer from wss://user:secret@node.example/v1/key?token=t, tried twice")
    'no answer from wss://…@node.example/…?… tried twice'
    >>> without_access("https://hub.example/lab/voice@main#readme")
    'https://hub.example/lab/voice@main#…'
    """
    if "://" in text:
        text = _ADDRESS.sub(lambda found: f"{found[1]}://{_shown(found[1].lower(), found[2])}", text)
    return _KEY_VALUE.sub(r"\1…", text) if "=" in text else text


def _shown(scheme: str, rest: str) -> str:
    """What follows the scheme, as it may be seen; some forget to write a / or a ? of a password as %2F or %3F."""
    plain = scheme in _PATHS_HAVE_SIGNS and _HOST.fullmatch(re.split(r"[/?#]", rest, maxsplit=1)[0]) is not None
    user = "" if plain or "@" not in rest else "…@"
    place, *asked = re.split(r"([?#])", rest if plain else rest.rpartition("@")[2], maxsplit=1)
    host, slash, path = place.partition("/")
    return f"{user}{host}{slash}{_path(scheme, path)}{f'{asked[0]}…' if asked else ''}"


def _path(scheme: str, path: str) -> str:
    if scheme in _NODES:
        return "…" if path else ""
    return "/".join("…" if _KEY.fullmatch(part) and not _OURS.fullmatch(part) else part for part in path.split("/"))

"""The one way in which JSON is written to be hashed or signed.

Names are sorted by code point, nothing stands between tokens (separators "," and ":"), what is not ASCII is written as \\uXXXX in
lower-case hex, integers of any size in full, floats in Python's shortest form that reads back to the same number (`repr`: 0.1, 1e-05,
1e+16, and 1.0 is not 1). NaN and the infinities have no form. It is not RFC 8785: that refuses integers above 2^53 - 1, and the sums
of a ledger grow past that. Test vectors stand in `tests/unit/test_canonical_json.py`.
"""

import hashlib
import json


def encode(data: object) -> bytes:
    """The canonical bytes of JSON data whose names are all strings; raises ValueError for what has none (NaN, no JSON, too deep)."""
    try:
        return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, RecursionError) as exc:
        raise ValueError(f"it is no JSON: {exc}") from exc


def digest(data: object) -> str:
    """SHA-256 (hex) of the canonical bytes; raises ValueError as `encode`."""
    return hashlib.sha256(encode(data)).hexdigest()

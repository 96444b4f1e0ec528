"""A signed receipt on the wire: what its file holds."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from voice_api.schemas.wire import Wire


class ReceiptOut(Wire):
    """Save the body as a file: `voice verify FILE` checks it.

    Without signature and certificate it was judged before receipts were signed.
    """

    receipt: Annotated[
        Mapping[str, Any], Field(description="As it was hashed and signed.", examples=[{"version": 2, "score": 713_204}])
    ]
    signature: Annotated[str | None, Field(description="The service key's, hex.", examples=["5c" * 64])]
    certificate: Annotated[
        Mapping[str, Any] | None,
        Field(description="Why the service key counts.", examples=[{"host": "worker-1", "serial": "91"}]),
    ]

"""Signed receipts, to be saved and verified."""

import json
from typing import Annotated

from fastapi import APIRouter, Path, Response

from voice_api.schemas.receipts import ReceiptOut, SamplePage
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import LOOKUP_ERRORS
from voice_api.web.route import IMMUTABLE, Limit, Position, Route
from voice_api.web.sample_view import sample_page

router = APIRouter(prefix="/v1/receipts", tags=["receipts"], route_class=Route)

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256, 64 lower-case hex digits.", examples=["7e" * 32])]


@router.get("/{receipt_hash}", responses=LOOKUP_ERRORS, response_model=ReceiptOut)
async def get(receipt_hash: Digest, service: ServiceDep) -> Response:
    """A receipt, its text as it was stored: what was signed stays what is read. `voice verify` takes the body as a file."""
    stored = await service.stores.queue.receipt(receipt_hash)
    rest = json.dumps({"signature": stored.signature, "certificate": stored.certificate}, allow_nan=False)
    text = f'{{"receipt": {stored.receipt}, {rest[1:]}\n'
    return Response(text, media_type="application/json", headers={"Cache-Control": IMMUTABLE})


@router.get("/{receipt_hash}/samples", responses=LOOKUP_ERRORS)
async def samples(receipt_hash: Digest, service: ServiceDep, after: Position = None, limit: Limit = 50) -> SamplePage:
    """The samples that a receipt lists, in the round's own order, each with what was asked."""
    stored = await service.stores.queue.receipt(receipt_hash)
    return await sample_page(service, stored.evaluation_id, after, limit)

"""The subnet's neurons, as the model queue reads them."""

from fastapi import APIRouter

from voice_api.schemas import RegistryIn, RegistryOut
from voice_api.web.auth import Writer
from voice_api.web.openapi import WRITE_ERRORS
from voice_api.web.route import Route

router = APIRouter(prefix="/v1/registry", tags=["registry"], route_class=Route)


@router.post("", responses=WRITE_ERRORS)
async def replace(snapshot: RegistryIn, by: Writer) -> RegistryOut:
    """Replace the registry by a newer snapshot; an older one changes nothing."""
    return RegistryOut(stored=await by.stores.registry.replace(snapshot.snapshot()))

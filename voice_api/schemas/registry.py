"""The subnet's neurons on the wire."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from scoring.types import Uid
from voice_api.db.registry import RegisteredNeuron, RegistrySnapshot
from voice_api.schemas.wire import NO_NUL, HashIn, HeightIn, Ss58, Wire


class NeuronIn(Wire):
    """A registered hotkey."""

    hotkey: Ss58
    uid: Annotated[Uid, Field(ge=0, le=65_535, examples=[17])]
    coldkey: Annotated[str, Field(max_length=64, pattern=NO_NUL, examples=["5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"])]
    registered_at_block: HeightIn
    immune_until_block: HeightIn


class RegistryIn(Wire):
    """The whole subnet at one block."""

    netuid: Annotated[int, Field(ge=0, le=65_535, examples=[7])]
    block: HeightIn
    block_hash: HashIn
    owner_hotkey: Annotated[
        Ss58 | None,
        Field(
            description="The subnet owner's: its uid gets what nobody earned.",
            examples=["5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"],
        ),
    ] = None
    neurons: Annotated[tuple[NeuronIn, ...], Field(max_length=65_536)]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        for values in ([neuron.uid for neuron in self.neurons], [neuron.hotkey for neuron in self.neurons]):
            if len(set(values)) != len(values):
                raise ValueError("a uid or a hotkey appears twice")
        return self

    def snapshot(self) -> RegistrySnapshot:
        """Convert it to the store's record."""
        neurons = tuple(RegisteredNeuron(**neuron.model_dump()) for neuron in sorted(self.neurons, key=lambda neuron: neuron.uid))
        return RegistrySnapshot(
            netuid=self.netuid, block=self.block, block_hash=self.block_hash, neurons=neurons, owner_hotkey=self.owner_hotkey
        )


class RegistryOut(Wire):
    """Whether the snapshot was newer than the stored one."""

    stored: bool

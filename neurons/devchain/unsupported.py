# ruff: noqa: ARG002 - the SDK's protocol names these arguments
"""The parts of the SDK's `Substrate` protocol that a development chain has no use for: each refuses as a chain does."""

from typing import Any, NoReturn

from bittensor import Balance, ChainError, ExtrinsicResult, UnsignedExtrinsic


class UnsupportedCalls:
    """Transactions are free; shielding, signing elsewhere, multisig accounts, constants and SCALE are not offered."""

    async def estimate_fee(self, call: Any, keypair: Any) -> Balance:
        """Transactions cost nothing."""
        return Balance.from_rao(0)

    async def estimate_weight(self, call: Any, keypair: Any) -> dict[str, int]:
        """Transactions weigh nothing."""
        return {"ref_time": 0, "proof_size": 0}

    async def mev_next_key(self) -> bytes | None:
        """There is no shielded pool."""
        return None

    async def sign_extrinsic(self, call: Any, keypair: Any, *, nonce: int, period: int) -> tuple[bytes, str]:
        """Only a shielded pool needs it."""
        refuse("a shielded pool")

    async def find_extrinsic(self, extrinsic_hash: str, block_hash: str) -> ExtrinsicResult | None:
        """Only a shielded pool needs it."""
        refuse("a shielded pool")

    async def prepare(self, call: Any, **options: Any) -> UnsignedExtrinsic:
        """Signing elsewhere is not offered."""
        refuse("signing elsewhere")

    async def submit_signature(self, unsigned: UnsignedExtrinsic, signature: bytes | str, **options: Any) -> ExtrinsicResult:
        """Signing elsewhere is not offered."""
        refuse("signing elsewhere")

    async def submit_signed(self, extrinsic: Any, keypair: Any, **options: Any) -> ExtrinsicResult:
        """Signing elsewhere is not offered."""
        refuse("signing elsewhere")

    def multisig_account(self, signatories: list[str], threshold: int) -> Any:
        """Multisig accounts are not offered."""
        refuse("a multisig account")

    async def submit_multisig(self, call: Any, keypair: Any, multisig_account: Any, **options: Any) -> ExtrinsicResult:
        """Multisig accounts are not offered."""
        refuse("a multisig account")

    async def constant(self, module: str, name: str) -> Any:
        """Nobody here asks for a constant."""
        refuse(f"the constant {module}.{name}")

    async def decode_scale(self, type_string: str, data: Any) -> Any:
        """Nothing here is SCALE-encoded."""
        refuse(f"decoding {type_string}")


def refuse(what: str) -> NoReturn:
    """Raise the chain's error for a call that it filters."""
    raise ChainError(f"the development chain does not have {what}", "CallFiltered")

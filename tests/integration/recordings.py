"""What tests of recordings share: a sound, and a miner who is registered and asks."""

import io
import wave
from dataclasses import dataclass
from typing import Self

import bittensor as bt
import httpx
from bittensor import http_auth

from neurons.api_client.client import VoiceApi
from scoring.synthesis.espeak_library import EspeakSettings, say
from scoring.types import Block, BlockHash, Hotkey, Uid
from voice_api.db.database import Pool
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.settings import ApiSettings

API = "http://voice.test"
TEXT = "Open the gate before the rain comes down the hill."
DESCRIPTION = "A woman with a high voice speaks at an ordinary pace."
RATE = 22_050


def spoken(text: str) -> bytes:
    """16-bit mono at 22,050 Hz."""
    sound = say(text, EspeakSettings(voice="en-us+f2", rate=165, pitch=50, range=50, amplitude=100, word_gap=0))
    return (sound * 32768.0).round().clip(-32768, 32767).astype("<i2").tobytes()


def wav(samples: bytes, rate: int = RATE) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, rate, 0, "NONE", ""))
        sound.writeframes(samples)
    return file.getvalue()


@dataclass
class Miner:
    """Somebody registered, beside the database that the API writes; a context manager over its connections."""

    pool: Pool
    settings: ApiSettings
    wallet: bt.Wallet
    transport: httpx.AsyncBaseTransport
    url: str = API

    async def __aenter__(self) -> Self:
        """Be registered, and open the connections."""
        await self.register(self.wallet, 10)
        self.api = VoiceApi(self.url, self.wallet, self.settings.hotkey, transport=self.transport)
        self.browser = httpx.AsyncClient(base_url=self.url, transport=self.transport)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them."""
        await self.api.__aexit__(None, None, None)
        await self.browser.aclose()

    async def register(self, wallet: bt.Wallet, block: int) -> None:
        """Let a wallet's hotkey be the only one of the subnet."""
        neuron = RegisteredNeuron(
            hotkey=Hotkey(wallet.hotkey.ss58_address),
            uid=Uid(0),
            coldkey="c0",
            registered_at_block=Block(0),
            immune_until_block=Block(1),
        )
        await Registry(self.pool).replace(
            RegistrySnapshot(netuid=7, block=Block(block), block_hash=BlockHash("0x" + "1" * 64), neurons=(neuron,))
        )

    async def uploads(self) -> list[bytes | None]:
        """What is kept of every recording."""
        async with self.pool.connection() as connection:
            return [row["upload"] for row in await connection.fetch("select upload from validations order by created_at")]

    async def post(
        self,
        upload: bytes,
        text: str = TEXT,
        sign_as: bt.Wallet | None = None,
        signed_text: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Ask as curl would; `signed_text` is what the signature covers, if another one."""
        paths = [
            f"/v1/validations?{httpx.QueryParams(text=words, description=DESCRIPTION)}" for words in (text, signed_text or text)
        ]
        signature = http_auth.sign(
            sign_as or self.wallet, method="POST", path=paths[1], body=upload, receiver_ss58=self.settings.hotkey
        )
        return await self.browser.post(paths[0], content=upload, headers=signature | (headers or {}))

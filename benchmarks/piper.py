"""A Piper voice from its ONNX file: phonemes by espeak-ng, then one network. For the studies alone.

Piper's format: ids of the phonemes with a blank between each two, `^` before and `$` after; three scales set noise, length and the
spread of durations. espeak-ng is asked clause by clause: its reader runs ahead of the pointer that it hands back.
"""

import ctypes
import json
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from scoring.audio.audio import Audio

CLAUSE = re.compile(r"([^,;:.!?]+)([,;:.!?]*)")
_RETRIEVAL, _NO_EXIT, _UTF8, _IPA = 1, 0x8000, 1, 2
"""espeak-ng's numbers: output without sound, errors returned, encoding and alphabet."""
BLANK, BEGIN, END = "_", "^", "$"
SEED = 1


class PiperVoice:
    """A loaded voice; its random numbers start from one seed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        config = json.loads(path.with_suffix(".onnx.json").read_text(encoding="utf-8"))
        self.rate = int(config["audio"]["sample_rate"])
        self._ids = {sign: int(ids[0]) for sign, ids in config["phoneme_id_map"].items()}
        self._voice = str(config["espeak"]["voice"])
        inference = config["inference"]
        scales = [inference["noise_scale"], inference["length_scale"], inference["noise_w"]]
        self._scales = np.array(scales, dtype=np.float32)

    def say(self, texts: Sequence[str]) -> list[Audio]:
        """Speak texts one after the other; the same texts in the same order give the same sound."""
        asked = self.ids(texts)
        onnxruntime.set_seed(SEED)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(self._path), options, providers=["CPUExecutionProvider"])
        return [self._speak(session, each) for each in asked]

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """What the network is given for each text."""
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            signs = pool.submit(phonemes, tuple(texts), self._voice).result()
        return [self._ids_of(each) for each in signs]

    def _speak(self, session: Any, ids: Sequence[int]) -> Audio:
        asked = {"input": np.array([ids]), "input_lengths": np.array([len(ids)]), "scales": self._scales}
        wave = session.run(None, asked)[0].squeeze().astype(np.float32)
        return Audio(torch.from_numpy(wave).clamp(-1.0, 1.0), self.rate)

    def _ids_of(self, signs: str) -> list[int]:
        """The network's input; a phoneme that it does not know is left out."""
        known = [self._ids[sign] for sign in signs if sign in self._ids]
        blanks = [each for sign in known for each in (sign, self._ids[BLANK])]
        return [self._ids[BEGIN], self._ids[BLANK], *blanks, self._ids[END]]


def phonemes(texts: Sequence[str], voice: str) -> list[str]:
    """Texts in IPA with their punctuation; to be called in a process of its own, in which espeak-ng's library may stay."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_Initialize(_RETRIEVAL, 0, espeakng_loader.get_data_path().encode(), _NO_EXIT)
    library.espeak_SetVoiceByName(voice.encode())
    return ["".join(_clause(library, *found.groups()) for found in CLAUSE.finditer(text)).strip() for text in texts]


def _clause(library: ctypes.CDLL, words: str, signs: str) -> str:
    """Phonemes of words without punctuation, and the first sign after them."""
    raw = ctypes.c_char_p(words.strip().encode())
    parts: list[str] = []
    while raw.value:
        parts.append(library.espeak_TextToPhonemes(ctypes.byref(raw), _UTF8, _IPA).decode())
    return " ".join(parts) + (f"{signs[0]} " if signs else "")

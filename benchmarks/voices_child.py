"""The child of `make bench-voices`: it loads a voice and says prompts outside of any sandbox, with what a guest imports and no more."""

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scoring.competition import Track, load
from scoring.synthesis.load import adapter
from scoring.synthesis.synthesiser import NotAllSpoken, NotSpoken, Request, Synthesiser, Waveform
from scoring.types import BlockHash, RoundNumber
from workers.evaluation.requests import requests_of

BLOCK_HASH = BlockHash("0x" + "5a" * 32)


def rules_for(family: str) -> Track:
    """The packaged competition's first track, admitting this family alone; its parts are given by hand."""
    return load().at(RoundNumber(0)).track[0].model_copy(update={"families": (family,)})


def prompts_for(family: str, count: int) -> list[Request]:
    """The first of a round's prompts, as the family is asked for them."""
    rules = rules_for(family)
    return [timed.request for timed in requests_of(family, rules.groups(BLOCK_HASH), BLOCK_HASH, rules.limits)][:count]


def say(model: Synthesiser, batch: Sequence[Request]) -> Sequence[Waveform | NotSpoken]:
    """What a model says to each request, or why not."""
    try:
        return model.generate(batch)
    except NotAllSpoken as exc:
        return exc.results


def peak_bytes() -> int:
    """The most memory that this program has held; `getrusage` would count that of the process it was forked from, too."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise OSError("the kernel does not say how much memory was held")
    return int(found[1]) << 10


def main() -> None:
    """A line when the first sample is there, and what all of it needed as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("order", type=json.loads, help="JSON: family, model folder, parts' folder, prompts, batch")
    family, folder, parts, prompts, batch = parser.parse_args().order
    loader, began = adapter(family), time.process_time()
    model = loader(Path(folder), Path(parts) if parts else None, 1, "float32")
    loaded = time.process_time()
    asked = prompts_for(family, prompts)
    say(model, asked[:1])
    sys.stdout.write("\n")
    sys.stdout.flush()
    start = time.process_time()
    results = [result for first in range(0, len(asked), batch) for result in say(model, asked[first : first + batch])]
    spent = {
        "load": loaded - began,
        "speak": time.process_time() - start,
        "peak_bytes": peak_bytes(),
    }
    sounds = [result for result in results if not isinstance(result, NotSpoken)]
    speech = sum(sound.size for sound in sounds) / model.sample_rate
    sys.stdout.write(json.dumps(spent | {"speech": speech, "unspoken": len(results) - len(sounds)}) + "\n")


if __name__ == "__main__":
    main()

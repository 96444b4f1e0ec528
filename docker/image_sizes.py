"""`make image-sizes`: build the images as a release does, and keep how large each is, in docs/measured/images.json and docs/operations.md.

Uses docker or podman, whichever is there; VOICE_BUILD_FLAGS (environment) is added to each build. With `--torch-index` the worker is
built a second time, without CUDA. `--remark` says in the table what was special about the wheels of that index.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from images import build_image, local, services
from stack import ROOT, CheckFailed, Engine, answers, console, execute, find_engine

KEPT = ROOT / "docs" / "measured" / "images.json"
PAGE = ROOT / "docs" / "operations.md"
BEGIN, END = "<!-- image sizes: rendered from measured/images.json -->\n", "<!-- end of image sizes -->\n"
BASE = "python:3.11-slim-bookworm"
WORKER = "worker"
_LARGEST = 3
_PARTS = "du -s -B1 /opt/voice/lib/python3.11/site-packages/* /opt/voice/share/voice-subnet/* 2>/dev/null | sort -rn | head -n {}"


def measure(engine: Engine, flags: list[str], index: str | None, hashes: str, remark: str) -> dict[str, Any]:
    """What is kept: the base's bytes, and each image's with its largest parts."""
    built = {local(service["image"]): service["build"]["target"] for service in services().values() if "build" in service}
    rows = [_row(engine, image, target, flags) for image, target in built.items()]
    if index is not None:
        given = [*flags, "--build-arg", f"TORCH_INDEX={index}", "--build-arg", f"TORCH_HASHES={hashes}"]
        rows.append(_row(engine, "localhost/voice-subnet/worker-without-cuda", WORKER, given) | {"remark": remark})
    named = execute((engine.name, "--version")).split(",")[0].strip()
    return {"engine": named, "base": {"image": BASE, "bytes": _bytes(engine, BASE)}, "images": rows}


def _row(engine: Engine, image: str, target: str, flags: list[str]) -> dict[str, Any]:
    build_image(engine, image, target, flags)
    listed = execute((engine.name, "run", "--rm", "--network", "none", image, "sh", "-c", _PARTS.format(_LARGEST)))
    parts = {path.rpartition("/")[2]: int(size) for size, path in (line.split("\t") for line in listed.splitlines())}
    return {"image": image.rpartition("/")[2], "bytes": _bytes(engine, image), "parts": parts}


def _bytes(engine: Engine, image: str) -> int:
    return int(execute((engine.name, "image", "inspect", "--format", "{{.Size}}", image)))


def table(kept: Mapping[str, Any]) -> str:
    """The rows as Markdown."""
    return "\n".join(_lines(kept)) + "\n"


def _lines(kept: Mapping[str, Any]) -> Iterator[str]:
    yield "| image | MB | its largest parts |"
    yield "|---|---|---|"
    for row in kept["images"]:
        parts = ", ".join(f"{name} {_mb(size)}" for name, size in row["parts"].items())
        remark = f" ({row['remark']})" if row.get("remark") else ""
        yield f"| `{row['image']}`{remark} | {_mb(row['bytes'])} | {parts} |"
    yield ""
    yield f"Unpacked, by {kept['engine']}. Each has the base `{kept['base']['image']}` in it, here {_mb(kept['base']['bytes'])} MB."


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f}"


def rendered(page: str, kept: Mapping[str, Any]) -> str:
    """The page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(kept)}\n{END}{after}"


def main() -> None:
    """Measure, keep, and write the page anew; one line for what failed, exit status 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-index", help="an index with wheels of torch and torchaudio without CUDA")
    parser.add_argument("--torch-hashes", default="", help="their hashes, as sha256:…, with a space between")
    parser.add_argument("--remark", default="", help="what the table says of these wheels")
    asked = parser.parse_args()
    flags = shlex.split(os.environ.get("VOICE_BUILD_FLAGS", ""))  # noqa: TID251 - a script's own option, not a process's setting
    try:
        kept = measure(find_engine(answers), flags, asked.torch_index, asked.torch_hashes, asked.remark)
    except CheckFailed as failure:
        sys.exit(f"The images could not be measured: {failure}")
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), kept), encoding="utf-8")
    console.print(table(kept))


if __name__ == "__main__":
    main()

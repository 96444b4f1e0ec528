"""The families that a competition may name: every folder here with a family.toml. Free of adapters and their libraries."""

from collections.abc import Mapping
from pathlib import Path

from scoring.synthesis.manifest import Manifest, read_manifest

FAMILIES: Mapping[str, Manifest] = {
    path.parent.name: read_manifest(path) for path in sorted(Path(__file__).parent.glob("*/family.toml"))
}
"""By name. Each has its adapter beside its manifest. `scoring.synthesis.load` knows one more, which measures the host."""

FAMILY_OF: Mapping[str, str] = {kind: name for name, manifest in FAMILIES.items() for kind in manifest.architectures}
"""The family of each `model_type` of a config.json."""

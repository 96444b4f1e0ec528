"""The families that a competition may name: every folder here with a manifest and an adapter. Free of adapters' libraries."""

from collections.abc import Mapping
from pathlib import Path

from scoring.synthesis.manifest import Manifest, read_manifest


def families_in(folder: Path) -> Mapping[str, Manifest]:
    """The manifests of a folder's folders that hold an adapter too, by name; raises ValueError for one that contradicts itself."""
    return {
        path.parent.name: read_manifest(path)
        for path in sorted(folder.glob("*/family.toml"))
        if path.with_name("adapter.py").is_file()
    }


FAMILIES: Mapping[str, Manifest] = families_in(Path(__file__).parent)
"""By name. `scoring.synthesis.load` knows one more, which measures the host."""

FAMILY_OF: Mapping[str, str] = {kind: name for name, manifest in FAMILIES.items() for kind in manifest.architectures}
"""The family of each `model_type` of a config.json."""

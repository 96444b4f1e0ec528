"""The part of kustomize that docker/k8s uses: `resources`, `namespace`, `images`, and two kinds of `patches`. Anything else is refused.

An integration test compares what this renders with what kustomize itself does, where that is installed.
"""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
Transformer = Callable[[list[Manifest], Any], list[Manifest]]
_CLUSTER_WIDE = {"Namespace"}


def render(folder: Path) -> list[Manifest]:
    """Every object that a folder's kustomization.yaml comes to; raises KeyError for a field that is not known here."""
    known = {"apiVersion", "kind", "resources", *_TRANSFORMERS}
    wishes = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    if strange := wishes.keys() - known:
        raise KeyError(f"{folder}: {sorted(strange)}")
    objects = [each for name in wishes["resources"] for each in _read(folder / name)]
    for field, transform in _TRANSFORMERS.items():
        objects = transform(objects, wishes[field]) if field in wishes else objects
    return objects


def containers(manifest: Mapping[str, Any]) -> list[Manifest]:
    """The containers of whatever makes pods; none of anything else."""
    pod = pod_of(manifest)
    return [] if pod is None else [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def pod_of(manifest: Mapping[str, Any]) -> Manifest | None:
    """The pod's template of whatever makes pods."""
    spec = manifest.get("spec", {})
    spec = spec["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else spec
    template: Manifest | None = spec.get("template")
    return template


def _read(path: Path) -> list[Manifest]:
    if path.is_dir():
        return render(path)
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def _patched(objects: list[Manifest], patches: Any) -> list[Manifest]:
    for wish in patches:
        patch = yaml.safe_load(wish["patch"])
        if isinstance(patch, list):
            target = wish["target"]
            objects = [_edited(each, patch) if _is(each, target["kind"], target["name"]) else each for each in objects]
        elif patch.get("$patch") == "delete":
            objects = [each for each in objects if not _is(each, patch["kind"], patch["metadata"]["name"])]
        else:
            raise KeyError(f"a patch that is neither a list of edits nor a deletion: {patch}")
    return objects


def _is(manifest: Manifest, kind: str, name: str) -> bool:
    return (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)


def _edited(manifest: Manifest, edits: list[dict[str, Any]]) -> Manifest:
    """JSON Patch (RFC 6902): `add`, `replace` and `remove`."""
    edited = copy.deepcopy(manifest)
    for edit in edits:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in edit["path"].split("/")[1:]]
        place: Any = edited
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        _edit(place, edit["op"], last, edit.get("value"))
    return edited


def _edit(place: Any, operation: str, last: str, value: object) -> None:
    if isinstance(place, list) and operation == "add":
        place.insert(len(place) if last == "-" else int(last), value)
        return
    key: Any = int(last) if isinstance(place, list) else last
    if operation == "remove":
        del place[key]
    elif operation in {"add", "replace"}:
        if operation == "replace":
            place[key]  # there is something to replace, or this fails as kustomize does
        place[key] = value
    else:
        raise KeyError(operation)


def _in_namespace(objects: list[Manifest], namespace: Any) -> list[Manifest]:
    changed = copy.deepcopy(objects)
    for each in changed:
        if each["kind"] not in _CLUSTER_WIDE:
            each["metadata"]["namespace"] = namespace
    return changed


def _with_images(objects: list[Manifest], images: Any) -> list[Manifest]:
    changed = copy.deepcopy(objects)
    for container in (container for each in changed for container in containers(each)):
        for image in images:
            name, _, tag = container["image"].partition(":")
            if name == image["name"]:
                new = image.get("newName", name)
                container["image"] = f"{new}@{image['digest']}" if "digest" in image else f"{new}:{image.get('newTag', tag)}"
    return changed


_TRANSFORMERS: Mapping[str, Transformer] = {"patches": _patched, "namespace": _in_namespace, "images": _with_images}
"""By the field that asks for them, in kustomize's order."""

"""`make pin-images`: name others' images by their digests, in the Dockerfile, the compose files and the objects for Kubernetes.

Each image's registry is asked what its tag means now (the OCI distribution API, `HEAD /v2/NAME/manifests/TAG`, as anybody may). The digest
is written behind the tag, `postgres:18@sha256:…`: an engine then runs that content, whatever the tag comes to mean, and the next run of
this brings it up to date. It is the digest of the list of all platforms, so each host takes its own. Where a registry cannot be asked,
what the file says stays, and the exit status is 1.
"""

import argparse
import json
import re
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
from image_names import ROOT, files, named, pinned

DEFAULT_REGISTRY = "registry-1.docker.io"
"""Asked for images whose name has no host; those without a folder are in `library/`."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""What a tag may lead to; the lists of platforms first."""
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_TOKEN = re.compile(r"[ -~]{1,65536}")
"""What may stand in a header."""
_MAX_BYTES = 256 << 10
_MAX_HOPS = 5
_SECONDS = 20.0
_LOOPBACK = ("127.0.0.1", "localhost")


class NotPinned(Exception):
    """The digest of an image cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image as its registry knows it."""

    registry: str
    name: str
    tag: str

    @classmethod
    def of(cls, image: str) -> "ImageName":
        """The parts of a name such as postgres:18, grafana/grafana:12.1.0 or registry.example.org/a/b:1."""
        path, _, tag = image.rpartition(":")
        first, _, rest = path.partition("/")
        if rest and (first == "localhost" or set(".:") & set(first)):
            return cls(first, rest, tag)
        return cls(DEFAULT_REGISTRY, path if rest else f"library/{path}", tag)

    @property
    def is_here(self) -> bool:
        """Whether its registry is on this machine, where nobody listens in between."""
        return self.registry.partition(":")[0] in _LOOPBACK

    @property
    def url(self) -> str:
        """Where its manifest is."""
        scheme = "http" if self.is_here else "https"
        return f"{scheme}://{self.registry}/v2/{self.name}/manifests/{self.tag}"


def digest_of(image: ImageName, client: httpx.Client) -> str:
    """The digest of what a tag means now; raises NotPinned."""
    headers = {"Accept": ", ".join(_KINDS)}
    try:
        answer, _ = _asked_for(image, client.build_request("HEAD", image.url, headers=headers), client)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            headers["Authorization"] = f"Bearer {_token(answer, image, client)}"
            answer, _ = _asked_for(image, client.build_request("HEAD", image.url, headers=headers), client)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise NotPinned(f"{image.registry} cannot be reached ({exc})") from exc
    if not answer.is_success:
        raise NotPinned(f"{image.registry} answers {answer.status_code}")
    digest = answer.headers.get("docker-content-digest", "")
    if not _DIGEST.fullmatch(digest):
        raise NotPinned(f"{image.registry} says no digest")
    return str(digest)


def _asked_for(image: ImageName, request: httpx.Request, client: httpx.Client) -> tuple[httpx.Response, bytes]:
    """What a registry answers where it leads in the end, with the body; raises NotPinned where that is in the clear, or too much."""
    for _ in range(_MAX_HOPS):
        if not _is_safe(request.url, image):
            raise NotPinned(f"{image.registry} leads to an address in the clear")
        answer, read = client.send(request, stream=True, follow_redirects=False), b""
        with closing(answer):
            for part in answer.iter_bytes():
                read += part
                if len(read) > _MAX_BYTES:
                    raise NotPinned(f"{image.registry} answers with too much")
        if answer.next_request is None:
            return answer, read
        request = answer.next_request
    raise NotPinned(f"{image.registry} leads from one address to another without an end")


def _is_safe(url: httpx.URL, image: ImageName) -> bool:
    """Whether nobody in between can answer; of this machine a registry elsewhere asks for nothing."""
    return url.scheme == "https" or (image.is_here and url.host in _LOOPBACK)


def _token(answer: httpx.Response, image: ImageName, client: httpx.Client) -> str:
    """A token for reading, from where the registry says that anybody gets one."""
    told = dict(_CHALLENGE.findall(answer.headers.get("www-authenticate", "")))
    realm = httpx.URL(told.get("realm", ""))
    if not _is_safe(realm, image):
        raise NotPinned(f"{image.registry} asks for a password")
    asked = {"scope": f"repository:{image.name}:pull", **({"service": told["service"]} if "service" in told else {})}
    given, body = _asked_for(image, client.build_request("GET", realm.copy_merge_params(asked)), client)
    if not given.is_success:
        raise NotPinned(f"{realm.host} gives no token ({given.status_code})")
    try:
        data = json.loads(body)
        token = str(data.get("token") or data["access_token"])
    except (ValueError, KeyError, AttributeError, RecursionError) as exc:
        raise NotPinned(f"{realm.host} gives no token") from exc
    if not _TOKEN.fullmatch(token):
        raise NotPinned(f"{realm.host} gives no token")
    return token


def pin(root: Path, client: httpx.Client) -> bool:
    """Pin all images below `root`, and say of each what became of it: whether all are pinned."""
    before = named(root)
    said = {image: _asked(image, client) for image in before}
    for path in files(root):
        text = path.read_text(encoding="utf-8")
        new = pinned(text, said.get)
        if new != text:
            path.write_text(new, encoding="utf-8")
    for image, digest in before.items():
        sys.stdout.write(f"{image}: {_told(digest, said[image])}\n")
    return all(said.values())


def main() -> None:
    """Pin all images, or say of each that could not be pinned why."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with httpx.Client(timeout=_SECONDS) as client:
        sys.exit(0 if pin(ROOT, client) else 1)


def _asked(image: str, client: httpx.Client) -> str | None:
    try:
        return digest_of(ImageName.of(image), client)
    except NotPinned as exc:
        sys.stderr.write(f"{image}: {exc}\n")
        return None


def _told(before: str, now: str | None) -> str:
    if now is None:
        return f"stays at {before}" if before else "stays without a digest"
    return f"{now} as before" if now == before else now


if __name__ == "__main__":
    main()

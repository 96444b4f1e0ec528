"""An authority of one's own, by `openssl`: it signs the certificates by which hosts know each other, and lists those that were revoked."""

import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

AUTHORITY_DAYS = 3650
"""How long its own certificate, the door's and the list hold: ten years."""
_CONFIG = """
[req]
distinguished_name = name
prompt = no
x509_extensions = authority
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[host]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
[door]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = {alternative}
[ca]
default_ca = list
[list]
database = {folder}/index.txt
crlnumber = {folder}/crlnumber
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
default_md = sha256
unique_subject = no
"""


class HostsError(Exception):
    """What somebody must do first, in a sentence."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates of the door and of hosts, and lists those that were revoked; its key lies where no container reads."""

    folder: Path

    def ensure(self) -> None:
        """Make it where there is none."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.folder / "ca.crt").exists():
            key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(self.folder / "ca.key"))
            self._openssl("req", "-x509", *key, "-days", str(AUTHORITY_DAYS), "-out", str(self.folder / "ca.crt"), "-config", "-")
        for name, first in (("index.txt", ""), ("crlnumber", "01\n")):
            if not (self.folder / name).exists():
                (self.folder / name).write_text(first, encoding="ascii")

    def sign(self, kind: str, name: str, days: int, alternative: str = "DNS:none") -> tuple[str, str]:
        """A new key, and its certificate of a `kind`, `host` or `door`; both as PEM."""
        key = self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        (self.folder / "new.key").write_text(key, encoding="ascii")
        wish = self._openssl("req", "-new", "-key", str(self.folder / "new.key"), "-config", "-", name=name)
        (self.folder / "new.csr").write_text(wish, encoding="ascii")
        by = (
            "-CA",
            str(self.folder / "ca.crt"),
            "-CAkey",
            str(self.folder / "ca.key"),
            "-set_serial",
            f"0x{secrets.token_hex(16)}",
        )
        extensions = ("-extfile", "/dev/stdin", "-extensions", kind)
        certificate = self._openssl(
            "x509", "-req", "-in", str(self.folder / "new.csr"), *by, "-days", str(days), *extensions, alternative=alternative
        )
        for file in ("new.key", "new.csr"):
            (self.folder / file).unlink()
        return key, certificate

    def keep(self, name: str, certificate: str) -> None:
        """Keep a host's certificate: what renews it takes nothing from the one before, which holds until it ends."""
        (self.folder / "issued").mkdir(mode=0o700, exist_ok=True)
        (self.folder / "issued" / f"{name}.{secrets.token_hex(8)}.crt").write_text(certificate, encoding="ascii")

    def issued(self, name: str) -> list[Path]:
        """Every certificate that a host was given."""
        return sorted((self.folder / "issued").glob(f"{name}.*.crt"))

    def is_for(self, certificate: Path, name: str, *, is_address: bool) -> bool:
        """Whether a certificate is for a host of this name, or of this address."""
        asked = "-checkip" if is_address else "-checkhost"
        return "does match certificate" in self._openssl("x509", "-in", str(certificate), "-noout", asked, name)

    def revoke(self, certificate: Path) -> None:
        """Put a certificate on the list; one that is on it stays."""
        try:
            self._openssl("ca", "-config", "/dev/stdin", "-revoke", str(certificate))
        except HostsError as refusal:
            if "Already revoked" not in str(refusal):
                raise

    def revoked(self) -> str:
        """The list, as PEM."""
        return self._openssl("ca", "-config", "/dev/stdin", "-gencrl", "-crldays", str(AUTHORITY_DAYS))

    def _openssl(self, *arguments: str, name: str = "Voice Subnet hosts", alternative: str = "DNS:none") -> str:
        """What a command of openssl prints, told the configuration by its input."""
        told = _CONFIG.format(name=name, alternative=alternative, folder=self.folder.absolute())
        command = ["openssl", *("/dev/stdin" if word == "-" else word for word in arguments)]
        try:
            done = subprocess.run(command, input=told, capture_output=True, text=True, check=False, umask=0o077)
        except FileNotFoundError as exc:
            raise HostsError("There is no program `openssl` here: install it (Debian: apt install openssl).") from exc
        if done.returncode != 0:
            raise HostsError(f"{' '.join(command[:2])} failed: {done.stderr.strip()}")
        return done.stdout

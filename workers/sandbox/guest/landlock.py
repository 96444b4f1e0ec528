"""Landlock: from now on this process opens nothing but the files named here. Asked for by number, as libc has no names for it."""

import ctypes
import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox.guest.kernel import checked, prctl_no_new_privileges, syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_REG = 1 << 8
_TRUNCATE = 1 << 14
_IOCTL_DEV = 1 << 15
_READ = _READ_FILE | _READ_DIR
_READ_WRITE = _READ | _WRITE_FILE | _MAKE_REG | _TRUNCATE
"""Plain files only: a folder of folders without end could not be removed afterwards. No file loses its name: one without a name
takes room on the disk that nobody sees."""
_CHANGE = _READ | _WRITE_FILE | _TRUNCATE
"""Files that are there already."""
_DEVICE = _READ_FILE | _WRITE_FILE | _IOCTL_DEV
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

_FILESYSTEM_RIGHTS = {3: 15, 4: 15, 5: 16}
"""ABI version → how many file-system rights it knows (bits 0 … n - 1)."""
_LEAST_ABI = 3
"""Before it, any file that the user may write can be truncated: the model, our own code."""
_ALL_TCP = 0b11
_ALL_SCOPES = 0b11


class _RulesetAttr(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64), ("handled_access_net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi() -> int:
    """The kernel's Landlock version; raises OSError where there is none."""
    return checked("landlock_create_ruleset", syscall(_CREATE_RULESET, None, 0, _RULESET_VERSION))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Files and folders that stay in reach; one that does not exist is left out."""

    readable: Iterable[Path] = ()
    writable: Iterable[Path] = ()  # folders, also for new files
    changeable: Iterable[Path] = ()  # folders, for the files that are in them
    devices: Iterable[Path] = ()  # device files: read, written, and asked by ioctl


def restrict(reach: Reach) -> int:
    """Refuse every file but those in reach, every TCP port, and signals to outside; return the ABI version used.

    Nothing stays executable. From version 5 on, no other device file can be asked by ioctl. Raises OSError where the kernel cannot do it.
    """
    version = abi()
    if version < _LEAST_ABI:
        raise OSError(errno.ENOSYS, f"Landlock version {_LEAST_ABI} is needed (Linux 6.2), this kernel has {version}")
    handled = (1 << _FILESYSTEM_RIGHTS[min(version, max(_FILESYSTEM_RIGHTS))]) - 1
    attr = _RulesetAttr(handled, _ALL_TCP if version >= 4 else 0, _ALL_SCOPES if version >= 6 else 0)
    ruleset = checked("landlock_create_ruleset", syscall(_CREATE_RULESET, ctypes.byref(attr), ctypes.sizeof(attr), 0))
    try:
        kinds = ((reach.readable, _READ), (reach.writable, _READ_WRITE), (reach.changeable, _CHANGE), (reach.devices, _DEVICE))
        for paths, rights in kinds:
            for path in paths:
                _allow(ruleset, path, rights & handled)
        prctl_no_new_privileges()
        checked("landlock_restrict_self", syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return version


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = _PathBeneathAttr(rights if path.is_dir() else rights & _FILE_ONLY, fd)
        checked("landlock_add_rule", syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(fd)

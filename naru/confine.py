"""Confines the current process before it parses a stranger's bytes: limits, no network, no new programs.

Three layers, each of which holds without the others: resource limits (any POSIX system), a seccomp filter
(Linux on x86-64 and ARM64; works unprivileged and inside containers) and Landlock (Linux 5.13 and later),
which leaves only the job's own files in sight. `confine` says which of them took hold. A process that has nothing
to write can open no file for writing, whichever of the two there is.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_CLONE_THREAD = 0x00010000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Rlimits:
    """What the kernel enforces on the process itself."""

    memory_bytes: int  # address space
    cpu_s: int
    file_bytes: int  # the largest file it may write
    open_files: int = 128


def confine(
    limits: Rlimits, readable: Sequence[Path], writable: Sequence[Path] = (), *, links: bool = True
) -> tuple[str, ...]:
    """Confine this process for good. Returns the names of the layers that took hold.

    `readable` are files or folders it may read beside the interpreter's own; `writable` it may also change, and
    make links in where `links` allows: not where somebody with more rights reads what it wrote. Only the calling
    thread is confined, and those that it starts: call this while there is no other.
    """
    _limit_resources(limits)
    layers = ["rlimits"]
    if sys.platform == "linux":
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        layers += ["landlock"] if _landlock(readable, writable, links=links) else []
        layers += ["seccomp"] if _seccomp(writes=bool(writable), links=links) else []
        if "seccomp" not in layers and _unshare_network():
            layers.append("network namespace")
    return tuple(layers)


def end_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only)."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_resources(limits: Rlimits) -> None:
    """Set hard limits; a file grown too long is an error of the write, not a death."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for kind, value, grace in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, limits.cpu_s, 5),  # SIGXCPU, which tells the cause, comes before SIGKILL
        (resource.RLIMIT_FSIZE, limits.file_bytes, 0),
        (resource.RLIMIT_NOFILE, limits.open_files, 0),
        (resource.RLIMIT_AS, limits.memory_bytes, 0),
    ):
        ceiling = resource.getrlimit(kind)[1]
        unlimited = ceiling == resource.RLIM_INFINITY
        soft, hard = (v if unlimited else min(v, ceiling) for v in (value, value + grace))
        try:
            resource.setrlimit(kind, (soft, hard))
        except (ValueError, OSError):
            if sys.platform == "linux":  # macOS refuses RLIMIT_AS; Linux has no excuse
                raise


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int, pointer: object = None) -> None:
    zero = ctypes.c_ulong(0)
    second = pointer if pointer is not None else zero
    if _libc().prctl(ctypes.c_int(option), ctypes.c_ulong(value), second, zero, zero) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def _unshare_network() -> bool:
    """Move into an empty network namespace; False where the system does not allow it."""
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWNET | _CLONE_NEWUSER
    return bool(_libc().unshare(ctypes.c_int(flags)) == 0)


# --- seccomp: a filter on system calls (linux/Documentation/userspace-api/seccomp_filter.rst) -------


@dataclass(frozen=True)
class _Machine:
    """System call numbers of one architecture (arch/x86/entry/syscalls, include/uapi/asm-generic)."""

    audit_arch: int
    refused: tuple[int, ...]
    clone: int
    own_process_only: tuple[int, ...]  # first argument must be our own process id or 0
    changing: tuple[int, ...]  # the tree of files, refused where nothing is to be written
    opening: tuple[tuple[int, int], ...]  # and files: which argument has the flags
    linking: tuple[int, ...]


# New system calls have one number on every architecture: io_uring, pidfd, new mount interface.
_NEW_CALLS = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 442)
_CLONE3 = 435
_OPENAT2 = 437
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_X86_64 = _Machine(
    audit_arch=0xC000003E,
    refused=(
        *(41, 42, 43, 44, 46, 49, 50, 53, 288, 307),  # sockets
        *(57, 58, 59, 322),  # fork, vfork, execve, execveat
        *(62, 101, 200, 310, 311, 312),  # kill, ptrace, tkill, process_vm_*, kcmp
        *(133, 135, 155, 161, 163, 165, 166, 167, 169, 170, 179, 259),  # devices, mounts, machine
        *(175, 176, 246, 248, 249, 250, 272, 298, 303, 304, 308, 313, 321, 323),  # kernel, keys, namespaces, bpf
        *_NEW_CALLS,
    ),
    clone=56,
    own_process_only=(234, 302),  # tgkill (abort needs it), prlimit64
    changing=(
        *(76, 82, 83, 84, 85, 87, 258, 263, 264, 316, 86, 88, 265, 266),  # truncate, names, links, folders
        *(90, 91, 92, 93, 94, 132, 235, 260, 261, 268, 280, 452),  # modes, owners, times
        *(188, 189, 190, 197, 198, 199),  # extended attributes
    ),
    opening=((2, 1), (257, 2)),  # open, openat
    linking=(86, 88, 265, 266),  # link, symlink, linkat, symlinkat
)
_AARCH64 = _Machine(
    audit_arch=0xC00000B7,
    refused=(
        *(198, 199, 200, 201, 202, 203, 206, 211, 242, 269),
        *(221, 281),
        *(117, 129, 130, 270, 271, 272),
        *(33, 39, 40, 41, 51, 60, 89, 92, 142, 161, 224),
        *(97, 104, 105, 106, 217, 218, 219, 241, 264, 265, 268, 273, 280, 282),
        *_NEW_CALLS,
    ),
    clone=220,
    own_process_only=(131, 261),
    changing=(45, 34, 35, 36, 37, 38, 276, 52, 53, 54, 55, 88, 452, 5, 6, 7, 14, 15, 16),
    opening=((56, 2),),
    linking=(36, 37),
)
_MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_OFFSET_NUMBER, _OFFSET_ARCH, _OFFSET_ARG0 = 0, 4, 16


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _filter(machine: _Machine, pid: int, *, writes: bool, links: bool) -> bytes:
    """Return the filter as packed `struct sock_filter`s. Refused calls fail with EPERM, threads may start.

    Without `writes`, what is open already can be written to, and nothing else.
    """
    refuse, allow = _instruction(_RETURN, _ERRNO | errno.EPERM), _instruction(_RETURN, _ALLOW)
    out = [
        _instruction(_LOAD, _OFFSET_ARCH),
        _instruction(_EQUAL, machine.audit_arch, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _OFFSET_NUMBER),
        _instruction(_AT_LEAST, 0x40000000, 0, 1),  # the x32 interface has other numbers
        _instruction(_RETURN, _KILL),
        _instruction(_EQUAL, _CLONE3, 0, 1),  # its flags cannot be read: make libc fall back on clone
        _instruction(_RETURN, _ERRNO | errno.ENOSYS),
    ]
    for number in (*machine.refused, *(() if links else machine.linking)):
        out += [_instruction(_EQUAL, number, 0, 1), refuse]
    if not writes:
        out += _reading_only(machine)
    out += [
        _instruction(_EQUAL, machine.clone, 0, 3),
        _instruction(_LOAD, _OFFSET_ARG0),
        _instruction(_ANY_BIT, _CLONE_THREAD, 1, 0),
        refuse,
        _instruction(_LOAD, _OFFSET_NUMBER),
    ]
    for number in machine.own_process_only:
        out += [
            _instruction(_EQUAL, number, 0, 5),
            _instruction(_LOAD, _OFFSET_ARG0),
            _instruction(_EQUAL, pid, 2, 0),
            _instruction(_EQUAL, 0, 1, 0),
            refuse,
            allow,
        ]
    return b"".join([*out, allow])


def _reading_only(machine: _Machine) -> list[bytes]:
    """Return the part that refuses, as Landlock does, to open files for writing and to change the tree of files."""
    refuse = _instruction(_RETURN, _ERRNO | errno.EACCES)
    out = [_instruction(_EQUAL, _OPENAT2, 0, 1), _instruction(_RETURN, _ERRNO | errno.ENOSYS)]  # flags out of reach
    for number in machine.changing:
        out += [_instruction(_EQUAL, number, 0, 1), refuse]
    for number, argument in machine.opening:
        out += [
            _instruction(_EQUAL, number, 0, 4),
            _instruction(_LOAD, _OFFSET_ARG0 + 8 * argument),
            _instruction(_ANY_BIT, _WRITING, 0, 1),
            refuse,
            _instruction(_LOAD, _OFFSET_NUMBER),
        ]
    return out


def _seccomp(*, writes: bool, links: bool) -> bool:
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    packed = _filter(machine, os.getpid(), writes=writes, links=links)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    program = _FilterProgram(len(packed) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    try:
        _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))
    except OSError:
        return False
    return True


# --- Landlock: which files are in sight (linux/Documentation/userspace-api/landlock.rst) ------------

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ = 0b1100  # read_file, read_dir
_FILE_RIGHTS = 0b110_0000_0000_0110  # read_file, write_file, truncate: all that a plain file can have
_SPECIAL_FILES = 0b1_1110_0100_0000  # make_char, make_sock, make_fifo, make_block, make_sym
_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15}  # how many rights each version knows
_SYSTEM_FOLDERS = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo", "/proc/self", "/dev/urandom")


def _landlock(readable: Sequence[Path], writable: Sequence[Path], *, links: bool) -> bool:
    libc = _libc()
    abi = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if abi < 1:
        return False
    everything = (1 << _RIGHTS_BY_ABI.get(abi, 16)) - 1
    attributes = struct.pack("=QQQ", everything, 0b11 if abi >= 4 else 0, 0b11 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    for path in (*_own_folders(), *readable):
        _landlock_allow(libc, ruleset, path, _READ & everything)
    for path in writable:
        _landlock_allow(libc, ruleset, path, everything if links else everything & ~_SPECIAL_FILES)
    taken = libc.syscall(_LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0
    os.close(ruleset)
    return bool(taken)


def _own_folders() -> list[Path]:
    """Folders of the interpreter, its packages and the system's libraries; never the folder of the user."""
    packages = [entry for entry in sys.path if Path(entry).name in {"site-packages", "dist-packages"}]
    stdlib = [str(Path(os.__file__).parent)]
    folders = dict.fromkeys([*_SYSTEM_FOLDERS, *packages, *stdlib, str(Path(__file__).parent)])
    return [Path(folder) for folder in folders]


def _landlock_allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    if not path.exists():
        return
    descriptor = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    allowed = rights if path.is_dir() else rights & _FILE_RIGHTS
    rule = struct.pack("=Qi", allowed, descriptor)
    failed = libc.syscall(_LANDLOCK_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    os.close(descriptor)
    if failed:
        raise OSError(ctypes.get_errno(), f"Landlock refuses a rule for {path}")

"""System calls that no answer needs, refused by a filter that nothing inside can lift (seccomp).

They would take memory that is counted for no process (segments and files without a name, a mount
of one's own), make namespaces in which more is allowed, or reach parts of the kernel that are
seldom tried.
"""

import ctypes
import errno
import platform
import struct
from typing import NamedTuple

PR_SET_SECCOMP, FILTER = 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # REFUSE | errno
LOAD, AND, EQUAL, SET, GREATER, RETURN = 0x20, 0x54, 0x15, 0x45, 0x35, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # where they lie in what the filter sees
NEW_NAMESPACES = 0x7E020000
SHARED_WITHOUT_FILE = 0x21  # MAP_SHARED | MAP_ANONYMOUS
X32 = 0x40000000


class Machine(NamedTuple):
    """The numbers of one kind of processor."""

    name: int
    clone: int
    mmap: int
    refused: tuple[int, ...]


# io_uring (3), open_tree to fspick (6), mount_setattr, memfd_secret
EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 447)
CLONE3 = 435  # its flags lie where a filter cannot look; the C library then uses clone
MACHINES = {
    "x86_64": Machine(
        0xC000003E, 56, 9,
        # shmget, shmat, semget, msgget, mq_open, memfd_create
        (29, 30, 64, 68, 240, 319,
         # unshare, setns, mount, umount2, pivot_root, chroot
         272, 308, 165, 166, 155, 161,
         # ptrace, process_vm_readv, process_vm_writev, add_key, request_key, keyctl
         101, 310, 311, 248, 249, 250,
         # bpf, perf_event_open, userfaultfd, modify_ldt
         321, 298, 323, 154),
    ),
    "aarch64": Machine(
        0xC00000B7, 220, 222,
        (194, 196, 190, 186, 180, 279,
         97, 268, 40, 39, 41, 51,
         117, 270, 271, 217, 218, 219,
         280, 241, 282),
    ),
}  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse() -> None:
    """Refuse them to this process and all that it starts, for good.

    Raises:
        OSError: if the kernel takes no filter.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(f"no list of system calls for a {platform.machine()}")
    code = b"".join(struct.pack("<HBBI", *line) for line in _filter(machine))
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")


def _filter(machine: Machine) -> list[tuple[int, int, int, int]]:
    """The filter: operation, how many lines to skip if true, and if false, operand."""
    refused = (RETURN, 0, 0, REFUSE | errno.EPERM)
    allowed = (RETURN, 0, 0, ALLOW)
    lines = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, machine.name),
        refused,
        (LOAD, 0, 0, NUMBER),
        (GREATER, 0, 1, X32),
        refused,
        (EQUAL, 0, 1, CLONE3),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
    ]
    for number in (*machine.refused, *EVERYWHERE):
        lines += [(EQUAL, 0, 1, number), refused]
    lines += [
        (EQUAL, 0, 4, machine.clone),
        (LOAD, 0, 0, ARGUMENTS),
        (SET, 0, 1, NEW_NAMESPACES),
        refused,
        allowed,
        (EQUAL, 0, 4, machine.mmap),
        (LOAD, 0, 0, ARGUMENTS + 3 * 8),
        (AND, 0, 0, SHARED_WITHOUT_FILE),
        (EQUAL, 0, 1, SHARED_WITHOUT_FILE),
        refused,
    ]
    return [*lines, allowed]

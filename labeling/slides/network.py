"""Takes the network away from the process that calls it: what decodes strangers' files has nobody to talk to."""

import ctypes
import errno
import platform
import struct

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER = 22, 38, 2
# Linux' <linux/audit.h> and system call tables: the machine's number, and its socket(2).
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_IO_URING_SETUP = 425
_X32 = 0x40000000
# Classic BPF, <linux/bpf_common.h>: load a word, jump if equal, jump if greater or equal, return.
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


def cut_network() -> bool:
    """Leave every network, by a namespace without interfaces and by a filter that refuses new sockets.

    The filter needs no rights and works inside containers; the namespace needs root, or a kernel that lets users make
    their own. Either is enough, and neither can be undone.

    Returns:
        Whether one of them holds.
    """
    return any([_leave_networks(), _refuse_sockets()])


def _leave_networks() -> bool:
    libc = ctypes.CDLL(None)
    return not libc.unshare(_CLONE_NEWNET) or not libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _refuse_sockets() -> bool:
    """Answer socket(2) with "not permitted", Unix sockets included, by whatever door of the kernel it is called."""
    if platform.machine() not in _MACHINES:
        return False
    machine, socket = _MACHINES[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, 4, machine),
        (_LOAD, 0, 0, 0),
        (_EQUAL, 2, 0, socket),
        (_EQUAL, 1, 0, _IO_URING_SETUP),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    return not libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) and not libc.prctl(_PR_SET_SECCOMP, _FILTER, program)

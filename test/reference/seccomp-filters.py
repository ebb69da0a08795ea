"""Writes src/video/confinement/filters.ts with libseccomp (`apt install libseccomp2`): the system-call filters of decoding processes.

Two BPF programs an architecture:
  spawning  no sockets, no other process's memory, no mounts, namespaces, keys, modules, clocks, io_uring, BPF, perf, userfaultfd
  single    the same, and no new process; threads are let through
clone3, whose flags no filter can read, is "not there", so that the C library calls clone.

Usage: python3 test/reference/seccomp-filters.py > src/video/confinement/filters.ts
"""

import base64
import ctypes
import tempfile

lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p
EPERM, ENOSYS = 1, 38
ALLOW = 0x7FFF0000
errno = lambda code: 0x00050000 | code
MASKED_EQ = 7
CLONE_THREAD = 0x00010000
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
NAMESPACES = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]
ARCHITECTURES = {"x64": 0xC000003E, "arm64": 0xC00000B7}

REFUSED = """
socket connect bind listen accept accept4
ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_open pidfd_getfd pidfd_send_signal
add_key request_key keyctl
mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr
setns unshare name_to_handle_at open_by_handle_at fanotify_init
bpf perf_event_open userfaultfd kexec_load kexec_file_load init_module finit_module delete_module
reboot swapon swapoff acct quotactl quotactl_fd syslog sethostname setdomainname vhangup
settimeofday clock_settime clock_adjtime adjtimex iopl ioperm modify_ldt personality lookup_dcookie vmsplice
mbind migrate_pages move_pages set_mempolicy execveat
""".split()
ABSENT = "clone3 io_uring_setup io_uring_enter io_uring_register memfd_secret".split()


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def export(rules, arch):
    context = ctypes.c_void_p(lib.seccomp_init(ALLOW))
    lib.seccomp_arch_add(context, ARCHITECTURES[arch])
    for other in ARCHITECTURES.values():
        if other != ARCHITECTURES[arch]:
            lib.seccomp_arch_remove(context, other)
    for action, name, *comparisons in rules:
        if lib.seccomp_syscall_resolve_name_arch(ARCHITECTURES[arch], name.encode()) < 0:
            continue  # not there on this architecture
        call = lib.seccomp_syscall_resolve_name(name.encode())  # rules take the numbers of this machine
        array = (Comparison * len(comparisons))(*comparisons)
        code = lib.seccomp_rule_add_exact_array(context, action, call, len(comparisons), array)
        if code != 0:
            raise OSError(-code, f"{arch} {name}")
    with tempfile.TemporaryFile() as file:
        if lib.seccomp_export_bpf(context, file.fileno()) != 0:
            raise OSError("seccomp_export_bpf")
        file.seek(0)
        return base64.b64encode(file.read()).decode()


spawning = [(errno(EPERM), name) for name in REFUSED] + [(errno(ENOSYS), name) for name in ABSENT]
spawning += [(errno(EPERM), "clone", Comparison(0, MASKED_EQ, flag, flag)) for flag in NAMESPACES]
single = [rule for rule in spawning if rule[1] != "clone"] + [
    (errno(EPERM), "fork"),
    (errno(EPERM), "vfork"),
    (errno(EPERM), "clone", Comparison(0, MASKED_EQ, CLONE_THREAD, 0)),
]

print(
    """// System-call filters (BPF programs of libseccomp) of decoding processes. Generated: python3 test/reference/seccomp-filters.py

/** The filters of an architecture. */
export interface SyscallFilters {
  /** No network, no other process's memory, no mounts, namespaces, keys, clocks and the like. Base64. */
  spawning: string;
  /** The same, and no new process; threads are let through. Base64. */
  single: string;
}

/** Filters by `process.arch`. */
export const syscallFilters: Readonly<Partial<Record<NodeJS.Architecture, SyscallFilters>>> = {"""
)
for arch in ARCHITECTURES:
    print(f"  {arch}: {{")
    for name, rules in (("spawning", spawning), ("single", single)):
        print(f"    {name}:\n      '{export(rules, arch)}',")
    print("  },")
print("};")

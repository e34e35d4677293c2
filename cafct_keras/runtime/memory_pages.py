"""Huge pages for the command line's memory on Linux."""

import os
import pathlib
import platform
import sys

SETTING = "glibc.malloc.hugetlb"
FIRST_GLIBC = (2, 35)
COMMAND = "cafct-keras"
KERNEL_MODE = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")


def restart_command_line():
    """Starts `cafct-keras` anew with huge pages for what it allocates, where Linux leaves that to the program.

    XLA takes gigabytes anew for every step on a CPU, and the kernel hands them out zeroed, 4 KB at a time, which takes
    up to a quarter of the step; 2 MB at a time it does not show. glibc reads its setting when a program starts, and
    never again, hence the new start. What the user set stays, and so does a program that only imports this package.
    """
    if pathlib.Path(sys.argv[0]).name != COMMAND:
        return
    settings = os.environ.get("GLIBC_TUNABLES", "")
    if SETTING in settings or not _left_to_the_program():
        return
    os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, [settings, f"{SETTING}=1"]))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _left_to_the_program():
    library, version = platform.libc_ver()
    if library != "glibc" or tuple(map(int, version.split(".")[:2])) < FIRST_GLIBC:
        return False
    try:
        return "[madvise]" in KERNEL_MODE.read_text()
    except OSError:
        return False

"""Huge memory pages for the command line on Linux."""

import os
import pathlib
import platform
import sys

from cafct_keras.runtime.command_line import is_command_line

SETTING = "glibc.malloc.hugetlb"
FIRST_GLIBC = (2, 35)
KERNEL_MODE = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")


def restart_command_line() -> None:
    """Restarts `cafct-keras` with huge pages for its heap, where Linux leaves the choice to the program.

    On a CPU, XLA allocates gigabytes for every step. The kernel zeroes them in pages of 4 KB, which takes up to a
    quarter of the step; with pages of 2 MB the cost disappears. glibc reads the setting only when a process starts,
    hence the restart. A value set by the user is kept, and a program that merely imports this package is not restarted.
    """
    # A process that multiprocessing started has the arguments too, but would lose the work that waits for it.
    if not is_command_line() or "--multiprocessing-fork" in sys.orig_argv:
        return
    settings = os.environ.get("GLIBC_TUNABLES", "")
    if SETTING in settings or not _left_to_the_program():
        return
    os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, [settings, f"{SETTING}=1"]))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _left_to_the_program() -> bool:
    library, version = platform.libc_ver()
    if library != "glibc" or tuple(map(int, version.split(".")[:2])) < FIRST_GLIBC:
        return False
    try:
        return "[madvise]" in KERNEL_MODE.read_text(encoding="utf-8")
    except OSError:
        return False

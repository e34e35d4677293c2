"""What Windows refuses or does differently, imposed on this process: it has no system calls of Windows to test with.

Text has another encoding and other ends of lines by default, folders cannot be opened, what is open can neither be
renamed nor removed, names have fewer characters, and modules, functions and constants of POSIX are missing.
"""

import builtins
import errno
import io
import os
import pathlib
import re
import shutil
import signal
import sys

import platformdirs  # noqa: F401  (chooses its module for this system at import)

POSIX_MODULES = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")
# Those that Python's own modules call on a POSIX system, such as `waitpid`, stay.
POSIX_NAMES = {
    os: (
        "chown chroot ctermid fork forkpty getegid getgid getgroups getloadavg getpgid getpgrp getpriority getresuid "
        "getsid killpg lchown lockf mkfifo mknod nice openpty posix_fadvise posix_fallocate pread pwrite pwritev "
        "preadv sched_getaffinity sched_setaffinity sendfile setgid setpgid setpriority setsid setuid statvfs sync "
        "sysconf tcgetpgrp uname wait3 wait4 O_DIRECT O_DIRECTORY O_NOATIME O_NOFOLLOW O_SYNC"
    ),
    signal: (
        "alarm getitimer pause pthread_kill pthread_sigmask setitimer sigpending sigwait SIGALRM SIGCHLD SIGCONT "
        "SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIG_BLOCK SIG_SETMASK SIG_UNBLOCK"
    ),
}
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]|[ .]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)


def impose(patch):
    """Imposes Windows on this process, by a `pytest.MonkeyPatch` that undoes it."""
    take_posix_away(patch)
    patch.setattr(sys, "platform", "win32")
    for name in ("_use_fd_functions", "_USE_CP_SENDFILE"):
        patch.setattr(shutil, name, False)
    for name in ("open", "mkdir"):
        patch.setattr(os, name, _named(getattr(os, name)))
    for name in ("rename", "replace", "unlink", "remove", "rmdir"):
        patch.setattr(os, name, _closed(getattr(os, name), replaces=name == "replace"))
    opened = _text_of_windows(io.open)
    patch.setattr(io, "open", opened)
    patch.setattr(builtins, "open", opened)


def take_posix_away(patch):
    """Takes away the modules, functions and constants of POSIX."""
    for name in POSIX_MODULES:
        patch.setitem(sys.modules, name, None)
    for module, names in POSIX_NAMES.items():
        for name in names.split():
            patch.delattr(module, name, raising=False)


def _named(call):
    """`os.open` or `os.mkdir` with the names of Windows, and without folders that are opened."""

    def named(path, *arguments, **options):
        _check_name(path)
        if call.__name__ == "open" and os.path.isdir(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
        return call(path, *arguments, **options)

    return named


def _closed(call, *, replaces):
    """A call that renames or removes what nobody has open."""

    def closed(*paths, **options):
        if sys._getframe(1).f_globals["__name__"] == "tempfile":  # which does it otherwise on Windows
            return call(*paths, **options)
        for path in paths:
            _check_name(path)
            inside = os.path.realpath(path)
            if found := [name for name in _open_files() if name == inside or name.startswith(inside + os.sep)]:
                raise PermissionError(errno.EACCES, f"open: {found}", os.fspath(path))
        if len(paths) == 2 and not replaces and os.path.lexists(paths[1]):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(paths[1]))
        return call(*paths, **options)

    return closed


def _open_files():
    for handle in pathlib.Path("/proc/self/fd").iterdir():
        try:
            yield os.readlink(handle)
        except OSError:  # closed meanwhile
            continue


def _text_of_windows(call):
    """`open` with the encoding of Western Europe and carriage returns, where they are not given."""

    def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *rest, **options):
        if not isinstance(file, int):
            _check_name(file)
        if "b" not in mode:
            encoding = "cp1252" if encoding in (None, "locale") else encoding
            newline = "\r\n" if newline is None and mode[0] in "wxa" else newline
        return call(file, mode, buffering, encoding, errors, newline, *rest, **options)

    return opened


def _check_name(path):
    name = os.path.basename(os.fsdecode(path).rstrip("/"))
    if name not in ("", ".", "..") and _FORBIDDEN.search(name):
        raise OSError(errno.EINVAL, "not a name on Windows", os.fspath(path))

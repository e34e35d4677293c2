import os

import pytest

from cafct_keras.runtime import memory_pages


@pytest.mark.parametrize(
    ("program", "mode", "tunables", "expected"),
    [
        ("cafct-keras", "always [madvise] never", "", "glibc.malloc.hugetlb=1"),
        (
            "cafct-keras",
            "always [madvise] never",
            "glibc.malloc.check=1",
            "glibc.malloc.check=1:glibc.malloc.hugetlb=1",
        ),
        ("cafct-keras", "always [madvise] never", "glibc.malloc.hugetlb=0", None),
        ("cafct-keras", "[always] madvise never", "", None),
        ("train.py", "always [madvise] never", "", None),
    ],
)
def test_only_the_command_line_starts_anew_and_only_where_that_helps(
    program, mode, tunables, expected, monkeypatch, tmp_path
):
    started = []
    (tmp_path / "enabled").write_text(mode)
    monkeypatch.setattr(memory_pages, "KERNEL_MODE", tmp_path / "enabled")
    monkeypatch.setattr(memory_pages.platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(memory_pages.os, "execv", lambda *command: started.append(os.environ["GLIBC_TUNABLES"]))
    monkeypatch.setattr(memory_pages.sys, "argv", [f"/usr/bin/{program}", "info"])
    monkeypatch.setenv("GLIBC_TUNABLES", tunables)
    memory_pages.restart_command_line()
    assert started == ([] if expected is None else [expected])

import pytest

from tests.fuzz import outcomes


@pytest.fixture(autouse=True, scope="module")
def summary(request):
    """Prints the counts of a file, and fails for what was collected."""
    outcomes.counts.clear()
    outcomes.bad.clear()
    outcomes.seconds.clear()
    yield
    lines = [f"{kind}: {taken:.1f} s" for kind, taken in outcomes.seconds.items() if outcomes.COLLECT]
    lines += [f"{name}: {count}" for name, count in sorted(outcomes.counts.items())]
    lines += [f"BAD {line}  <-  {described}" for line, described in sorted(outcomes.bad.items())]
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("", *lines, sep="\n")
    if outcomes.COLLECT:
        assert not outcomes.bad

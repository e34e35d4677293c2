from tests.cli import run

EVERYTHING = ("--probability", "--measurements", "--preview", "--page")


def predicted(*arguments, code=0):
    done = run("predict", *arguments, "--json")
    assert done.code == code, done
    return done.json

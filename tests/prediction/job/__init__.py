from tests.cli import run

# Of Keras, which the other tests of a process choose too: workers would choose for themselves.
EVERYTHING = ("--probability", "--measurements", "--preview", "--page", "--engine", "keras")


def predicted(*arguments, code=0):
    done = run("predict", *arguments, "--json")
    assert done.code == code, done
    return done.json

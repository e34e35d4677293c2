"""Templates of the pages."""

import jinja2

from cafct_keras.pages import wording
from pipelines.printable import printable


def environment(package: str, *, autoescape: bool = True) -> jinja2.Environment:
    """Templates in the folder `templates` of a package, with the shared style sheet `page.css` and filters.

    Control characters in values are escaped, see `printable`: a page may be read in a terminal.

    Args:
        package: its full name.
        autoescape: whether values are escaped for HTML: names of cases, paths and messages are arbitrary.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(each) for each in (package, "cafct_keras.pages")]),
        autoescape=autoescape,
        finalize=printable,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    environment.filters |= {
        "fixed": wording.fixed,
        "interval": wording.interval,
        "counted": wording.counted,
        "probability": wording.probability,
        "scaled": wording.scaled,
        "plain": wording.plain,
    }
    environment.tests |= {"known": wording.is_known}
    return environment

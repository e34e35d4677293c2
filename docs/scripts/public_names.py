"""Public names, and what the reference says that no docstring holds as it stands."""

import ast
import functools
import re
import runpy
from collections.abc import Iterator, Set
from typing import Any

import griffe
from links import ROOT

PACKAGES = ("cafct_keras", "pipelines")
DECORATORS = {"register": "NETWORK", "register_encoders": "BACKBONE"}
# Indentation, names and description of `height, width: in pixels.` in a section of a docstring.
TOGETHER = re.compile(r"^( +)(\w+(?:, \w+)+)(: .+(?:\n\1 +.+)*)", re.MULTILINE)


def _one_by_one(together: re.Match[str]) -> str:
    return "\n".join(f"{together[1]}{name}{together[3]}" for name in together[2].split(", "))


@functools.cache
def _docstrings() -> dict[str, Any]:
    """What `cafct_keras.models.docstrings` defines, without the package around it, which imports Keras."""
    return runpy.run_path(str(ROOT / "cafct_keras" / "models" / "docstrings.py"))


class Completed(griffe.Extension):
    """Docstrings as a reader needs them, where they are shorter in the code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Gives arguments and attributes that are described together a description each."""
        if obj.docstring:
            obj.docstring.value = TOGETHER.sub(_one_by_one, obj.docstring.value)

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Adds the arguments that all networks share."""
        names = {str(each.value).partition("(")[0].rpartition(".")[2] for each in func.decorators}
        for name in names & DECORATORS.keys():
            if func.docstring:
                docstrings = _docstrings()
                parameters = [parameter.name for parameter in func.parameters]
                closing = docstrings[DECORATORS[name]]
                func.docstring.value = docstrings["completed"](func.docstring.value, parameters, closing)

    def on_attribute_instance(self, *, node: Any, attr: griffe.Attribute, **_: Any) -> None:
        """Takes the help text of an option as its docstring."""
        call = getattr(node, "value", None)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "option" and not attr.docstring:
            text = ast.literal_eval(call.args[0])
            attr.docstring = griffe.Docstring(text, parent=attr, lineno=attr.lineno)


def problems(shown: Set[str]) -> Iterator[str]:
    """Public names that are not documented, or that no page shows.

    Public are the names in `__all__` of the packages and of the modules directly in them, and what `cafct_keras.models`
    imports. Docstrings of methods are left to Ruff.

    Args:
        shown: paths of all objects in the reference.
    """
    loader = griffe.GriffeLoader(extensions=griffe.load_extensions(Completed), search_paths=[str(ROOT)])
    for package in PACKAGES:
        loader.load(package, try_relative_path=False)
    loader.resolve_aliases(implicit=True, external=False)
    for package in PACKAGES:
        top: Any = loader.modules_collection[package]
        for module in (top, *top.modules.values()):
            names = map(str, module.exports or ())
            if module.path == "cafct_keras.models":
                names = [name for name, each in module.members.items() if each.is_alias and name[0] != "_"]
            for name in names:
                yield from _problems_of(module, name, shown)


def _problems_of(module: Any, name: str, shown: Set[str]) -> Iterator[str]:
    path = f"{module.path}.{name}"
    if name not in module.members:
        yield f"{path}: cannot be found without importing it; import it under TYPE_CHECKING"
        return
    try:
        target = module[name].final_target if module[name].is_alias else module[name]
    except griffe.AliasResolutionError:  # of another package
        return
    if target.is_module or name.startswith("__"):
        return
    if not target.has_docstring:
        yield f"{path}: has no docstring"
    if not {path, target.path} & shown:
        yield f"{path}: is on no page of the reference"
    if target.is_attribute:
        return
    described = _described(target)
    signature = target.parameters
    if not any(each.kind is griffe.ParameterKind.var_keyword for each in signature):
        for argument in described["parameters"] - {each.name.lstrip("*") for each in signature}:
            yield f"{path}: describes the argument {argument}, which it does not have"
    for attribute in target.attributes.values() if target.is_class else ():
        known = attribute.has_docstring or attribute.name in described["attributes"] | described["parameters"]
        if attribute.is_public and not attribute.is_alias and not known:
            yield f"{path}.{attribute.name}: has no docstring"


def _described(target: Any) -> dict[str, set[str]]:
    """Arguments and attributes that the docstrings of a class and its bases, or of a function, describe."""
    found: dict[str, set[str]] = {"parameters": set(), "attributes": set()}
    for each in (target, *(target.mro() if target.is_class else ())):
        for section in each.docstring.parse("google", warnings=False) if each.docstring else ():
            if section.kind.value in found:
                found[section.kind.value] |= {item.name.lstrip("*") for item in section.value}
    return found

"""Registration of classes with Keras: their configurations, and the names they had in earlier versions."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import keras

PACKAGE = "cafct_keras"
Class = TypeVar("Class", bound=type)


def register(*, formerly: str | None = None, renamed: Mapping[str, str] | None = None) -> Callable[[Class], Class]:
    """Registers a layer or an initializer as `cafct_keras>ClassName`, by which saved models refer to it.

    A class without a `get_config` of its own gets one that adds each keyword-only argument of its constructor, read
    from the attribute of the same name, so that no argument can be forgotten.

    A class that is stored in a list of another layer, or that is itself a layer of a network, cannot be renamed:
    weight files address such layers by their class name.

    Args:
        formerly: name of the class in earlier versions; models saved by them still load.
        renamed: constructor arguments, from the name in earlier versions to the present one; configurations with the
            former names still load.

    Returns:
        A class decorator.
    """

    def decorate(cls: Any) -> Any:
        keras.saving.register_keras_serializable(PACKAGE)(cls)
        if formerly is not None:
            keras.saving.get_custom_objects()[f"{PACKAGE}>{formerly}"] = cls
        arguments = inspect.signature(cls.__init__).parameters.values() if "__init__" in vars(cls) else ()
        names = [each.name for each in arguments if each.kind is each.KEYWORD_ONLY]
        if names and "get_config" not in vars(cls):

            def get_config(self: Any) -> dict[str, Any]:
                return {**{name: getattr(self, name) for name in names}, **super(cls, self).get_config()}

            cls.get_config = get_config
        if renamed:
            current = cls.from_config.__func__

            def from_config(cls: type, config: dict[str, Any]) -> Any:
                return current(cls, {renamed.get(name, name): value for name, value in config.items()})

            cls.from_config = classmethod(from_config)
        return cls

    return decorate

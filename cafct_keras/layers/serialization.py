"""Registration of classes with Keras, and the names that they and their arguments had in earlier versions."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import keras

PACKAGE = "cafct_keras"
Class = TypeVar("Class", bound=type)


def register(*, formerly: str | None = None, renamed: Mapping[str, str] | None = None) -> Callable[[Class], Class]:
    """Registers a layer or an initializer as `cafct_keras>ClassName`, by which saved models refer to it.

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
        if renamed:
            current = cls.from_config.__func__

            def from_config(cls: type, config: dict[str, Any]) -> Any:
                return current(cls, {renamed.get(name, name): value for name, value in config.items()})

            cls.from_config = classmethod(from_config)
        return cls

    return decorate

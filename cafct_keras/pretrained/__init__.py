"""Published models by name: those that come with the package, and those of registry files."""

from cafct_keras.pretrained.registry import DEFAULT_MODEL, REGISTRY_VARIABLE, Entry, list_pretrained

__all__ = ["DEFAULT_MODEL", "REGISTRY_VARIABLE", "Entry", "list_pretrained"]

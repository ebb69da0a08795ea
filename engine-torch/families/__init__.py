"""What depends on a family of models: a module for each `model_type`."""

import importlib


def family_of(model_type: str):
    """The module of a family."""
    return importlib.import_module(f"families.{model_type}")

"""Docstrings as help, also where `python -OO` has taken them away."""

import ast
import functools
import importlib.util


def documented(function):
    """`function`, with its docstring from its source if it has lost it."""
    if function.__doc__ is None:
        function.__doc__ = docstring(function.__module__, function.__qualname__)
    return function


@functools.cache
def docstring(module, name):
    """Docstring of the function `name` of `module`, which is read and not imported; "" without source.

    Args:
      name: of a function in a function, both, as `__qualname__` has them.
    """
    spec = importlib.util.find_spec(module)
    source = spec.loader.get_source(module)
    node = ast.parse(source or "")
    for each in name.replace("<locals>.", "").split("."):
        node = next((child for child in node.body if isinstance(child, ast.FunctionDef) and child.name == each), None)
        if node is None:
            return ""
    return ast.get_docstring(node) or ""

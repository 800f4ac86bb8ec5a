"""Docstrings as help, also where `python -OO` has taken them away."""

import ast
import contextlib
import inspect
import textwrap


def documented(function):
    """`function`, with its docstring from its source if it has lost it."""
    if function.__doc__ is None:
        with contextlib.suppress(OSError, SyntaxError):  # no source: help without words
            function.__doc__ = ast.get_docstring(ast.parse(textwrap.dedent(inspect.getsource(function))).body[0])
    return function

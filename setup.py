from setuptools import setup

setup()  # what there is to say stands in pyproject.toml

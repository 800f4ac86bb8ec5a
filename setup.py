import pathlib

from setuptools import find_packages, setup

setup(
    name="qrkeras",
    version="0.1.0",
    description="Generative image models learned by quantile regression, for Keras 3 and TensorFlow",
    long_description=pathlib.Path("README.md").read_text(),
    long_description_content_type="text/markdown",
    python_requires=">=3.11",
    package_data={"qrkeras.features": ["weights/*.npz"], "qrkeras.server": ["page.html"]},
    packages=find_packages(include=["qrkeras", "qrkeras.*"]),
    install_requires=[
        "keras>=3.15",
        "tensorflow>=2.21,<2.22",
        "tensorflow-serving-api>=2.21,<2.22",
        "tensorflow-datasets>=4.9.10",
        "importlib_resources",  # tensorflow-datasets imports it and does not name it
        "tensorflow-gan>=2.1",
        "tensorflow-hub>=0.16",
        "setuptools<81",  # tensorflow-hub imports its pkg_resources, which later ones lack
        "keras-tuner>=1.4.8",
        "tensorboard>=2.20",
        "numpy",
        "protobuf",
        "scipy",
        "scikit-learn",
        "threadpoolctl",  # k-means repeats itself on one thread
        "matplotlib",
        "Pillow",
        "tyro>=1.0",
        "rich",
        "starlette>=1.0",
        "uvicorn",
        "orjson",
        "prometheus-client",
        "requests",
    ],
    extras_require={
        "cuda": ["tensorflow[and-cuda]>=2.21,<2.22"],
        "test": ["pytest", "pytest-xdist", "hypothesis", "ruff", "grpcio"],
        "benchmark": ["torch", "psutil", "tensorflow-probability"],
    },
    entry_points={"console_scripts": ["qrkeras = qrkeras.cli:main"]},
)

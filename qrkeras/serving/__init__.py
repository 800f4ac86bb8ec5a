"""Exports of models, the server that answers out of a folder of them, and a client for it or for TF Serving.

`client.py` and `wire.py` need no TensorFlow, so that what writes exports is imported when it is asked for.
"""


def __getattr__(name):
    if name == "export_model":
        from qrkeras.serving.export import export_model

        return export_model
    raise AttributeError(f"module 'qrkeras.serving' has no attribute {name!r}")

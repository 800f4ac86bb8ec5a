"""TF Serving's REST calls on one's own machine: `qrkeras serve`.

It loads any SavedModel that lies in `BASE/NAME/VERSION`, and knows nothing of the models of this package.
"""

"""Exports of models, the server that answers out of a folder of them, and a client for it or for TF Serving."""

"""The one version of model package, server and add-on."""

__version__ = "0.1.0"

API_VERSION = 1
"""Version of the HTTP contract; client and server must agree on it."""

API_MIN = 1
"""Oldest HTTP contract a client may speak to this server."""

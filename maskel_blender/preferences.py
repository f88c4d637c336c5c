"""Preferences of the add-on, and what follows from them and the environment."""

from __future__ import annotations

import os

import bpy

from . import compat
from .backend.command import choose_server
from .jobs import JobOptions


class MaskelPreferences(bpy.types.AddonPreferences):
    """Edit > Preferences > Add-ons > MaSkel."""

    bl_idname = __package__

    server: bpy.props.StringProperty(
        name="Server",
        description="Address of a running server, like 127.0.0.1:8765. Leave empty to have one started when it is needed",
    )
    token_file: bpy.props.StringProperty(
        name="Token File",
        subtype="FILE_PATH",
        description="File with the running server's token, as it printed when it started",
    )
    command: bpy.props.StringProperty(
        name="Program",
        subtype="FILE_PATH",
        description="The maskel program that is started when no server is named. Leave empty to look for it on the PATH",
    )
    timeout: bpy.props.FloatProperty(
        name="Timeout",
        subtype="TIME_ABSOLUTE",
        default=120.0,
        min=1.0,
        soft_max=600.0,
        description="Seconds an X-ray may take",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw the settings, and say so where the environment wins over them."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "command")
        layout.prop(self, "server")
        layout.prop(self, "token_file")
        layout.prop(self, "timeout")
        for name in ("MASKEL_SERVER", "MASKEL_TOKEN_FILE", "MASKEL_COMMAND"):
            if os.environ.get(name):
                layout.label(text=f"{name} is set and wins: {os.environ[name]}", icon="INFO")


def preferences(context: bpy.types.Context) -> MaskelPreferences | None:
    """The add-on's preferences; None where it is registered without being enabled."""
    addon = context.preferences.addons.get(__package__)
    return addon.preferences if addon is not None else None


def job_options(context: bpy.types.Context) -> JobOptions:
    """Which server to ask, by environment and preferences.

    Raises:
        MaskelError: If neither names one that can be used.

    """
    values = preferences(context)
    server = choose_server(
        os.environ,
        address=values.server if values else "",
        token_file=bpy.path.abspath(values.token_file) if values else "",
        command=bpy.path.abspath(values.command) if values else "",
    )
    return JobOptions(
        server, timeout=values.timeout if values else 120.0, allow_remote=compat.online_access()
    )

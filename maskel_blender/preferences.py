"""Preferences of the add-on, and what follows from them and the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import bpy

from . import compat
from .backend.command import OwnServer, RunningServer, choose_server
from .backend.monitor import Endpoint, Watched
from .backend.published import published_file, state_folder
from .errors import MaskelError
from .install.layout import Layout
from .install.options import InstallOptions, bundled_wheel
from .jobs import JobOptions
from .session import SESSION


class MaskelPreferences(bpy.types.AddonPreferences):
    """Edit > Preferences > Add-ons > MaSkel."""

    bl_idname = __package__

    source: bpy.props.EnumProperty(
        name="Install From",
        items=(
            (
                "BUNDLED",
                "This Add-on",
                "The back end that came with it; what that needs comes from the network",
            ),
            (
                "FOLDER",
                "Wheel Folder",
                "A folder with the wheels of maskel and of all it needs; works without network",
            ),
            (
                "FILE",
                "File or Checkout",
                "A wheel of maskel or a checkout; what it needs comes from the network",
            ),
            ("INDEX", "Package Index", "Everything from the package index that pip or uv is set to"),
        ),
        default="BUNDLED" if bundled_wheel() is not None else "FOLDER",
        description="Where the back end comes from",
    )
    wheel_folder: bpy.props.StringProperty(
        name="Wheel Folder",
        subtype="DIR_PATH",
        options=compat.BLEND_PATH,
        description="Folder with maskel-*.whl and the wheels it needs",
    )
    package: bpy.props.StringProperty(
        name="File or Checkout",
        subtype="FILE_PATH",
        options=compat.BLEND_PATH,
        description="A file maskel-*.whl, or the folder with pyproject.toml",
    )
    torch: bpy.props.EnumProperty(
        name="Compute On",
        items=(
            (
                "CPU",
                "Processor",
                "PyTorch for the processor: the smaller download; an X-ray takes about a second",
            ),
            ("GPU", "Graphics Card", "PyTorch for NVIDIA cards (CUDA), or for Apple's chips (Metal)"),
        ),
        description="Which PyTorch is installed",
    )
    torch_index: bpy.props.StringProperty(
        name="PyTorch Index",
        description="Address of an index with the wanted build of PyTorch. Empty: uv or pip chooses",
    )
    share: bpy.props.BoolProperty(
        name="Use a Server That Runs",
        default=True,
        description="Use a server started with 'maskel serve' if it has the add-on's version. Else each Blender has its own",
    )
    server: bpy.props.StringProperty(
        name="Server",
        description="Address of a running server, like 127.0.0.1:8765. Leave empty to have one started when it is needed",
    )
    token_file: bpy.props.StringProperty(
        name="Token File",
        subtype="FILE_PATH",
        options=compat.BLEND_PATH,
        description="File with the running server's token, as it printed when it started",
    )
    command: bpy.props.StringProperty(
        name="Program",
        subtype="FILE_PATH",
        options=compat.BLEND_PATH,
        description="An existing maskel program. Leave empty for the installed back end, or the one on the PATH",
    )
    timeout: bpy.props.FloatProperty(
        name="Timeout",
        subtype="TIME_ABSOLUTE",
        default=120.0,
        min=1.0,
        soft_max=600.0,
        description="Seconds an X-ray may take",
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the set-up and the settings, and say so where the environment wins over them."""
        # here, for the panels' modules import this one
        from .panels.setup import draw_setup

        layout = self.layout
        layout.use_property_split = True
        draw_setup(layout.box(), context, self)
        box = layout.box()
        box.label(text="Or use what is there", icon="LINKED")
        box.prop(self, "command")
        box.prop(self, "server")
        box.prop(self, "token_file")
        box.prop(self, "share")
        layout.prop(self, "timeout")
        for name in ("MASKEL_SERVER", "MASKEL_TOKEN_FILE", "MASKEL_COMMAND"):
            if os.environ.get(name):
                layout.label(text=f"{name} is set and wins: {os.environ[name]}", icon="INFO")


def preferences(context: bpy.types.Context) -> MaskelPreferences | None:
    """The add-on's preferences; None where it is registered without being enabled."""
    addon = context.preferences.addons.get(__package__)
    return addon.preferences if addon is not None else None


def backend_layout() -> Layout:
    """Where the back end is installed: the extension's own folder, which Blender deletes with the extension."""
    folder = compat.private_folder(__package__, "backend")
    return Layout(folder if folder is not None else state_folder(os.environ) / "backend")


def install_options(values: MaskelPreferences) -> InstallOptions:
    """What the preferences ask to be installed."""
    path = {"FOLDER": values.wheel_folder, "FILE": values.package}.get(values.source, "")
    return InstallOptions(
        values.source,
        str(Path(bpy.path.abspath(path)).expanduser().resolve()) if path else "",
        values.torch,
        values.torch_index.strip() or os.environ.get("MASKEL_TORCH_INDEX", "").strip(),
    )


def _chooser(context: bpy.types.Context) -> Callable[[], RunningServer | OwnServer]:
    """What decides which server to use; reads Blender here, and files only when it is called, from any thread."""
    values = preferences(context)
    layout = backend_layout()
    named = {
        "address": values.server if values else "",
        "token_file": bpy.path.abspath(values.token_file) if values else "",
        "command": bpy.path.abspath(values.command) if values else "",
    }
    share = values is None or values.share

    def choose() -> RunningServer | OwnServer:
        published = published_file(os.environ) if share else None
        return choose_server(os.environ, **named, installed=layout.active_command(), published=published)

    return choose


def job_options(context: bpy.types.Context) -> JobOptions:
    """Which server to ask, by environment and preferences.

    Raises:
        MaskelError: If neither names one that can be used.

    """
    values = preferences(context)
    return JobOptions(
        _chooser(context)(),
        timeout=values.timeout if values else 120.0,
        allow_remote=compat.online_access(),
    )


def watched(context: bpy.types.Context) -> Watched:
    """What the monitor looks at."""
    choose, remote = _chooser(context), compat.online_access()

    def endpoint() -> Endpoint | None:
        found = SESSION.backend.endpoint
        try:
            server = choose()
        except MaskelError:
            if found is None:
                raise
            return Endpoint(*found)
        if isinstance(server, RunningServer):
            return Endpoint(server.address, server.token, remote)
        return Endpoint(*found) if found is not None else None

    return Watched(endpoint, lambda: SESSION.backend.log_file)


def named_address(context: bpy.types.Context) -> str:
    """Address of the running server that environment or preferences name; "" if one is started here."""
    values = preferences(context)
    if os.environ.get("MASKEL_SERVER"):
        return os.environ["MASKEL_SERVER"]
    return values.server.strip() if values is not None and not os.environ.get("MASKEL_COMMAND") else ""

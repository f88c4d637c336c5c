"""The first-time set-up, as the add-on's preferences show it."""

from __future__ import annotations

import bpy

from .. import compat
from ..errors import InstallError
from ..install.options import InstallOptions
from ..install.sizes import estimate
from ..preferences import MaskelPreferences, backend_layout, install_options
from ..session import SESSION
from .messages import error_box, wrapped


def draw_setup(layout: bpy.types.UILayout, context: bpy.types.Context, values: MaskelPreferences) -> None:
    """State of the back end, what is to be installed and how large that is, and the buttons."""
    installation = SESSION.installation
    if installation is not None and installation.running:
        layout.label(text=f"{installation.step} ...", icon="TIME")
        layout.progress(
            factor=installation.progress,
            text=f"{installation.progress * 100:.0f} %, {installation.seconds:.0f} s",
        )
        layout.label(text=installation.detail)
        layout.operator("maskel.setup_cancel", icon="CANCEL")
        return
    folder = backend_layout()
    active, begun, damaged = folder.active(), folder.partial(), folder.damaged()
    if damaged:
        layout.label(text="Back end: damaged", icon="ERROR")
    elif active is not None:
        layout.label(text=f"Back end: installed, version {active.version}", icon="CHECKMARK")
    else:
        layout.label(text="Back end: not installed", icon="IMPORT")
    if begun is not None:
        layout.label(text="An installation was begun and not finished", icon="INFO")
        row = layout.row(align=True)
        row.operator("maskel.setup_install", text="Continue", icon="PLAY").mode = "CONTINUE"
        row.operator("maskel.setup_discard", icon="TRASH")
    if active is not None:
        row = layout.row(align=True)
        row.operator("maskel.setup_install", text="Repair", icon="FILE_REFRESH").mode = "REPAIR"
        row.operator("maskel.setup_remove", icon="TRASH")
    column = layout.column()
    column.prop(values, "source")
    if values.source == "FOLDER":
        column.prop(values, "wheel_folder")
    else:
        if values.source == "FILE":
            column.prop(values, "package")
        column.prop(values, "torch")
        column.prop(values, "torch_index")
    options = install_options(values)
    _size(layout, context, options)
    text = "Install Back End" if active is None else "Install Anew"
    layout.operator("maskel.setup_install", text=text, icon="IMPORT").mode = "NEW"
    layout.operator("maskel.server_log", icon="TEXT")
    if SESSION.setup_error is not None:
        error_box(layout, context, SESSION.setup_error)


def _size(layout: bpy.types.UILayout, context: bpy.types.Context, options: InstallOptions) -> None:
    try:
        options.check()
    except InstallError as error:
        wrapped(layout, context, error.fix, "INFO")
        return
    wrapped(layout, context, f"It {estimate(options)}, in a folder of the extension's own.", "INFO")
    if options.needs_network and not compat.online_access():
        layout.label(text="Blender's online access is off; a wheel folder works without", icon="ERROR")
        layout.operator("maskel.online_access", icon="PREFERENCES")

"""Operators of the first-time set-up: install, cancel, repair, remove."""

from __future__ import annotations

import threading

import bpy

from .. import compat
from ..backend.process import ServerState
from ..errors import InstallError, MaskelError
from ..install.installation import Installation, InstallState
from ..install.options import InstallOptions
from ..preferences import backend_layout, install_options, preferences
from ..redraw import redraw_sidebars
from ..session import SESSION

_LONGEST_SECONDS = 3 * 3600.0


class MASKEL_OT_setup_open(bpy.types.Operator):
    """Show the add-on's preferences, where the back end is installed or an existing one is named"""

    bl_idname = "maskel.setup_open"
    bl_label = "Open Set-up"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Opens Blender's preferences."""
        if compat.waits_for_results():
            self.report({"ERROR"}, "There is no window. Start Blender without -b.")
            return {"CANCELLED"}
        bpy.ops.preferences.addon_show(module=__package__.rpartition(".")[0])
        return {"FINISHED"}


class MASKEL_OT_online_access(bpy.types.Operator):
    """Show the preference that allows Blender the network"""

    bl_idname = "maskel.online_access"
    bl_label = "Open System Preferences"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """The user decides; nothing is switched on here."""
        if compat.waits_for_results():
            self.report({"ERROR"}, "There is no window. Start Blender with --online-mode.")
            return {"CANCELLED"}
        bpy.ops.screen.userpref_show(section="SYSTEM")
        return {"FINISHED"}


class MASKEL_OT_setup_install(bpy.types.Operator):
    """Install the back end into a folder of the extension's own; Blender's Python stays as it is"""

    bl_idname = "maskel.setup_install"
    bl_label = "Install Back End"
    bl_options = {"INTERNAL"}

    mode: bpy.props.EnumProperty(
        name="Mode",
        items=(
            ("NEW", "Install", "As the preferences say"),
            ("CONTINUE", "Continue", "Go on with what was begun"),
            ("REPAIR", "Repair", "The same again; what is installed stays until the new one works"),
        ),
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """One at a time."""
        if SESSION.installation is not None and SESSION.installation.running:
            cls.poll_message_set("An installation is at work: wait for it, or cancel it")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start the installer; without a window wait for it."""
        SESSION.setup_error = None
        try:
            options = _options(context, self.mode)
            options.check()
            if options.needs_network and not compat.online_access():
                raise InstallError(
                    "offline",
                    "Packages would come over the network, and Blender's online access is off.",
                    "Allow Online Access in Preferences > System, or install from a wheel folder.",
                )
            SESSION.installation = Installation(backend_layout().folder, options)
        except MaskelError as error:
            return _fail(self, error)
        if not compat.waits_for_results():
            bpy.app.timers.register(follow_installation, first_interval=0.3, persistent=True)
            return {"FINISHED"}
        installation = SESSION.installation
        if not installation.wait(_LONGEST_SECONDS):
            installation.cancel()
        _settle(installation)
        if SESSION.setup_error is not None:
            return _fail(self, SESSION.setup_error)
        self.report({"INFO"}, "The back end is installed")
        return {"FINISHED"}


class MASKEL_OT_setup_cancel(bpy.types.Operator):
    """End the installation; what is done is kept, so that it can be gone on with"""

    bl_idname = "maskel.setup_cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Ask it to end, without waiting."""
        if SESSION.installation is not None:
            SESSION.installation.cancel()
        return {"FINISHED"}


class MASKEL_OT_setup_discard(bpy.types.Operator):
    """Delete what an unfinished installation has left; what is in use stays"""

    bl_idname = "maskel.setup_discard"
    bl_label = "Remove What Was Begun"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Delete, in a window off the main thread."""
        return _delete(self, whole=False)


class MASKEL_OT_setup_remove(bpy.types.Operator):
    """Delete the installed back end and get its disk space back"""

    bl_idname = "maskel.setup_remove"
    bl_label = "Remove"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Stop the server and delete, in a window off the main thread."""
        return _delete(self, whole=True)


def follow_installation() -> float | None:
    """Timer: show how far the installation is, and settle when it has ended."""
    installation = SESSION.installation
    redraw_sidebars(bpy.context)
    if installation is None:
        return None
    if installation.running:
        return 0.3
    _settle(installation)
    return None


def _options(context: bpy.types.Context, mode: str) -> InstallOptions:
    folder = backend_layout()
    begun, active = folder.partial(), folder.active()
    if mode == "CONTINUE" and begun is not None:
        return begun[1]
    if mode == "REPAIR" and active is not None:
        return active.options
    values = preferences(context)
    if mode != "NEW" or values is None:
        raise InstallError(
            "nothing_to_do", "There is nothing to go on with.", "Press Install Back End in the preferences."
        )
    return install_options(values)


def _settle(installation: Installation) -> None:
    SESSION.setup_error, SESSION.installation = installation.error, None
    if installation.state is not InstallState.DONE:
        return
    if SESSION.error is not None and SESSION.error.code in ("maskel_not_found", "version_mismatch"):
        SESSION.error = None
    # a server of before would be of the old environment; one that works is left until its work is done
    if not SESSION.busy and SESSION.backend.state is not ServerState.STOPPED:
        threading.Thread(target=SESSION.backend.stop, name="maskel-stop", daemon=True).start()


def _delete(operator: bpy.types.Operator, whole: bool) -> set[str]:
    SESSION.setup_error = None
    folder = backend_layout()

    def delete() -> None:
        try:
            if whole:
                SESSION.backend.stop()
            with folder.locked():
                if whole:
                    folder.remove_all()
                else:
                    folder.drop_partial()
        except MaskelError as error:
            SESSION.setup_error = error

    if compat.waits_for_results():
        delete()
        return _fail(operator, SESSION.setup_error) if SESSION.setup_error else {"FINISHED"}
    thread = threading.Thread(target=delete, name="maskel-remove", daemon=True)
    thread.start()

    def follow() -> float | None:
        redraw_sidebars(bpy.context)
        return 0.3 if thread.is_alive() else None

    bpy.app.timers.register(follow, first_interval=0.3, persistent=True)
    return {"FINISHED"}


def _fail(operator: bpy.types.Operator, error: MaskelError) -> set[str]:
    SESSION.setup_error = error
    operator.report({"ERROR"}, f"{error.message} {error.fix}")
    return {"CANCELLED"}


CLASSES = (
    MASKEL_OT_setup_open,
    MASKEL_OT_online_access,
    MASKEL_OT_setup_install,
    MASKEL_OT_setup_cancel,
    MASKEL_OT_setup_discard,
    MASKEL_OT_setup_remove,
)

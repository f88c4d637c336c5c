"""First-time set-up: the back end in a private environment of its own. Standard library only; bpy is never imported here."""

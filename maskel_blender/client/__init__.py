"""Talking to the X-ray server. Standard library and numpy only; bpy is never imported here."""

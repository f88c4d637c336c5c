"""The local server as a child process, and which server to use. Standard library only; bpy is never imported here."""

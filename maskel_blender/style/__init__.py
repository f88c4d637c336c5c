"""From line-integral layers to a picture, without the server and without bpy."""

"""Many X-rays without a window: what is asked for (plan), what became of it (manifest), and the loop between.

All but `cameras`, `characters`, `ends`, `layout` and `run` are free of bpy.
"""

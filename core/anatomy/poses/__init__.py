"""Families of poses; ``maskel_core.anatomy.pose_library`` lists them all."""

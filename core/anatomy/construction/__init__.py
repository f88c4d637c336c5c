"""Builds the anatomy asset from its sources; needs the extra ``asset`` (anny, myo-sim, MuJoCo, xraydb)."""

"""Training: configuration, losses, the two stages, the loop."""

import os

# Before torch loads its thread library: threads that wait sleep. Measured beside other work on 2 cores: a step takes 326 ms a
# sample instead of 606; waiting in a loop, as is the default, takes the core from whom the others wait for.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

"""Many X-rays in order, and the answers that are kept so that none is made twice. No bpy."""

"""Silhouettes as artists' characters have them: hair, clothes, armour, props, occluders and edges, each named and seeded."""

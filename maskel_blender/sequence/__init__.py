"""A frame range as an image sequence on a plane, in step with the timeline."""

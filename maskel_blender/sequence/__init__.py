"""A frame range as an image sequence on a plane, Empty or camera background, in step with the timeline."""

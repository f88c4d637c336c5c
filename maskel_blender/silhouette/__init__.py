"""Scene and camera in, silhouette out: uint8 (H, W), 255 = body, row 0 at the top."""

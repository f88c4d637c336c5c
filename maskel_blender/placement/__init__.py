"""An X-ray and a camera in, an image plane over the character out."""

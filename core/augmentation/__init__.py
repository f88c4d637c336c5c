"""The paper's diffusion augmentation: X-rays out of noise, with masks, to pre-train on."""

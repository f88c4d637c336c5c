"""The local inference server of MaSkel."""

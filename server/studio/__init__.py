"""Many replicas of the model behind one server, on Ray Serve; see docs/studio.md. Needs the extra ``studio``."""

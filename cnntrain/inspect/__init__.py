"""Read-only views of networks, kinds and training steps."""

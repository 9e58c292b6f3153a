"""Is everything in place, and would AWS allow the launch."""

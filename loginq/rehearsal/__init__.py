"""A launch before the launch: on paper, and with real players."""

"""The login queue that game studios run on launch day, on their own AWS account."""

__version__ = "0.1.0"

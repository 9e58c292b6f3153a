"""The rules of the line, pure: the standard library only, and time and randomness are arguments."""

"""What the rows of the table mean, as a number, by which a rollback knows whether older functions keep them."""

FORMAT = 1
"""Raised with each change of what a row means; the page `upgrading` says what."""
KEPT_FROM = 1
"""The lowest format whose functions keep what those of `FORMAT` write; 0 is whatever was deployed without a number."""

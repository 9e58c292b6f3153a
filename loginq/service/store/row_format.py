"""What the rows of the table mean, as a number, by which a rollback knows whether older functions can read them."""

FORMAT = 2
"""Raised with each change of what a row means; the page `upgrading` says what."""
KEPT_FROM = 2
"""The lowest format whose functions keep what those of `FORMAT` write; 0 is whatever was deployed without a number."""

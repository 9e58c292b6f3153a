"""What an operator does and looks at."""

"""What the lambdas and the command line share: every rule of the queue is written here, once."""

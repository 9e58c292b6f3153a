"""What players, game servers and the clock ask for: each Lambda calls one function of these."""

"""How fast, how small: `python -m tests.benchmarks` measures everything on this machine and prints the guide's table.

Each figure is a ratio within one run: ours against the bare calls that it needs, on the embedded emulator.
"""

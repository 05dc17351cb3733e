"""What remote control costs a training, as ratios measured side by side: ``python -m tests.benchmarks``."""

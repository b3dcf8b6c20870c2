"""What the package and the site's build cost in time and memory: ``python -m benchmarks``."""

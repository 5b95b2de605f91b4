"""Health: alive, ready, started, and metrics."""

"""The parts of the platform, one module each: its files, its programs and how to reach it."""

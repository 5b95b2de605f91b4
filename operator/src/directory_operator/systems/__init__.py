"""One package per outside system: `desired` and `plan` are pure, `system` does the I/O."""

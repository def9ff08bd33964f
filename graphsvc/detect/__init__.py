"""Finding rings: pure functions over arrays, no I/O."""

//! Nothing: the root package only carries `examples/` and `tests/`.

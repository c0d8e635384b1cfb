//! Nothing: the cases stand in `pass/` and `fail/`, the harness in `tests/ui.rs`.

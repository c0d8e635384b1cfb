//! Nothing of its own: this package carries the examples that need little.

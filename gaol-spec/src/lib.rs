//! The small languages of the attribute's values, shared by the compile-time and the run-time check.

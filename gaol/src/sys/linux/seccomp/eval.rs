//! Proves, by running the programs, that the filters answer as the profile says.

//! In-memory worlds for fast tests. They pass the same suites as the real ones.

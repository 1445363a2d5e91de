//! When exchanges trade: facts, shipped in the binary, and corrections from files.

//! What changes from one release to the next, and what does not.
//!
//! There are three numbers, each for those who depend on it.
//!
//! | number | for | counts |
//! |---|---|---|
//! | of this crate | plugins in Rust | what compiles and what is promised, by [semantic versioning] |
//! | of the host, `stock-scheduler` | those who run it | settings, the HTTP API, the command line |
//! | of the process protocol, now 1 | plugins in other languages | messages |
//!
//! The host may get a new major version while this crate stays, and the other way about. A plugin names the version of this
//! crate that it was written for, `stock-scheduler-sdk = "0.1"`, and works with every host built from a compatible one.
//! Before 1.0, the minor number is what semantic versioning calls major.
//!
//! `tests/checks/semver.sh` of the repository compares this crate with its last release.
//!
//! # How this crate grows within a major version
//!
//! * Traits get new methods only with a body that does what was done before. A plugin need not have them.
//! * Structs and enums that may grow are `#[non_exhaustive]`: make them with their constructors, and have a `_` arm in
//!   each `match`.
//! * Suites get new laws only for what was promised already. So a suite may find an old fault after an update; that is
//!   what it is for.
//!
//! # What breaks
//!
//! These raise the major number:
//!
//! * a method without a body in a trait, another signature, a name that is gone;
//! * a field or a variant more in a type that is not `#[non_exhaustive]`;
//! * a promise more that plugins have to keep, or one less that they rely on, whether or not anything still compiles;
//! * a new major version of a crate whose types the traits speak: `chrono`, `chrono-tz`, `serde_json`.
//!
//! The lowest supported Rust is raised with a minor version.
//!
//! # The process protocol
//!
//! Messages get new fields, and readers ignore those that they do not know. What cannot be said in this way gets the
//! next number, and `describe` says which one the host speaks.
//!
//! [semantic versioning]: https://semver.org

//! Mails as a mail server gets them.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod errors;
mod mails;
mod support;

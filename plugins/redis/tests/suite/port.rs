//! Ports for servers of a test's own.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::TcpListener;

/// A port on which nobody listens, from below those that outgoing connections are given: it stays free while its server is
/// away. Two who look at the same moment may still find the same.
pub(crate) fn free_port() -> u16 {
    loop {
        let chance = RandomState::new().build_hasher().finish();
        let port = 15_000 + (chance % 15_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

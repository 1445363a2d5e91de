//! One record on its way to the others: written in a small place of its own, which is faster than to let the whole grow
//! piece by piece.

/// Longer than any record: five names, two whole numbers of 20 characters, four prices of 29, and room to write eight
/// characters where fewer are meant.
const ROOM: usize = 256;

pub(super) struct Line {
    bytes: [u8; ROOM],
    length: usize,
}

impl Line {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            length: 0,
        }
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    #[inline]
    pub(super) fn push<const LENGTH: usize>(&mut self, text: &[u8; LENGTH]) {
        self.push_some(*text, LENGTH);
    }

    /// Adds the first `count` of some characters: to write all of them is a single step, to write some is several.
    #[inline]
    pub(super) fn push_some<const LENGTH: usize>(&mut self, text: [u8; LENGTH], count: usize) {
        self.bytes[self.length..self.length + LENGTH].copy_from_slice(&text);
        self.length += count;
    }

    pub(super) fn push_text(&mut self, text: &str) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text.as_bytes());
        self.length += text.len();
    }
}

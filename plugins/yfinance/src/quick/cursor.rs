//! A place in a JSON text that is read once from left to right; `None` is text that is wrong or merely unusual.

use super::number;

/// The part of a text that is still to be read.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// How long the next list is likely to be: as long as the one before.
    rows: usize,
}

/// How deep an unread value may be nested.
const DEEPEST: usize = 16;

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self {
            rest: text,
            rows: 32,
        }
    }

    /// Nothing but space is left.
    pub(super) fn end(&mut self) -> Option<()> {
        self.next().is_none().then_some(())
    }

    /// An object: `read` is given each key and reads its value.
    pub(super) fn members(
        &mut self,
        mut read: impl FnMut(&'a [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        self.mark(b'{')?;
        if self.next()? == b'}' {
            return self.mark(b'}');
        }
        loop {
            let key = self.ascii()?;
            self.mark(b':')?;
            read(key, self)?;
            if !self.another(b'}')? {
                return Some(());
            }
        }
    }

    /// A list of what `read` reads.
    pub(super) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.mark(b'[')?;
        let mut list = Vec::with_capacity(self.rows);
        if self.next()? == b']' {
            self.mark(b']')?;
            return Some(list);
        }
        loop {
            list.push(read(self)?);
            if !self.another(b']')? {
                self.rows = list.len();
                return Some(list);
            }
        }
    }

    /// A list of one value, which `read` reads.
    pub(super) fn only<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.mark(b'[')?;
        let value = read(self)?;
        self.mark(b']')?;
        Some(value)
    }

    /// `null`, or what `read` reads.
    #[inline]
    pub(super) fn nullable<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.next()? {
            b'n' => self.word(b"null").map(|()| None),
            _ => read(self).map(Some),
        }
    }

    /// A string of printable ASCII without escapes.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        str::from_utf8(self.ascii()?).ok()
    }

    fn ascii(&mut self) -> Option<&'a [u8]> {
        self.mark(b'"')?;
        let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let length = self.rest.iter().position(|byte| !plain(byte))?;
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.mark(b'"')?;
        Some(text)
    }

    /// A whole number.
    pub(super) fn integer(&mut self) -> Option<i64> {
        if self.next()? != b'-' {
            return i64::try_from(self.unsigned()?).ok();
        }
        let (size, rest) = number::whole(&self.rest[1..])?;
        self.rest = rest;
        // Negative zero is no integer to `serde`.
        let size = i64::try_from(size).ok().filter(|size| *size > 0)?;
        Some(-size)
    }

    /// A whole number without sign, before which no space is left.
    #[inline]
    pub(super) fn unsigned(&mut self) -> Option<u64> {
        let (value, rest) = number::whole(self.rest)?;
        self.rest = rest;
        Some(value)
    }

    /// A number, as near as a float can be, before which no space is left.
    #[inline]
    pub(super) fn float(&mut self) -> Option<f64> {
        let (value, rest) = number::float(self.rest)?;
        self.rest = rest;
        Some(value)
    }

    /// Any value, unread: its text.
    pub(super) fn raw(&mut self) -> Option<&'a [u8]> {
        self.next()?;
        let from_here = self.rest;
        self.skip()?;
        Some(&from_here[..from_here.len() - self.rest.len()])
    }

    /// Any value, unread.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_nested(DEEPEST)
    }

    fn skip_nested(&mut self, depth: usize) -> Option<()> {
        match self.next()? {
            b'"' => self.skip_text(),
            b'{' => {
                let depth = depth.checked_sub(1)?;
                self.members(|_, value| value.skip_nested(depth))
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.mark(b'[')?;
                if self.next()? == b']' {
                    return self.mark(b']');
                }
                loop {
                    self.skip_nested(depth)?;
                    if !self.another(b']')? {
                        return Some(());
                    }
                }
            }
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => {
                self.rest = number::after_number(self.rest)?;
                Some(())
            }
        }
    }

    /// A string that nobody wants to see: what is not ASCII need not make sense.
    fn skip_text(&mut self) -> Option<()> {
        self.mark(b'"')?;
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
        let length = self.rest.iter().position(ends)?;
        self.rest = &self.rest[length..];
        self.mark(b'"')
    }

    /// Whether another value follows before `end`.
    #[inline]
    fn another(&mut self, end: u8) -> Option<bool> {
        let next = self.next()?;
        if next != b',' && next != end {
            return None;
        }
        self.rest = &self.rest[1..];
        Some(next == b',')
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }

    /// Passes `mark`, which must be next.
    #[inline]
    fn mark(&mut self, mark: u8) -> Option<()> {
        if self.next()? != mark {
            return None;
        }
        self.rest = &self.rest[1..];
        Some(())
    }

    /// The next byte that is not space, which stays unread.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        match self.rest.first() {
            Some(byte @ b'!'..) => Some(*byte),
            _ => self.next_after_space(),
        }
    }

    #[cold]
    fn next_after_space(&mut self) -> Option<u8> {
        while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }
}

//! Reads lines from a program's output without ever keeping more of a line than is allowed.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// The lines of a stream.
pub(crate) struct Lines<R> {
    from: R,
    longest: usize,
    buffer: Vec<u8>,
    /// Where the first line that has not been given out begins.
    start: usize,
    /// Up to here there is no end of a line after `start`.
    searched: usize,
}

/// A line is longer than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Reads lines of at most `longest` bytes.
    pub(crate) fn new(from: R, longest: usize) -> Self {
        Self {
            from,
            longest,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
        }
    }

    /// Reads what is there, or waits for something; 0: the stream has ended. Dropping the future loses nothing.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.make_room();
        self.from.read_buf(&mut self.buffer).await
    }

    /// The next whole line that was read, without its end.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let end = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(end) = end.map(|end| self.searched + end) else {
            self.searched = self.buffer.len();
            return match self.buffer.len() - self.start > self.longest {
                true => Err(TooLong),
                false => Ok(None),
            };
        };
        let line = self.start..end;
        (self.start, self.searched) = (end + 1, end + 1);
        match line.len() > self.longest {
            true => Err(TooLong),
            false => Ok(Some(&self.buffer[line])),
        }
    }

    /// The stream, without what was read of it.
    pub(crate) fn into_inner(self) -> R {
        self.from
    }

    /// Forgets what was given out and makes room for another chunk.
    fn make_room(&mut self) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        // A long line came: its room is not kept for short ones.
        if self.buffer.is_empty() && self.buffer.capacity() > 16 * CHUNK {
            self.buffer = Vec::new();
        }
        let free = self.buffer.capacity() - self.buffer.len();
        if free < CHUNK / 2 {
            let wanted = (2 * self.buffer.capacity()).clamp(CHUNK, self.longest + CHUNK);
            self.buffer
                .reserve_exact(wanted.saturating_sub(self.buffer.len()).max(CHUNK / 2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &[u8], longest: usize) -> Vec<Result<String, TooLong>> {
        let mut lines = Lines::new(text, longest);
        let mut all = Vec::new();
        while lines.fill().await.unwrap() > 0 {
            loop {
                match lines.next() {
                    Ok(Some(line)) => all.push(Ok(String::from_utf8(line.to_vec()).unwrap())),
                    Ok(None) => break,
                    Err(error) => {
                        all.push(Err(error));
                        return all;
                    }
                }
            }
        }
        all
    }

    #[tokio::test]
    async fn lines_come_whole_however_they_were_read() {
        let long = "x".repeat(3 * CHUNK);
        let text = format!("one\n\n{long}\nlast");

        let lines = lines(text.as_bytes(), 4 * CHUNK).await;

        assert_eq!(lines, [Ok("one".into()), Ok(String::new()), Ok(long)]);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_refused_before_its_end() {
        assert_eq!(
            lines(b"1234\n12345\n", 4).await,
            [Ok("1234".into()), Err(TooLong)]
        );
        assert_eq!(lines(b"12345", 4).await, [Err(TooLong)]);
    }

    #[tokio::test]
    async fn no_more_than_a_line_and_a_chunk_is_kept() {
        let mut lines = Lines::new(tokio::io::repeat(b'x'), 1 << 20);

        let refused = loop {
            lines.fill().await.unwrap();
            if let Err(TooLong) = lines.next() {
                break lines.buffer.capacity();
            }
        };

        assert!(refused <= (1 << 20) + 2 * CHUNK, "{refused}");
    }
}

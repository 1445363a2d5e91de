//! Reads lines from a program's output without ever keeping more of a line than is allowed.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once, and how much of a line is kept in one place until its end has come.
///
/// A line that is never whole, because it is longer than allowed, would otherwise leave room of its size behind: what is
/// freed in large parts, the allocator gives back late, and for each thread that had it.
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
    /// What came of the line before that, where it is long.
    begun: Vec<Vec<u8>>,
    /// The long line that was given out last.
    whole: Vec<u8>,
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
            begun: Vec::new(),
            whole: Vec::new(),
        }
    }

    /// Reads what is there, or waits for something; 0: the stream has ended. Dropping the future loses nothing.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.make_room();
        self.from.read_buf(&mut self.buffer).await
    }

    /// The next whole line that was read, without its end.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let begun: usize = self.begun.iter().map(Vec::len).sum();
        let end = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(end) = end.map(|end| self.searched + end) else {
            self.searched = self.buffer.len();
            return match begun + self.buffer.len() - self.start > self.longest {
                true => Err(TooLong),
                false => Ok(None),
            };
        };
        let line = self.start..end;
        (self.start, self.searched) = (end + 1, end + 1);
        if begun + line.len() > self.longest {
            return Err(TooLong);
        }
        if begun == 0 {
            return Ok(Some(&self.buffer[line]));
        }
        self.begun.push(self.buffer[line].to_vec());
        self.whole = std::mem::take(&mut self.begun).concat();
        Ok(Some(&self.whole))
    }

    /// The stream, without what was read of it.
    pub(crate) fn into_inner(self) -> R {
        self.from
    }

    /// Forgets what was given out and makes room for another chunk.
    fn make_room(&mut self) {
        self.whole = Vec::new();
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        if self.buffer.len() >= CHUNK && self.searched == self.buffer.len() {
            self.begun.push(std::mem::take(&mut self.buffer));
            self.searched = 0;
        }
        if self.buffer.capacity() - self.buffer.len() < CHUNK / 2 {
            self.buffer.reserve(CHUNK);
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
        let text = format!("one\n\n{long}\ntwo\n{long}\nlast");

        let lines = lines(text.as_bytes(), 3 * CHUNK).await;

        let expected = ["one", "", &long, "two", &long].map(|line| Ok(line.to_owned()));
        assert_eq!(lines, expected);
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
    async fn a_long_line_is_refused_at_its_end_too() {
        let text = format!("{}\n", "x".repeat(2 * CHUNK + 1));

        assert_eq!(lines(text.as_bytes(), 2 * CHUNK).await, [Err(TooLong)]);
    }

    #[tokio::test]
    async fn no_more_than_a_line_and_a_chunk_is_kept_and_not_in_one_place() {
        let mut lines = Lines::new(tokio::io::repeat(b'x'), 1 << 20);

        while lines.fill().await.is_ok() && lines.next().is_ok() {}

        let kept = lines.begun.iter().chain([&lines.buffer]);
        let kept: Vec<usize> = kept.map(Vec::capacity).collect();
        assert!(
            kept.iter().sum::<usize>() <= (1 << 20) + 2 * CHUNK,
            "{kept:?}"
        );
        assert!(kept.iter().all(|room| *room <= 2 * CHUNK), "{kept:?}");
    }
}

//! The file: a header, then a line of JSON for each call. One process has it at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

/// The first line, by which a journal is known.
const HEADER: &str = "stock-scheduler journal 1\n";

/// An open journal. Dropping it lets others have it.
pub(crate) struct Journal {
    file: File,
    /// Where the last whole line ends. What comes after it, a write left when it failed.
    end: u64,
}

impl Journal {
    /// Opens the file, or makes it, and hands its lines to `each` in their order.
    pub(crate) fn open(
        path: &Path,
        each: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<Self, String> {
        let file = private().open(path).map_err(|error| error.to_string())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err("another service uses it, one file serves one service".into());
            }
            Err(TryLockError::Error(error)) => return Err(format!("it cannot be locked: {error}")),
        }
        let mut journal = Self { file, end: 0 };
        journal.read(each)?;
        if journal.end == 0 {
            let begun = journal.append(HEADER).and_then(|()| sync_folder(path));
            begun.map_err(|error| error.to_string())?;
        }
        Ok(journal)
    }

    /// Goes through the lines. A last one without its end was never acknowledged.
    fn read(&mut self, mut each: impl FnMut(&str) -> Result<(), String>) -> Result<(), String> {
        let mut lines = BufReader::new(&self.file);
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            let length = lines.read_until(b'\n', &mut line);
            let length = length.map_err(|error| error.to_string())?;
            let is_whole = line.ends_with(b"\n");
            if number == 1 {
                let is_ours = HEADER.as_bytes().starts_with(&line);
                is_ours
                    .then_some(())
                    .ok_or("it is a file of another program")?;
            }
            if !is_whole {
                break;
            }
            if number > 1 {
                let text = str::from_utf8(&line).map_err(|error| error.to_string());
                let read = text.and_then(&mut each);
                read.map_err(|error| format!("line {number} cannot be understood: {error}"))?;
            }
            self.end += length as u64;
        }
        Ok(())
    }

    /// Writes a line, with its `\n`, whole or not at all, so that it survives a crash of the machine.
    pub(crate) fn append(&mut self, line: &str) -> io::Result<()> {
        self.file.set_len(self.end)?;
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.end += line.len() as u64;
        Ok(())
    }
}

/// For its owner alone: a job's settings may hold a provider's key.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the name of a new file survive too.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

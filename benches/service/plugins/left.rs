//! What programs that failed leave behind: in the service's memory, among its files, and as processes.

use std::fs;

use super::faults::PROGRAMS;
use crate::process::Process;
use crate::{figure, note};

/// A variable that everything that the programs start has too.
pub(super) const MARK: &str = "STOCK_SCHEDULER_BENCH_FAULTS";

/// Connections of our own that may be open besides.
const CONNECTIONS: f64 = 8.0;

/// What faults may leave behind.
pub(super) struct Left {
    resident: f64,
    files: f64,
    threads: f64,
    programs: f64,
    zombies: f64,
}

impl Left {
    pub(super) fn behind(service: &Process) -> Self {
        Self {
            resident: service.memory("VmRSS"),
            files: service.open_files() as f64,
            threads: service.status("Threads:"),
            programs: marked().len() as f64,
            zombies: service.zombies() as f64,
        }
    }

    /// Prints it beside what there was before.
    pub(super) fn print(&self, before: &Self, service: &Process) {
        let more = self.resident - before.resident;
        note("faults: memory before", before.resident, "MB");
        note("faults: memory at most", service.memory("VmHWM"), "MB");
        figure(
            "faults: memory after - before",
            more,
            "MB",
            "<= 10",
            more <= 10.0,
        );
        let kept = |what: &str, most: f64, after: f64| {
            let limit = format!("<= {most}");
            figure(
                &format!("faults: {what} after"),
                after,
                "",
                &limit,
                after <= most,
            );
        };
        kept("open files", before.files + CONNECTIONS, self.files);
        // Runtimes keep threads for work that blocks for a while.
        note("faults: threads before", before.threads, "");
        note("faults: threads after", self.threads, "");
        kept("processes of programs", PROGRAMS as f64, self.programs);
        kept("dead children", 0.0, self.zombies);
    }
}

/// Prints what is left when the service has ended.
pub(super) fn print_end() {
    let left = marked().len() as f64;
    figure(
        "faults: programs left after the end",
        left,
        "",
        "0",
        left == 0.0,
    );
}

/// The living processes that programs are or have started.
fn marked() -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|it| it.file_name().to_str()?.parse().ok());
    let is_marked = |id: &u32| {
        let variables = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        variables
            .split(|byte| *byte == 0)
            .any(|it| it.starts_with(MARK.as_bytes()))
    };
    ids.filter(is_marked).collect()
}

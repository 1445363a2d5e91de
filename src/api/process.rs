//! This process in numbers, as Prometheus' own clients tell them. Empty where the system has no `/proc`.

use std::fs;

/// Ticks a second in `/proc`: the same on every Linux, whatever the kernel counts in.
const TICKS: f64 = 100.0;

/// Time on the processor, memory, files and age.
pub(super) fn render() -> String {
    let numbers = [
        ("process_cpu_seconds_total", "counter", cpu()),
        ("process_resident_memory_bytes", "gauge", memory("VmRSS:")),
        ("process_virtual_memory_bytes", "gauge", memory("VmSize:")),
        ("process_open_fds", "gauge", open_files()),
        ("process_max_fds", "gauge", most_files()),
        ("process_start_time_seconds", "gauge", started()),
    ];
    let told = numbers.into_iter().filter_map(|(name, kind, number)| {
        Some(format!("# TYPE {name} {kind}\n{name} {}\n", number?))
    });
    told.collect()
}

/// A field of `/proc/self/stat`, counted from 1 as its manual does; the name, which may hold blanks, is the second.
fn stat(field: usize) -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let rest = &text[text.rfind(')')? + 2..];
    rest.split(' ').nth(field - 3)?.parse().ok()
}

fn cpu() -> Option<f64> {
    Some((stat(14)? + stat(15)?) / TICKS)
}

fn started() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let booted = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(booted.parse::<f64>().ok()? + stat(22)? / TICKS)
}

fn memory(name: &str) -> Option<f64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: f64 = kibibytes.trim().trim_end_matches(" kB").parse().ok()?;
    Some(number * 1024.0)
}

fn open_files() -> Option<f64> {
    // One of them is the folder that is being read.
    Some(
        fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1) as f64,
    )
}

fn most_files() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

//! `stock-scheduler plugin new`: a working plugin to begin with, and its test.
//!
//! `skeleton` has what is written.

mod skeleton;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};

use skeleton::Skeleton;

pub(super) fn command() -> Command {
    Command::new("new")
        .about("Write a working plugin to begin with, and a test that passes, into a new directory")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .required(true)
                .help("The plugin's name: lower-case letters, digits and _"),
        )
        .arg(
            Arg::new("lang")
                .long("lang")
                .value_name("LANGUAGE")
                .value_parser(["python", "rust"])
                .default_value("python")
                .help("python: a program of its own; rust: a crate and a custom binary"),
        )
        .arg(
            Arg::new("role")
                .long("role")
                .value_name("ROLE")
                .value_parser(["fetcher", "schedule", "listener", "store"])
                .default_value("fetcher")
                .help("fetcher: where prices come from; schedule: when jobs are due; listener: who is told; store: where everything is kept, in Rust alone"),
        )
        .arg(
            Arg::new("directory")
                .long("directory")
                .value_name("PATH")
                .help("Where to write it [default: NAME]"),
        )
        .arg(super::build::host())
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), String> {
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let [name, lang, role] = ["name", "lang", "role"].map(|arg| text(arg).unwrap_or_default());
    let skeleton = Skeleton::of(lang, role)?;
    check_name(name)?;
    let directory = PathBuf::from(text("directory").unwrap_or(name));
    let source = super::build::source(text("host"))?;
    fs::create_dir(&directory).map_err(|error| {
        format!(
            "cannot make {}: {error}; the plugin needs a directory of its own",
            directory.display()
        )
    })?;
    for (path, content) in skeleton.filled(name, &source) {
        write(&directory.join(path), &content)?;
    }
    say!("{} has a plugin that works:\n", directory.display());
    for step in skeleton.steps(name, &directory) {
        say!("  {step}");
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let is_right = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 40
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_right {
        return Ok(());
    }
    Err(format!(
        "cannot name a plugin {name:?}: a name has lower-case letters, digits and _, a letter first, at most 40"
    ))
}

fn write(path: &Path, content: &str) -> Result<(), String> {
    let failed = |error| format!("cannot write {}: {error}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(path, content).map_err(failed)
}

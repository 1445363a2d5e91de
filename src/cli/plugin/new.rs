//! `stock-scheduler plugin new`: a working plugin to begin with, and its test.
//!
//! * `name` says which names cannot work.
//! * `skeleton` has what is written.

mod name;
mod skeleton;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};

use crate::cli::Settings;
use crate::defaults;
use crate::host::{Host, HostBuilder};
use skeleton::Skeleton;

pub(super) fn command() -> Command {
    Command::new("new")
        .about("Write a working plugin to begin with, and a test that passes, into a new directory")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .required(true)
                .help("The plugin's name: lower-case letters, digits and _, not the name of your vendor's library"),
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

pub(super) fn run(
    matches: &ArgMatches,
    extend: impl FnOnce(HostBuilder) -> HostBuilder,
) -> Result<(), String> {
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let [name, lang, role] = ["name", "lang", "role"].map(|arg| text(arg).unwrap_or_default());
    let skeleton = Skeleton::of(lang, role)?;
    name::check(name, lang)?;
    let host = extend(defaults::register(Host::builder(), &Settings::defaults()?));
    name::check_free(name, host.plugin_names())?;
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

fn write(path: &Path, content: &str) -> Result<(), String> {
    let failed = |error| format!("cannot write {}: {error}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(path, content).map_err(failed)
}

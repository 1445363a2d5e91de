//! `stock-scheduler plugin new`: a working plugin to begin with, and its test.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};

/// A file of a skeleton: where it goes, and what it says. `{{name}}` is the plugin's name in both.
type File = (&'static str, &'static str);

const PYTHON: [File; 4] = [
    (
        "{{name}}.py",
        include_str!("../../../plugins/process/templates/python/{{name}}.py"),
    ),
    (
        "test_{{name}}.py",
        include_str!("../../../plugins/process/templates/python/test_{{name}}.py"),
    ),
    (
        "README.md",
        include_str!("../../../plugins/process/templates/python/README.md"),
    ),
    (
        "stock_scheduler_plugin.py",
        include_str!("../../../plugins/process/python/stock_scheduler_plugin.py"),
    ),
];
const RUST: [File; 5] = [
    (
        "Cargo.toml",
        include_str!("../../../plugins/process/templates/rust/Cargo.toml.template"),
    ),
    (
        "src/lib.rs",
        include_str!("../../../plugins/process/templates/rust/src/lib.rs"),
    ),
    (
        "src/main.rs",
        include_str!("../../../plugins/process/templates/rust/src/main.rs"),
    ),
    (
        "tests/conformance.rs",
        include_str!("../../../plugins/process/templates/rust/tests/conformance.rs"),
    ),
    (
        "README.md",
        include_str!("../../../plugins/process/templates/rust/README.md"),
    ),
];

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
            Arg::new("directory")
                .long("directory")
                .value_name("PATH")
                .help("Where to write it [default: NAME]"),
        )
        .arg(super::build::host())
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), String> {
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let name = text("name").unwrap_or_default();
    check_name(name)?;
    let directory = PathBuf::from(text("directory").unwrap_or(name));
    let is_rust = text("lang") == Some("rust");
    let host = super::build::source(text("host"))?;
    let files: &[File] = if is_rust { &RUST } else { &PYTHON };
    fs::create_dir(&directory).map_err(|error| {
        format!(
            "cannot make {}: {error}; the plugin needs a directory of its own",
            directory.display()
        )
    })?;
    for (path, content) in files {
        write(&directory, path, content, name, &host)?;
    }
    say!("{} has a plugin that works:\n", directory.display());
    for step in steps(is_rust, name, &directory) {
        say!("  {step}");
    }
    Ok(())
}

/// What to do first with the plugin in `directory`, as lines for a shell.
fn steps(is_rust: bool, name: &str, directory: &Path) -> Vec<String> {
    let directory = directory.display().to_string();
    let quoted = shlex::try_quote(&directory).map_or(directory.clone(), |text| text.into());
    match is_rust {
        true => vec![
            format!("cd {quoted}"),
            "cargo test                     # it keeps a fetcher's promises".into(),
            format!(
                "cargo run -- plugin check {name} --symbol AAPL --start 2025-06-02 --end 2025-06-13"
            ),
            "cargo run -- serve             # a scheduler that has it".into(),
        ],
        false => vec![
            format!("cd {quoted}"),
            format!("python3 test_{name}.py        # it answers as it should"),
            format!("stock-scheduler plugin check \"python3 {name}.py\""),
            "less README.md                 # how to let the service use it".into(),
        ],
    }
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

fn write(
    directory: &Path,
    path: &str,
    content: &str,
    name: &str,
    host: &str,
) -> Result<(), String> {
    let filled = |text: &str| text.replace("{{name}}", name).replace("{{sdk}}", host);
    let path = directory.join(filled(path));
    let failed = |error| format!("cannot write {}: {error}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(&path, filled(content)).map_err(failed)
}

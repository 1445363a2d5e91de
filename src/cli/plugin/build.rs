//! `stock-scheduler plugin build`: a custom binary with further crates of plugins, for those who would rather write no
//! `main`.

use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::{env, fs};

use clap::{Arg, ArgAction, ArgMatches, Command};

pub(super) fn command() -> Command {
    Command::new("build")
        .about("Build a scheduler with further crates of plugins, each of which has `pub fn register(&mut dyn Registry)`")
        .arg(
            Arg::new("with")
                .long("with")
                .value_name("CRATE[@VERSION|=PATH]")
                .required(true)
                .action(ArgAction::Append)
                .help("A crate: its name, with a version, or with the path of its directory"),
        )
        .arg(host())
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_name("PATH")
                .default_value("./stock-scheduler-custom")
                .help("Where to put the binary"),
        )
        .arg(
            Arg::new("debug")
                .long("debug")
                .action(ArgAction::SetTrue)
                .help("Build quickly and without optimisation"),
        )
}

/// Where the host comes from.
pub(super) fn host() -> Arg {
    Arg::new("host")
        .long("host")
        .value_name("VERSION|PATH")
        .help("The stock-scheduler to build on: a version, or the directory of its source [default: this version]")
}

/// The host's source, as Cargo has it in a dependency.
pub(super) fn source(host: Option<&str>) -> Result<String, String> {
    let Some(host) = host else {
        return Ok(format!("version = \"{}\"", env!("CARGO_PKG_VERSION")));
    };
    if Path::new(host).join("Cargo.toml").is_file() {
        return at_path(host);
    }
    match host.starts_with(|c: char| c.is_ascii_digit()) {
        true => Ok(format!("version = {host:?}")),
        false => Err(format!(
            "--host: {host:?} is no version, and no directory with a Cargo.toml"
        )),
    }
}

fn at_path(path: &str) -> Result<String, String> {
    let absolute =
        fs::canonicalize(path).map_err(|error| format!("cannot find {path}: {error}"))?;
    Ok(format!("path = {:?}", absolute.display().to_string()))
}

/// A crate that is built in: its name and its source.
fn wanted(with: &str) -> Result<(String, String), String> {
    let (name, source) = match (with.split_once('='), with.split_once('@')) {
        (Some((name, path)), _) => (name, at_path(path)?),
        (None, Some((name, version))) => (name, format!("version = {version:?}")),
        (None, None) => (with, "version = \"*\"".to_owned()),
    };
    let is_right = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(is_right) {
        return Err(format!(
            "--with: {with:?} is no crate; it is NAME, NAME@VERSION or NAME=PATH"
        ));
    }
    Ok((name.to_owned(), source))
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), String> {
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let with = matches.get_many::<String>("with").into_iter().flatten();
    let crates: Vec<_> = with.map(|with| wanted(with)).collect::<Result<_, _>>()?;
    let host = source(text("host"))?;
    let output = PathBuf::from(text("output").unwrap_or_default());
    let project = project_directory()?;
    // Of two that build at once, one waits.
    let lock = lock(&project)?;
    write_project(&project, &host, &crates)?;
    if let Some(host) = text("host") {
        // The versions that the host was tried with; a host without the file takes the newest.
        let _ = fs::copy(
            Path::new(host).join("Cargo.lock"),
            project.join("Cargo.lock"),
        );
    }
    let is_debug = matches.get_flag("debug");
    let mut cargo = Program::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.arg("build").current_dir(&project);
    if !is_debug {
        cargo.arg("--release");
    }
    let built = cargo.status().map_err(|error| {
        format!("cannot run cargo: {error}; it comes with Rust, https://rustup.rs")
    })?;
    if !built.success() {
        return Err(format!("cargo could not build {}", project.display()));
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or(project.join("target"), PathBuf::from);
    let binary = target
        .join(if is_debug { "debug" } else { "release" })
        .join("stock-scheduler-custom");
    fs::copy(&binary, &output).map_err(|error| {
        format!(
            "cannot copy {} to {}: {error}",
            binary.display(),
            output.display()
        )
    })?;
    drop(lock);
    say!(
        "{} is a scheduler with {}",
        output.display(),
        names(&crates)
    );
    Ok(())
}

fn names(crates: &[(String, String)]) -> String {
    let names: Vec<_> = crates.iter().map(|(name, _)| name.as_str()).collect();
    names.join(", ")
}

/// Where the project of the custom binary is. It stays, so that the next build is quick.
fn project_directory() -> Result<PathBuf, String> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = cache.or(home).unwrap_or_else(env::temp_dir);
    let project = cache.join("stock-scheduler/custom");
    let failed = |error| format!("cannot write {}: {error}", project.display());
    fs::create_dir_all(project.join("src")).map_err(failed)?;
    Ok(project)
}

fn lock(project: &Path) -> Result<fs::File, String> {
    let path = project.join("lock");
    let file = fs::File::create(&path).and_then(|file| file.lock().map(|()| file));
    file.map_err(|error| format!("cannot lock {}: {error}", path.display()))
}

fn write_project(project: &Path, host: &str, crates: &[(String, String)]) -> Result<(), String> {
    let failed = |error| format!("cannot write {}: {error}", project.display());
    let dependencies: String = crates
        .iter()
        .map(|(name, source)| format!("{name} = {{ {source} }}\n"))
        .collect();
    let manifest = format!(
        "[workspace]\n\n[package]\nname = \"stock-scheduler-custom\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nstock-scheduler = {{ {host} }}\n{dependencies}"
    );
    fs::write(project.join("Cargo.toml"), manifest).map_err(failed)?;
    let calls: String = crates
        .iter()
        .map(|(name, _)| format!(".plugins({}::register)", name.replace('-', "_")))
        .collect();
    let main = format!(
        "//! A scheduler with further plugins.\n\n\
         fn main() -> std::process::ExitCode {{\n    stock_scheduler::cli::run(|builder| builder{calls})\n}}\n"
    );
    fs::write(project.join("src/main.rs"), main).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_has_a_name_and_where_it_is_from() {
        let here = env!("CARGO_MANIFEST_DIR");
        let path = format!("mine={here}");

        assert_eq!(
            wanted("mine"),
            Ok(("mine".into(), "version = \"*\"".into()))
        );
        assert_eq!(
            wanted("mine@1.2"),
            Ok(("mine".into(), "version = \"1.2\"".into()))
        );
        assert_eq!(
            wanted(&path),
            Ok(("mine".into(), format!("path = {here:?}")))
        );
    }

    #[test]
    fn what_is_no_crate_is_refused() {
        for with in ["", "@1", "mi ne", "mine=/no/such/place"] {
            assert!(wanted(with).is_err(), "{with}");
        }
        assert!(source(Some("elsewhere")).is_err());
    }
}

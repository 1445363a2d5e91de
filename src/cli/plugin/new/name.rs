//! Which names a new plugin cannot have, and why.

use super::skeleton;

/// What Python keeps for itself, of what could be a name here.
const PYTHON_KEYWORDS: &str = "and as assert async await break class continue def del elif else except finally for from \
    global if import in is lambda nonlocal not or pass raise return try while with yield";

/// What Rust keeps for itself, now or for later.
const RUST_KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else enum extern false \
    final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct super \
    trait true try type typeof unsafe unsized use virtual where while yield";

/// Crates that come with Rust, and what Cargo has beside the binaries that it builds.
const CARGO_NAMES: &str = "alloc build core deps examples incremental proc_macro std test";

/// Refuses what is no name, and what could not work as the name of a module or crate.
pub(super) fn check(name: &str, lang: &str) -> Result<(), String> {
    let why = match lang {
        _ if !is_right(name) => {
            return Err(format!(
                "cannot name a plugin {name:?}: a name has lower-case letters, digits and _, a letter first, at most 40"
            ));
        }
        "rust" => wrong_in_rust(name),
        _ => wrong_in_python(name),
    };
    why.map_or(Ok(()), |why| Err(refused(name, &why)))
}

/// Refuses the name of a plugin that this program has already, whatever its role: jobs and commands name it.
pub(super) fn check_free<'a>(
    name: &str,
    mut taken: impl Iterator<Item = (&'static str, &'a str)>,
) -> Result<(), String> {
    match taken.find(|(_, other)| *other == name) {
        None => Ok(()),
        Some((role, _)) => {
            let why = format!("this program has a {role} of this name already");
            Err(refused(name, &why))
        }
    }
}

fn refused(name: &str, why: &str) -> String {
    format!(
        "cannot name a plugin {name:?}: {why}; expected a name of its own, such as \"my_{name}\""
    )
}

fn is_right(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 40
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn wrong_in_python(name: &str) -> Option<String> {
    let is = |listed: &str| listed.split_whitespace().any(|word| word == name);
    if is(PYTHON_KEYWORDS) {
        return Some(format!(
            "it is a keyword of Python, so that nothing can import {name}.py"
        ));
    }
    if skeleton::standard_library().any(|module| module == name) {
        return Some(format!(
            "{name}.py would be imported instead of the module {name} of Python's standard library"
        ));
    }
    (name == "stock_scheduler_plugin").then(|| format!("{name}.py is the helper file beside it"))
}

fn wrong_in_rust(name: &str) -> Option<String> {
    let is = |listed: &str| listed.split_whitespace().any(|word| word == name);
    if is(RUST_KEYWORDS) {
        return Some("it is a keyword of Rust, so that no crate can have it".into());
    }
    if is(CARGO_NAMES) {
        return Some("Rust and Cargo keep it for what they have themselves".into());
    }
    let is_needed = |dependency: &str| dependency.replace('-', "_") == name;
    let needed = skeleton::dependencies().find(|one| is_needed(one))?;
    Some(format!("its crate depends on the crate {needed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_work_are_taken() {
        for name in ["prices", "my_prices2", "lunar", "x"] {
            for lang in ["python", "rust"] {
                assert_eq!(check(name, lang), Ok(()));
            }
        }
        for (name, lang) in [
            ("json", "rust"),
            ("class", "rust"),
            ("crate", "python"),
            ("tokio", "python"),
        ] {
            assert_eq!(check(name, lang), Ok(()));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "My", "my-prices", "2nd", "_x", &"x".repeat(41)] {
            let refused = check(name, "python").unwrap_err();

            assert!(refused.contains("lower-case"), "{refused}");
        }
    }

    #[test]
    fn names_that_a_language_keeps_are_refused_with_one_that_is_right() {
        for (name, lang, why) in [
            ("class", "python", "keyword of Python"),
            ("async", "python", "keyword of Python"),
            (
                "json",
                "python",
                "json.py would be imported instead of the module json",
            ),
            ("test", "python", "standard library"),
            ("os", "python", "standard library"),
            ("stock_scheduler_plugin", "python", "helper file"),
            ("self", "rust", "keyword of Rust"),
            ("crate", "rust", "keyword of Rust"),
            ("async", "rust", "keyword of Rust"),
            ("test", "rust", "Rust and Cargo keep it"),
            ("tokio", "rust", "depends on the crate tokio"),
            (
                "stock_scheduler",
                "rust",
                "depends on the crate stock-scheduler",
            ),
        ] {
            let refused = check(name, lang).unwrap_err();

            let way_out = format!("such as \"my_{name}\"");
            assert!(
                refused.contains(why) && refused.ends_with(&way_out),
                "{refused}"
            );
        }
    }

    #[test]
    fn the_name_of_a_plugin_that_is_there_is_refused() {
        let taken = || [("fetcher", "demo"), ("schedule", "daily")].into_iter();

        assert_eq!(check_free("mine", taken()), Ok(()));
        assert_eq!(
            check_free("daily", taken()).unwrap_err(),
            "cannot name a plugin \"daily\": this program has a schedule of this name already; expected a name of its own, such as \"my_daily\""
        );
    }
}

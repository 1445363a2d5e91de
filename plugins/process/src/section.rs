//! Reads what a section of the configuration says of a command and its variables.

use std::collections::BTreeMap;

use stock_scheduler_sdk::{ConfigError, Section};

/// The program and its arguments.
pub(crate) fn command(section: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    const EXAMPLE: &str = r#"["python3", "plugin.py"]"#;
    let missing = || ConfigError::at("", format!("`command` is missing, such as {EXAMPLE}"));
    let words = section.texts("command", EXAMPLE)?.ok_or_else(missing)?;
    match words.first() {
        None => Err(ConfigError::at(
            "/command",
            "command is empty, expected the program and its arguments",
        )),
        Some(&"") => Err(ConfigError::at("/command/0", "command names no program")),
        Some(_) => words
            .iter()
            .enumerate()
            .map(|(place, word)| without_nul(format!("/command/{place}"), "command", word))
            .collect(),
    }
}

/// The directory in which the program runs.
pub(crate) fn directory(section: &Section<'_>) -> Result<Option<String>, ConfigError> {
    let text = section.text("directory", "/opt/plugins")?;
    text.map(|text| without_nul("/directory".into(), "directory", text))
        .transpose()
}

/// The names of the variables that the program sees.
pub(crate) fn environment(section: &Section<'_>) -> Result<Option<Vec<String>>, ConfigError> {
    let Some(names) = section.texts("environment", r#"["PATH"]"#)? else {
        return Ok(None);
    };
    for (place, name) in names.iter().enumerate() {
        check_name(format!("/environment/{place}"), name)?;
    }
    Ok(Some(names.into_iter().map(str::to_owned).collect()))
}

/// The variables that the program gets, with their values.
pub(crate) fn set(section: &Section<'_>) -> Result<BTreeMap<String, String>, ConfigError> {
    let variables = section.pairs("set", r#"{"NAME": "value"}"#)?;
    let read = |(name, value): (&str, &str)| {
        let pointer = format!("/set/{}", name.replace('~', "~0").replace('/', "~1"));
        check_name(pointer.clone(), name)?;
        Ok((name.to_owned(), without_nul(pointer, "set", value)?))
    };
    variables.into_iter().flatten().map(read).collect()
}

/// The system takes no text with a NUL for a word or a variable.
fn without_nul(pointer: String, key: &str, text: &str) -> Result<String, ConfigError> {
    match text.contains('\0') {
        true => Err(ConfigError::at(
            pointer,
            format!("{key} has a NUL character in it"),
        )),
        false => Ok(text.to_owned()),
    }
}

fn check_name(pointer: String, name: &str) -> Result<(), ConfigError> {
    match name.is_empty() || name.contains(['=', '\0']) {
        true => Err(ConfigError::at(
            pointer,
            format!("{name:?} is no name of a variable"),
        )),
        false => Ok(()),
    }
}

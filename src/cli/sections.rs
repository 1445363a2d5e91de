//! What the file says of plugins: `[plugins.ROLE.NAME]`.

use std::path::PathBuf;

use serde_json::Value;

use crate::defaults::process;

/// What can be said something of.
pub(crate) const ROLES: [&str; 4] = ["fetcher", "schedule", "store", "listener"];

/// The section of one plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginSection {
    /// `fetcher`, `schedule`, `store` or `listener`.
    pub role: &'static str,
    /// The plugin's name.
    pub name: String,
    /// What it says.
    pub section: Value,
}

impl PluginSection {
    /// Whether it is about a program of its own.
    pub(crate) fn is_process(&self) -> bool {
        self.section.get("command").is_some()
    }

    /// The key of the file and its value as they may be shown: what may be a secret is left out.
    pub(crate) fn shown(&self) -> (String, String) {
        let mut section = self.section.clone();
        mask_command(&mut section);
        mask(&mut section, false);
        let key = format!("plugins.{}.{}", self.role, self.name);
        (key, section.to_string())
    }
}

/// Hides the texts under names that sound secret, and everything that a program of its own is given.
fn mask(value: &mut Value, is_secret: bool) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_lowercase();
                let sounds = [
                    "secret", "password", "token", "key", "smtp", "headers", "url",
                ];
                let hides = sounds.iter().any(|word| name.contains(word));
                mask(
                    value,
                    is_secret || hides || matches!(name.as_str(), "set" | "config"),
                );
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, is_secret)),
        Value::String(_) | Value::Number(_) | Value::Bool(_) if is_secret => *value = "***".into(),
        Value::String(text) => *text = super::settings::masked(text),
        _ => {}
    }
}

/// Hides the words of a program's command but the program and the files that it is given.
fn mask_command(section: &mut Value) {
    let directory = section.get("directory").and_then(Value::as_str);
    let directory = directory.map(PathBuf::from);
    let words = section.get_mut("command").and_then(Value::as_array_mut);
    for word in words.into_iter().flatten().skip(1) {
        let is_file = word
            .as_str()
            .is_some_and(|word| process::file(word, directory.as_deref()).is_some());
        if !is_file {
            *word = "***".into();
        }
    }
}

/// Reads the table of all plugins.
pub(super) fn read(table: Option<toml::Value>) -> Result<Vec<PluginSection>, String> {
    let Some(table) = table else {
        return Ok(Vec::new());
    };
    let toml::Value::Table(roles) = table else {
        return Err("plugins is no table, expected [plugins.ROLE.NAME]".to_owned());
    };
    let mut sections = Vec::new();
    for (role, names) in roles {
        let known = ROLES.into_iter().find(|known| *known == role);
        let known = known.ok_or_else(|| {
            let listed = ROLES.join(", ");
            format!("unknown role {role:?} in [plugins.{role}]; there are {listed}")
        })?;
        let toml::Value::Table(names) = names else {
            return Err(format!(
                "plugins.{role} is no table, expected [plugins.{role}.NAME]"
            ));
        };
        for (name, section) in names {
            if !section.is_table() {
                return Err(format!(
                    "plugins.{role}.{name} is no table, expected [plugins.{role}.{name}]"
                ));
            }
            let section = serde_json::to_value(section)
                .map_err(|error| format!("plugins.{role}.{name}: {error}"))?;
            sections.push(PluginSection {
                role: known,
                name,
                section,
            });
        }
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Result<Vec<PluginSection>, String> {
        let mut table: toml::Table = text.parse().unwrap();
        read(table.remove("plugins"))
    }

    #[test]
    fn each_table_is_a_plugin() {
        let read = sections("[plugins.fetcher.mine]\ncommand = ['python3', 'mine.py']").unwrap();

        assert_eq!(read.len(), 1);
        assert_eq!((read[0].role, read[0].name.as_str()), ("fetcher", "mine"));
        assert!(read[0].is_process());
    }

    #[test]
    fn what_is_no_plugin_is_refused() {
        for (text, part) in [
            ("plugins = 1", "plugins is no table"),
            ("[plugins.fetchers.mine]", "\"fetchers\""),
            ("[plugins]\nfetcher = 'mine'", "[plugins.fetcher.NAME]"),
            (
                "[plugins.fetcher]\nmine = 'mine.py'",
                "[plugins.fetcher.mine]",
            ),
        ] {
            let error = sections(text).unwrap_err();

            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let text = "[plugins.fetcher.mine]\ncommand = ['mine', 'Cargo.toml', 'eyJ.hush.sig', '--token', 'u:hush@host.tld']\nconfig = {any = 'hush'}\nset = {A = 'hush'}\n\
            [plugins.listener.hook]\nurl = 'https://me:hush@example.com'\nsecret = 'hush'\napi_key = 'hush'";

        for section in sections(text).unwrap() {
            let (_, shown) = section.shown();

            assert!(!shown.contains("hush"), "{shown}");
            assert_eq!(shown.contains("Cargo.toml"), shown.contains("command"));
        }
    }
}

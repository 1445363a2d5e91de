//! What the configuration says about one plugin: which program, in what surroundings, and how patient the host is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use stock_scheduler_sdk::{ConfigError, Section};

use crate::section;

/// The variables of the host that a program sees where the configuration lists none.
const USUAL_ENVIRONMENT: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

const KIB: u64 = 1024;
const GIB: u64 = KIB * KIB * KIB;
/// A process needs some memory to begin at all.
const LEAST_MEMORY: u64 = KIB * KIB;

/// How one plugin is run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProcessConfig {
    /// The program and its arguments; the program is looked up in the `PATH` that it is given.
    pub command: Vec<String>,
    /// What the program gets in `describe`.
    pub config: Value,
    /// Where it runs; `None`: where the host runs.
    pub directory: Option<PathBuf>,
    /// The variables of the host that it sees.
    pub environment: Vec<String>,
    /// Variables that are set for it.
    pub set: BTreeMap<String, String>,
    /// Requests that may be under way at once.
    pub in_flight: usize,
    /// How long the answer to a request may take.
    pub timeout: Duration,
    /// How long it may take until the program has described itself.
    pub start_timeout: Duration,
    /// How long it may take to end when its input has ended, and once more after SIGTERM.
    pub stop_timeout: Duration,
    /// The longest line that it may write, in bytes.
    pub max_line: usize,
    /// The most address space that it may have, in bytes; `None` is no limit.
    pub memory: Option<u64>,
    /// How long after its first failure it is started again; twice as long after each further one.
    pub first_wait: Duration,
    /// The longest wait until it is started again.
    pub longest_wait: Duration,
}

impl ProcessConfig {
    /// Runs `command` with default settings.
    pub fn new<Word: Into<String>>(command: impl IntoIterator<Item = Word>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            config: Value::Null,
            directory: None,
            environment: USUAL_ENVIRONMENT.map(String::from).to_vec(),
            set: BTreeMap::new(),
            in_flight: 8,
            timeout: Duration::from_secs(30),
            start_timeout: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(2),
            max_line: 16 << 20,
            memory: None,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
        }
    }

    /// Reads a section of the configuration, in the shape that [`schema`](Self::schema) tells. An error points at what is
    /// wrong.
    pub fn from_section(section: &Value) -> Result<Self, ConfigError> {
        const HOUR: u64 = 3_600;
        let known = properties();
        let known: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        let section = Section::read(section, &known)?;
        let mut config = Self::new(section::command(&section)?);
        config.config = section.get("config").cloned().unwrap_or_default();
        config.directory = section::directory(&section)?.map(PathBuf::from);
        config.environment = section::environment(&section)?.unwrap_or(config.environment);
        config.set = section::set(&section)?;
        if let Some(in_flight) = section.whole("in_flight", 1..=1024)? {
            config.in_flight = usize::try_from(in_flight).unwrap_or(usize::MAX);
        }
        for (name, least, most, field) in [
            ("timeout", 1, HOUR, &mut config.timeout),
            ("start_timeout", 1, HOUR, &mut config.start_timeout),
            ("stop_timeout", 0, 60, &mut config.stop_timeout),
        ] {
            let range = Duration::from_secs(least)..=Duration::from_secs(most);
            *field = section.duration(name, range)?.unwrap_or(*field);
        }
        if let Some(bytes) = section.size("max_line", KIB..=GIB)? {
            config.max_line = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        config.memory = section.size("memory", LEAST_MEMORY..=u64::MAX)?;
        Ok(config)
    }

    /// The shape of a section as a JSON Schema.
    pub fn schema() -> Value {
        let properties: serde_json::Map<String, Value> = properties()
            .into_iter()
            .map(|(name, schema)| (name.to_owned(), schema))
            .collect();
        json!({
            "type": "object",
            "required": ["command"],
            "additionalProperties": false,
            "properties": properties,
        })
    }
}

/// All keys there are, each with its schema.
fn properties() -> [(&'static str, Value); 11] {
    let duration = |description: &str, default: &str| json!({"type": "string", "pattern": "^([0-9]+[dhms])+$", "default": default, "description": description});
    let size = |description: &str| {
        json!({
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+ ?([KMG]i?)?B$"}],
            "description": description,
        })
    };
    [
        (
            "command",
            json!({
                "type": "array", "items": {"type": "string"}, "minItems": 1, "example": ["python3", "plugin.py"],
                "description": "The program and its arguments.",
            }),
        ),
        (
            "config",
            json!({"description": "Handed to the program when it is asked to describe itself."}),
        ),
        (
            "directory",
            json!({"type": "string", "description": "Where the program runs."}),
        ),
        (
            "environment",
            json!({
                "type": "array", "items": {"type": "string", "minLength": 1}, "default": USUAL_ENVIRONMENT,
                "description": "The variables of the host that the program sees.",
            }),
        ),
        (
            "set",
            json!({
                "type": "object", "additionalProperties": {"type": "string"},
                "description": "Variables that are set for the program.",
            }),
        ),
        (
            "in_flight",
            json!({
                "type": "integer", "minimum": 1, "maximum": 1024, "default": 8,
                "description": "Requests that may be under way at once.",
            }),
        ),
        ("timeout", duration("How long an answer may take.", "30s")),
        (
            "start_timeout",
            duration("How long the program may take to describe itself.", "10s"),
        ),
        (
            "stop_timeout",
            duration("How long the program may take to end.", "2s"),
        ),
        (
            "max_line",
            size("The longest line that the program may write, 16MiB by default."),
        ),
        (
            "memory",
            size("The most address space that the program may have, such as 512MB."),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_but_the_command_may_be_left_out() {
        let config = ProcessConfig::from_section(&json!({"command": ["mine"]})).unwrap();

        assert_eq!(config, ProcessConfig::new(["mine"]));
    }

    #[test]
    fn every_key_is_read() {
        let config = ProcessConfig::from_section(&json!({
            "command": ["python3", "x.py"], "config": {"key": 1}, "directory": "/tmp", "environment": ["PATH"],
            "set": {"A": "b"}, "in_flight": 1024, "timeout": "1m", "start_timeout": "1m30s", "stop_timeout": "0s",
            "max_line": 2048, "memory": "512MB",
        }))
        .unwrap();

        assert_eq!(config.command, ["python3", "x.py"]);
        assert_eq!(config.config, json!({"key": 1}));
        assert_eq!(config.directory, Some(PathBuf::from("/tmp")));
        assert_eq!(config.environment, ["PATH"]);
        assert_eq!(config.set["A"], "b");
        assert_eq!(config.in_flight, 1024);
        let seconds =
            [config.timeout, config.start_timeout, config.stop_timeout].map(|d| d.as_secs());
        assert_eq!(seconds, [60, 90, 0]);
        assert_eq!(config.max_line, 2048);
        assert_eq!(config.memory, Some(512_000_000));
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (section, pointer, message) in [
            (json!([]), "", "settings are a list, expected an object"),
            (
                json!({}),
                "",
                r#"`command` is missing, such as ["python3", "plugin.py"]"#,
            ),
            (
                json!({"command": []}),
                "/command",
                "command is empty, expected the program and its arguments",
            ),
            (
                json!({"command": [""]}),
                "/command/0",
                "command names no program",
            ),
            (
                json!({"command": "x"}),
                "/command",
                r#"command is text, expected a list of texts such as ["python3", "plugin.py"]"#,
            ),
            (
                json!({"command": ["x", 1]}),
                "/command/1",
                "command has a number in it, expected texts",
            ),
            (
                json!({"command": ["x\u{0}"]}),
                "/command/0",
                "command has a NUL character in it",
            ),
            (
                json!({"comand": ["x"]}),
                "/comand",
                "unknown key `comand`, did you mean `command`?",
            ),
            (
                json!({"command": ["x"], "in_flight": 0}),
                "/in_flight",
                "in_flight: 0 is not within 1 and 1024",
            ),
            (
                json!({"command": ["x"], "in_flight": "8"}),
                "/in_flight",
                "in_flight is text, expected a whole number from 1 to 1024",
            ),
            (
                json!({"command": ["x"], "timeout": "0s"}),
                "/timeout",
                "timeout: 0s is not within 1s and 1h",
            ),
            (
                json!({"command": ["x"], "timeout": 5}),
                "/timeout",
                r#"timeout is a number, expected text such as "15s""#,
            ),
            (
                json!({"command": ["x"], "timeout": "soon"}),
                "/timeout",
                r#"timeout: "soon" is no duration, expected one such as 90s, 15m, 1h30m or 2d"#,
            ),
            (
                json!({"command": ["x"], "memory": "lots"}),
                "/memory",
                r#"memory is text, expected a number of bytes, or text such as "512MB""#,
            ),
            (
                json!({"command": ["x"], "max_line": 5}),
                "/max_line",
                "max_line: 5 is not within 1024 and 1073741824 bytes",
            ),
            (
                json!({"command": ["x"], "set": {"A": 1}}),
                "/set/A",
                "set has a number in it, expected texts",
            ),
            (
                json!({"command": ["x"], "set": {"A=B": ""}}),
                "/set/A=B",
                "\"A=B\" is no name of a variable",
            ),
            (
                json!({"command": ["x"], "environment": "PATH"}),
                "/environment",
                r#"environment is text, expected a list of texts such as ["PATH"]"#,
            ),
        ] {
            let error = ProcessConfig::from_section(&section).err();

            assert_eq!(error, Some(ConfigError::at(pointer, message)), "{section}");
        }
    }
}

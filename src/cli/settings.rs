//! Every setting: flag, environment, file, default and doc line, in one table.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::sections::{self, PluginSection};
use chrono_tz::Tz;
use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// One setting. Its flag is `--name`, its variable `STOCK_SCHEDULER_NAME`, its key in the file `name` with underscores.
struct Setting {
    name: &'static str,
    /// What the value is, for the help; a setting without one is a switch.
    value: Option<&'static str>,
    default: Option<&'static str>,
    help: &'static str,
}

const fn setting(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        name,
        value: Some(value),
        default: Some(default),
        help,
    }
}

const fn open(name: &'static str, value: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        value: Some(value),
        default: None,
        help,
    }
}

const fn switch(name: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        value: None,
        default: None,
        help,
    }
}

const SETTINGS: [Setting; 18] = [
    setting(
        "listen",
        "ADDRESS:PORT",
        "127.0.0.1:8001",
        "Where to listen",
    ),
    open(
        "store",
        "URL",
        "Where to keep everything: sqlite:PATH, redis://HOST:PORT/DB or memory: [default: REDIS_URL if set, else a file in your data directory]",
    ),
    open(
        "timezone",
        "ZONE",
        "The IANA zone of jobs that name none [default: the machine's]",
    ),
    open(
        "calendars",
        "PATH",
        "A file, or a directory of .cal files, that add or correct calendars of exchanges; read again when they change",
    ),
    setting(
        "cors-origins",
        "LIST",
        "http://localhost:3000",
        "Origins whose pages may use the API from a browser, separated by commas",
    ),
    switch(
        "demo",
        "A living example with made-up prices, no network, nothing kept",
    ),
    switch(
        "api-only",
        "Serve, but leave fires to other instances over the same store",
    ),
    setting("log", "FORMAT", "text", "How to log: text or json"),
    setting(
        "log-level",
        "LEVEL",
        "info",
        "What to log: error, warn, info, debug or trace",
    ),
    setting(
        "job-metrics",
        "ON|OFF",
        "on",
        "Whether /metrics tells of each job when it last succeeded and runs next: on or off",
    ),
    open(
        "yfinance-url",
        "URL",
        "Where the provider is [default: the provider's own hosts]",
    ),
    open(
        "yfinance-user-agent",
        "TEXT",
        "How to introduce ourselves to the provider",
    ),
    setting(
        "yfinance-requests-per-second",
        "RATE",
        "0.5",
        "Requests to the provider a second in the long run; 0: no limit",
    ),
    setting(
        "yfinance-burst",
        "COUNT",
        "5",
        "Requests to the provider at once after a rest",
    ),
    setting(
        "yfinance-concurrency",
        "COUNT",
        "2",
        "Requests to the provider under way at once; 0: no limit",
    ),
    setting(
        "yfinance-requests-per-hour",
        "COUNT",
        "1000",
        "Requests to the provider in any hour; 0: no limit",
    ),
    switch(
        "private-webhooks",
        "Let webhooks lead to addresses that are not public, such as this machine's network",
    ),
    setting(
        "value-format",
        "FORMAT",
        "bare",
        "How data is written to Redis: bare, or wrapped with metadata",
    ),
];

/// The settings' flags for clap.
pub(super) fn args() -> impl Iterator<Item = Arg> {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .env("STOCK_SCHEDULER_CONFIG")
        .help("A TOML file with any of these settings");
    SETTINGS.iter().map(arg).chain([config])
}

fn arg(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.name)
        .long(setting.name)
        .env(variable(setting.name))
        .help(setting.help);
    let arg = match setting.value {
        Some(value) => arg.value_name(value).action(ArgAction::Set),
        None => arg
            .action(ArgAction::SetTrue)
            .value_parser(clap::builder::BoolishValueParser::new()),
    };
    match setting.default {
        Some(default) => arg.default_value(default),
        None => arg,
    }
}

fn variable(name: &str) -> clap::builder::Str {
    format!("STOCK_SCHEDULER_{}", name.to_uppercase().replace('-', "_")).into()
}

/// Every setting, understood.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to keep everything.
    pub store: String,
    /// The zone of jobs that name none.
    pub timezone: Tz,
    /// Where the user's calendars of exchanges are.
    pub calendars: Option<String>,
    /// Origins whose pages may use the API.
    pub cors_origins: Vec<String>,
    /// A living example with made-up prices.
    pub demo: bool,
    /// Serve, but never fire.
    pub api_only: bool,
    /// Log as JSON.
    pub log_json: bool,
    /// What to log.
    pub log_level: tracing::Level,
    /// Tell of each job in the metrics.
    pub job_metrics: bool,
    /// Where the provider is.
    pub yfinance_url: Option<String>,
    /// How to introduce ourselves.
    pub yfinance_user_agent: Option<String>,
    /// Requests a second; 0 is no limit.
    pub yfinance_requests_per_second: f64,
    /// Requests at once after a rest.
    pub yfinance_burst: u32,
    /// Requests under way; 0 is no limit.
    pub yfinance_concurrency: u32,
    /// Requests in any hour; 0 is no limit.
    pub yfinance_requests_per_hour: u32,
    /// Let webhooks lead to addresses that are not public.
    pub private_webhooks: bool,
    /// How data is written to Redis.
    pub value_format: String,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// What the file says of plugins.
    pub plugins: Vec<PluginSection>,
    /// Each value as text with where it came from, secrets masked.
    pub origin: BTreeMap<&'static str, (String, String)>,
}

impl Settings {
    /// Those of a service that is told nothing, by flags, environment or file.
    pub(super) fn defaults() -> Result<Self, String> {
        let unheard = args().map(|arg| arg.env(Resettable::Reset));
        let command = Command::new("serve").args(unheard);
        let matches = command.try_get_matches_from(["serve"]);
        Self::read(&matches.map_err(|error| error.to_string())?)
    }

    /// Reads the flags, the environment and the file, in this order of weight.
    pub(super) fn read(matches: &ArgMatches) -> Result<Self, String> {
        let path = matches.get_one::<String>("config").map(PathBuf::from);
        let (file, plugins) = path
            .as_deref()
            .map(read_file)
            .transpose()?
            .unwrap_or_default();
        let mut raw = Raw {
            values: BTreeMap::new(),
        };
        for setting in &SETTINGS {
            raw.values.insert(
                setting.name,
                value(setting, matches, &file, path.as_deref()),
            );
        }
        Ok(Self {
            file: path,
            plugins,
            ..raw.settle()?
        })
    }
}

/// A setting's text, if any, and where it came from.
type Found = (Option<String>, String);

fn value(
    setting: &Setting,
    matches: &ArgMatches,
    file: &toml::Table,
    path: Option<&Path>,
) -> Found {
    let flag = || match setting.value {
        Some(_) => matches.get_one::<String>(setting.name).cloned(),
        None => Some(matches.get_flag(setting.name).to_string()),
    };
    match matches.value_source(setting.name) {
        Some(ValueSource::CommandLine) => (flag(), format!("flag --{}", setting.name)),
        Some(ValueSource::EnvVariable) => {
            (flag(), format!("environment {}", variable(setting.name)))
        }
        _ => match file.get(&setting.name.replace('-', "_")) {
            Some(value) => (
                Some(plain(value)),
                format!("file {}", path.unwrap_or(Path::new("")).display()),
            ),
            None => (flag(), "default".to_owned()),
        },
    }
}

fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Reads a file and refuses keys that are no settings.
fn read_file(path: &Path) -> Result<(toml::Table, Vec<PluginSection>), String> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let mut table: toml::Table = text
        .parse()
        .map_err(|e| format!("{} is not TOML: {e}", path.display()))?;
    let plugins = sections::read(table.remove("plugins"))
        .map_err(|why| format!("{}: {why}", path.display()))?;
    let names: Vec<_> = SETTINGS
        .iter()
        .map(|setting| setting.name.replace('-', "_"))
        .collect();
    for key in table.keys() {
        if !names.contains(key) {
            let near = names
                .iter()
                .map(String::as_str)
                .chain(["plugins"])
                .max_by(|a, b| strsim::jaro(a, key).total_cmp(&strsim::jaro(b, key)));
            let hint = near.map_or(String::new(), |near| format!("; did you mean {near:?}?"));
            return Err(format!("{}: unknown key {key:?}{hint}", path.display()));
        }
    }
    Ok((table, plugins))
}

/// What a file says of plugins now.
pub(super) fn plugins_of(path: &Path) -> Result<Vec<PluginSection>, String> {
    read_file(path).map(|(_, plugins)| plugins)
}

/// The settings as text.
struct Raw {
    values: BTreeMap<&'static str, Found>,
}

impl Raw {
    fn settle(mut self) -> Result<Settings, String> {
        if self.flag("demo")? {
            self.fall_back("store", || ("memory:".to_owned(), "demo".to_owned()));
        }
        self.fall_back("store", default_store);
        self.fall_back("timezone", || (machine_zone(), "machine".to_owned()));
        let (log_json, level) = (
            self.word("log", &["text", "json"])? == "json",
            self.parse("log-level")?,
        );
        Ok(Settings {
            listen: self
                .parse("listen")
                .map_err(|e| format!("{e}; it is ADDRESS:PORT, such as 127.0.0.1:8001"))?,
            store: self.text("store").to_owned(),
            timezone: self
                .parse("timezone")
                .map_err(|e| format!("{e}; it is an IANA zone such as Europe/Berlin"))?,
            calendars: self.given("calendars"),
            cors_origins: self
                .text("cors-origins")
                .split(',')
                .map(|o| o.trim().to_owned())
                .filter(|o| !o.is_empty())
                .collect(),
            demo: self.flag("demo")?,
            api_only: self.flag("api-only")?,
            log_json,
            log_level: level,
            job_metrics: self.word("job-metrics", &["on", "off"])? == "on",
            yfinance_url: self.given("yfinance-url"),
            yfinance_user_agent: self.given("yfinance-user-agent"),
            yfinance_requests_per_second: self.rate("yfinance-requests-per-second")?,
            yfinance_burst: self.parse("yfinance-burst")?,
            yfinance_concurrency: self.parse("yfinance-concurrency")?,
            yfinance_requests_per_hour: self.parse("yfinance-requests-per-hour")?,
            private_webhooks: self.flag("private-webhooks")?,
            file: None,
            plugins: Vec::new(),
            value_format: self.word("value-format", &["bare", "wrapped"])?,
            origin: self.origin(),
        })
    }

    fn fall_back(&mut self, name: &'static str, default: impl FnOnce() -> (String, String)) {
        let place = self.values.entry(name).or_default();
        if place.0.as_deref().is_none_or(str::is_empty) {
            let (value, from) = default();
            *place = (Some(value), from);
        }
    }

    fn given(&self, name: &str) -> Option<String> {
        self.values
            .get(name)
            .and_then(|(text, _)| text.clone())
            .filter(|text| !text.is_empty())
    }

    fn text(&self, name: &str) -> &str {
        self.values
            .get(name)
            .and_then(|(text, _)| text.as_deref())
            .unwrap_or_default()
    }

    fn wrong(&self, name: &str, why: &str) -> String {
        let from = self.values.get(name).map_or("", |(_, from)| from.as_str());
        format!("{name} ({from}): {:?} {why}", self.text(name))
    }

    fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, String> {
        self.text(name)
            .parse()
            .map_err(|error: T::Err| self.wrong(name, &error.to_string()))
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        self.parse(name)
    }

    fn rate(&self, name: &str) -> Result<f64, String> {
        let rate: f64 = self.parse(name)?;
        if rate.is_finite() && rate >= 0.0 {
            Ok(rate)
        } else {
            Err(self.wrong(name, "must be 0 or more"))
        }
    }

    fn word(&self, name: &str, words: &[&str]) -> Result<String, String> {
        let text = self.text(name);
        if words.contains(&text) {
            return Ok(text.to_owned());
        }
        Err(self.wrong(name, &format!("must be one of {}", words.join(", "))))
    }

    fn origin(&self) -> BTreeMap<&'static str, (String, String)> {
        let shown = |text: &Option<String>| masked(text.as_deref().unwrap_or(""));
        self.values
            .iter()
            .map(|(name, (text, from))| (*name, (shown(text), from.clone())))
            .collect()
    }
}

/// A value as it may be shown: without the password of an address.
pub(super) fn masked(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://***{}", &text[..scheme], &text[at..])
        }
        _ => text.to_owned(),
    }
}

fn default_store() -> (String, String) {
    if let Ok(url) = std::env::var("REDIS_URL")
        && !url.is_empty()
    {
        return (url, "environment REDIS_URL".into());
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let data = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let data = data.or_else(|| home.map(|home| home.join(".local/share")));
    let file = data.map_or("stock-scheduler.db".into(), |data| {
        data.join("stock-scheduler/stock-scheduler.db")
    });
    (format!("sqlite:{}", file.display()), "default".into())
}

fn machine_zone() -> String {
    iana_time_zone::get_timezone()
        .ok()
        .filter(|name| name.parse::<Tz>().is_ok())
        .unwrap_or_else(|| "UTC".into())
}

//! A program that somebody who writes a plugin lets check.

use std::sync::Arc;

use serde_json::Value;
use stock_scheduler_process::{Description, ProcessConfig, ProcessPlugin};
use stock_scheduler_sdk::{FetchRequest, Fetcher, Listener, ScheduleFactory, Symbol};

use super::process::{config, wrong_config};
use crate::cli::PluginSection;

/// A fetcher that is checked.
pub(crate) struct CheckedFetcher {
    pub(crate) fetcher: Arc<dyn Fetcher>,
    /// A question that it can answer.
    pub(crate) example: Option<FetchRequest>,
    /// A symbol that its provider does not know.
    pub(crate) unknown: Option<Symbol>,
}

/// A program that is checked.
pub(crate) struct Checked {
    config: ProcessConfig,
    plugin: ProcessPlugin,
    description: Arc<Description>,
}

impl Checked {
    /// Starts the program of a section. The outer error is about the section, the inner one, a sentence, about what the
    /// program did.
    pub(crate) async fn start(section: &PluginSection) -> Result<Result<Self, String>, String> {
        let config = config(section)?;
        let started = ProcessPlugin::start(&section.name, config.clone());
        let plugin = started.map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(match plugin.describe().await {
            Ok(description) => Ok(Self {
                config,
                plugin,
                description,
            }),
            Err(why) => {
                plugin.stop().await;
                // Nothing is started again here.
                let (why, _) = why
                    .rsplit_once("; it is started again")
                    .unwrap_or((&why, ""));
                Err(why.to_owned())
            }
        })
    }

    /// What it says it is.
    pub(crate) fn summary(&self) -> String {
        let Description {
            name,
            version,
            protocol,
            ..
        } = self.description.as_ref();
        let mut roles = Vec::new();
        roles.extend(
            self.description
                .fetcher
                .as_ref()
                .map(|_| "a fetcher".to_owned()),
        );
        let kinds = self.description.schedules.keys();
        roles.extend(kinds.map(|kind| format!("a schedule {kind:?}")));
        roles.extend(
            self.description
                .listener
                .as_ref()
                .map(|_| "a listener".to_owned()),
        );
        let roles = roles.join(", ");
        format!("it describes itself: {name} {version}, protocol {protocol}, with {roles}")
    }

    /// What does not fit between its configuration and what it says.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let wrong = wrong_config(&self.description, &self.config);
        wrong
            .map(|why| format!("config{why}"))
            .into_iter()
            .collect()
    }

    /// The shape of a job's options for its fetcher.
    pub(crate) fn options_schema(&self) -> Option<Value> {
        self.description.fetcher.as_ref()?.options_schema.clone()
    }

    /// Its fetcher, and what it can be asked.
    pub(crate) fn fetcher(&self) -> Option<CheckedFetcher> {
        let described = self.description.fetcher.as_ref()?;
        let example = described.example.clone().map(|example| {
            FetchRequest::daily(example.symbol, example.start, example.end)
                .with_interval(example.interval)
                .with_options(example.options)
        });
        Some(CheckedFetcher {
            fetcher: Arc::new(self.plugin.fetcher()),
            example,
            unknown: described.unknown_symbol.clone(),
        })
    }

    /// Its schedules, each with one of its kind.
    pub(crate) fn schedules(&self) -> Vec<(String, Arc<dyn ScheduleFactory>, Option<Value>)> {
        let all = self.description.schedules.iter();
        all.map(|(kind, described)| {
            let factory: Arc<dyn ScheduleFactory> = Arc::new(self.plugin.schedule(kind));
            (kind.clone(), factory, described.example.clone())
        })
        .collect()
    }

    /// Its listener.
    pub(crate) fn listener(&self) -> Option<Arc<dyn Listener>> {
        self.description.listener.as_ref()?;
        Some(Arc::new(self.plugin.listener()))
    }

    /// Ends it; an error says that it had to be killed.
    pub(crate) async fn stop(self) -> Result<(), String> {
        let begun = tokio::time::Instant::now();
        self.plugin.stop().await;
        let patience = self.config.stop_timeout;
        match begun.elapsed() < patience {
            true => Ok(()),
            false => Err(format!(
                "it does not end within {patience:?} when its input ends: it had to be killed"
            )),
        }
    }
}

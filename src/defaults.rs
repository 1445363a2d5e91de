//! The standard plugins, in one list: the only place of the host that knows them.

pub(crate) mod checked;
pub(crate) mod process;

use serde_json::{Value, json};
use stock_scheduler_exchanges::Exchanges;
use stock_scheduler_redis::RedisStores;
use stock_scheduler_sdk::Calendars;

use crate::cli::Settings;
use crate::host::HostBuilder;

/// Registers the standard plugins with their settings.
pub(crate) fn register(builder: HostBuilder, settings: &Settings) -> HostBuilder {
    let builder = builder
        .origin("built in")
        .schedule("cron", stock_scheduler_cron::CronFactory)
        .schedule("daily", stock_scheduler_daily::DailyFactory)
        .schedule("interval", stock_scheduler_interval::IntervalFactory)
        .schedule("monthly", stock_scheduler_calendar::MonthlyFactory)
        .schedule("session", stock_scheduler_session::SessionFactory)
        .schedule("weekly", stock_scheduler_calendar::WeeklyFactory)
        .store_factory("memory", stock_scheduler_sdk::MemoryStores)
        .store_factory("sqlite", stock_scheduler_sqlite::SqliteStores)
        .store_factory("redis", RedisStores::in_zone(settings.timezone))
        .store_factory("rediss", RedisStores::in_zone(settings.timezone))
        .section("store", "redis", redis(settings))
        .section("store", "rediss", redis(settings))
        .listener("webhook", stock_scheduler_webhook::WebhookFactory)
        .section("fetcher", "yfinance", yfinance(settings))
        .fetcher("demo", stock_scheduler_demo::factory());
    #[cfg(feature = "email")]
    let builder = builder.listener("email", stock_scheduler_email::EmailFactory);
    let builder = match settings.private_webhooks {
        true => builder.private_webhooks(),
        false => builder,
    };
    let builder = if settings.demo {
        // No network: what is asked of the provider gets made-up prices too.
        builder
            .fetcher("yfinance", stock_scheduler_demo::factory())
            .section("fetcher", "yfinance", Value::Null)
    } else {
        builder.fetcher("yfinance", stock_scheduler_yfinance::factory())
    };
    builder.origin("this program")
}

/// The calendars that are shipped, with those files; the error names file, line and value.
pub(crate) fn calendars(files: &[(String, String)]) -> Result<Calendars, String> {
    let files = files.iter().map(|(name, text)| (name, text));
    Exchanges::with_files(files).map_err(|error| error.to_string())
}

fn redis(settings: &Settings) -> Value {
    json!({"value_format": settings.value_format})
}

fn yfinance(settings: &Settings) -> Value {
    let mut section = json!({
        "requests_per_second": settings.yfinance_requests_per_second,
        "burst": settings.yfinance_burst,
        "concurrency": settings.yfinance_concurrency,
        "requests_per_hour": settings.yfinance_requests_per_hour,
    });
    if let Some(url) = &settings.yfinance_url {
        section["url"] = url.as_str().into();
    }
    if let Some(agent) = &settings.yfinance_user_agent {
        section["user_agent"] = agent.as_str().into();
    }
    section
}

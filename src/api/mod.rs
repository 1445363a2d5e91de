//! The HTTP face: one file a resource; it translates and nothing else. The rules live in [`Host`].

mod backfills;
mod body;
mod cors;
mod data;
mod events;
mod gauges;
mod ical;
mod idempotency;
mod jobs;
mod operations;
mod outer;
mod pages;
mod plugins;
mod problem;
mod process;
mod query;
mod reply;
mod runs;
mod schedules;
mod server;
mod service;
mod spec;
mod webhooks;
mod wire;

use poem::{Endpoint, IntoEndpoint, Response};
use poem_openapi::OpenApiService;
use tokio_util::sync::CancellationToken;

use crate::host::Host;

pub use server::Server;

type Api = (
    jobs::JobsApi,
    runs::RunsApi,
    schedules::SchedulesApi,
    backfills::BackfillsApi,
    data::DataApi,
    service::ServiceApi,
    plugins::PluginsApi,
    events::EventsApi,
    webhooks::WebhooksApi,
);

fn service(host: &Host, job_gauges: bool, stop: CancellationToken) -> OpenApiService<Api, ()> {
    let apis = (
        jobs::JobsApi { host: host.clone() },
        runs::RunsApi { host: host.clone() },
        schedules::SchedulesApi { host: host.clone() },
        backfills::BackfillsApi { host: host.clone() },
        data::DataApi { host: host.clone() },
        service::ServiceApi {
            host: host.clone(),
            job_gauges: job_gauges.then(Default::default),
        },
        plugins::PluginsApi { host: host.clone() },
        events::EventsApi {
            host: host.clone(),
            stop,
        },
        webhooks::WebhooksApi { host: host.clone() },
    );
    OpenApiService::new(apis, "stock-scheduler", env!("CARGO_PKG_VERSION"))
        .description(spec::DESCRIPTION)
}

/// The OpenAPI document of a host: paths, shapes, and the schedules and fetchers that it knows.
pub fn document(host: &Host) -> serde_json::Value {
    spec::document(&service(host, false, CancellationToken::new()), host)
}

/// Everything that is served: the API, its document, Swagger UI. `stop` ends event streams; `origins` may use it from a
/// page in a browser; `job_gauges` tells of each job in the metrics.
fn endpoint(
    host: &Host,
    origins: Vec<String>,
    job_gauges: bool,
    stop: CancellationToken,
) -> impl Endpoint<Output = Response> + use<> {
    let service = service(host, job_gauges, stop);
    let routes = outer::Routes::of(&spec::document(&service, host), &pages::PATHS);
    let app = pages::WithPages::new(host, service.into_endpoint());
    outer::Outer::new(app, routes, cors::Cors::new(origins))
}

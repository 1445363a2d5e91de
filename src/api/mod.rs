//! The HTTP face: one file a resource; it translates and nothing else. The rules live in [`Host`].

mod body;
mod cors;
mod data;
mod events;
mod gauges;
mod idempotency;
mod jobs;
mod operations;
mod outer;
mod problem;
mod process;
mod query;
mod reply;
mod runs;
mod server;
mod service;
mod spec;
mod wire;

use bytes::Bytes;
use poem::{Endpoint, EndpointExt, Response, Route, get, handler};
use poem_openapi::OpenApiService;
use tokio_util::sync::CancellationToken;

use crate::host::Host;

pub use server::Server;

type Api = (
    jobs::JobsApi,
    runs::RunsApi,
    data::DataApi,
    service::ServiceApi,
    events::EventsApi,
);

fn service(host: &Host, job_gauges: bool, stop: CancellationToken) -> OpenApiService<Api, ()> {
    let apis = (
        jobs::JobsApi { host: host.clone() },
        runs::RunsApi { host: host.clone() },
        data::DataApi { host: host.clone() },
        service::ServiceApi {
            host: host.clone(),
            job_gauges: job_gauges.then(Default::default),
        },
        events::EventsApi {
            host: host.clone(),
            stop,
        },
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
    let document = spec::document(&service, host);
    let routes = outer::Routes::of(&document, &["/docs", "/openapi.json", "/openapi.yaml"]);
    let pretty = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
    let yaml = spec::yaml(&document);
    let page = service
        .swagger_ui_html()
        .replace(&service.spec(), &document.to_string())
        // A page without an icon makes browsers ask for /favicon.ico and complain.
        .replacen("<head>", "<head><link rel=\"icon\" href=\"data:,\">", 1);
    let app = Route::new()
        .at("/docs", get(docs.data(Page(page.into()))))
        .at(
            "/openapi.json",
            get(json_document.data(JsonDocument(pretty.into()))),
        )
        .at(
            "/openapi.yaml",
            get(yaml_document.data(YamlDocument(yaml.into()))),
        )
        .nest("/", service);
    outer::Outer::new(app, routes, cors::Cors::new(origins))
}

#[derive(Clone)]
struct Page(Bytes);

#[derive(Clone)]
struct JsonDocument(Bytes);

#[derive(Clone)]
struct YamlDocument(Bytes);

#[handler]
fn docs(page: poem::web::Data<&Page>) -> Response {
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .body(page.0.0.clone())
}

#[handler]
fn json_document(document: poem::web::Data<&JsonDocument>) -> Response {
    Response::builder()
        .content_type("application/json")
        .body(document.0.0.clone())
}

#[handler]
fn yaml_document(document: poem::web::Data<&YamlDocument>) -> Response {
    Response::builder()
        .content_type("application/yaml")
        .body(document.0.0.clone())
}

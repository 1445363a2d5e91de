//! Swagger UI and the OpenAPI document. Each is made when somebody first asks for it: it takes megabytes to make, and many
//! a service is never asked.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use poem::web::Data;
use poem::{Endpoint, EndpointExt, Request, Response, Result, Route, get, handler};
use tokio_util::sync::CancellationToken;

use super::{document, service, spec};
use crate::host::Host;

/// Where the pages are.
pub(super) const PATHS: [&str; 3] = ["/docs", "/openapi.json", "/openapi.yaml"];

/// The pages of a host.
#[derive(Clone)]
struct Pages(Arc<Made>);

struct Made {
    host: Host,
    docs: OnceLock<Bytes>,
    json: OnceLock<Bytes>,
    yaml: OnceLock<Bytes>,
}

impl Pages {
    fn of(host: &Host) -> Self {
        Self(Arc::new(Made {
            host: host.clone(),
            docs: OnceLock::new(),
            json: OnceLock::new(),
            yaml: OnceLock::new(),
        }))
    }

    fn route(self) -> Route {
        let [docs_at, json_at, yaml_at] = PATHS;
        Route::new()
            .at(docs_at, get(docs.data(self.clone())))
            .at(json_at, get(json.data(self.clone())))
            .at(yaml_at, get(yaml.data(self)))
    }
}

/// An API with its pages. The API is not nested in a route beside them, which would take a fifth of a small request's time.
pub(super) struct WithPages<E> {
    pages: Route,
    api: E,
}

impl<E> WithPages<E> {
    pub(super) fn new(host: &Host, api: E) -> Self {
        let pages = Pages::of(host).route();
        Self { pages, api }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for WithPages<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        match PATHS.contains(&request.uri().path()) {
            true => self.pages.call(request).await,
            false => self.api.call(request).await,
        }
    }
}

#[handler]
fn docs(pages: Data<&Pages>) -> Response {
    let page = pages.0.0.docs.get_or_init(|| {
        let host = &pages.0.0.host;
        let service = service(host, false, CancellationToken::new());
        let document = spec::document(&service, host).to_string();
        let page = service
            .swagger_ui_html()
            .replace(&service.spec(), &document)
            // A page without an icon makes browsers ask for /favicon.ico and complain.
            .replacen("<head>", "<head><link rel=\"icon\" href=\"data:,\">", 1);
        page.into()
    });
    reply("text/html; charset=utf-8", page)
}

#[handler]
fn json(pages: Data<&Pages>) -> Response {
    let text = pages.0.0.json.get_or_init(|| {
        let document = document(&pages.0.0.host);
        let text = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
        text.into()
    });
    reply("application/json", text)
}

#[handler]
fn yaml(pages: Data<&Pages>) -> Response {
    let text = pages
        .0
        .0
        .yaml
        .get_or_init(|| spec::yaml(&document(&pages.0.0.host)).into());
    reply("application/yaml", text)
}

fn reply(kind: &str, body: &Bytes) -> Response {
    Response::builder().content_type(kind).body(body.clone())
}

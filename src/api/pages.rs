//! Swagger UI and the OpenAPI document. Each is made when somebody first asks for it, and again when plugins have changed:
//! it takes megabytes to make, and many a service is never asked.

use std::sync::{Arc, Mutex, PoisonError};

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
    docs: Kept,
    json: Kept,
    yaml: Kept,
}

/// A page, and the plugins that it was made for.
#[derive(Default)]
struct Kept(Mutex<Option<(u64, Bytes)>>);

impl Kept {
    fn get(&self, host: &Host, make: impl FnOnce(&Host) -> String) -> Bytes {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let version = host.plugins_version();
        match &*kept {
            Some((made_for, page)) if *made_for == version => page.clone(),
            _ => kept.insert((version, make(host).into())).1.clone(),
        }
    }
}

impl Pages {
    fn of(host: &Host) -> Self {
        Self(Arc::new(Made {
            host: host.clone(),
            docs: Kept::default(),
            json: Kept::default(),
            yaml: Kept::default(),
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
    let made = &pages.0.0;
    let page = made.docs.get(&made.host, |host| {
        let service = service(host, false, CancellationToken::new());
        let document = spec::document(&service, host).to_string();
        service
            .swagger_ui_html()
            .replace(&service.spec(), &document)
            // A page without an icon makes browsers ask for /favicon.ico and complain.
            .replacen("<head>", "<head><link rel=\"icon\" href=\"data:,\">", 1)
    });
    reply("text/html; charset=utf-8", page)
}

#[handler]
fn json(pages: Data<&Pages>) -> Response {
    let made = &pages.0.0;
    let text = made.json.get(&made.host, |host| {
        serde_json::to_string_pretty(&document(host)).unwrap_or_default() + "\n"
    });
    reply("application/json", text)
}

#[handler]
fn yaml(pages: Data<&Pages>) -> Response {
    let made = &pages.0.0;
    let text = made
        .yaml
        .get(&made.host, |host| spec::yaml(&document(host)));
    reply("application/yaml", text)
}

fn reply(kind: &str, body: Bytes) -> Response {
    Response::builder().content_type(kind).body(body)
}

//! Swagger UI and the OpenAPI document. Each is made when somebody first asks for it: it takes megabytes to make, and many
//! a service is never asked.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use poem::web::Data;
use poem::{EndpointExt, Response, get, handler};
use tokio_util::sync::CancellationToken;

use super::{document, service, spec};
use crate::host::Host;

/// Where the pages are.
pub(super) const PATHS: [&str; 3] = ["/docs", "/openapi.json", "/openapi.yaml"];

/// The pages of a host.
#[derive(Clone)]
pub(super) struct Pages(Arc<Made>);

struct Made {
    host: Host,
    docs: OnceLock<Bytes>,
    json: OnceLock<Bytes>,
    yaml: OnceLock<Bytes>,
}

impl Pages {
    pub(super) fn of(host: &Host) -> Self {
        Self(Arc::new(Made {
            host: host.clone(),
            docs: OnceLock::new(),
            json: OnceLock::new(),
            yaml: OnceLock::new(),
        }))
    }

    /// `app` with the pages.
    pub(super) fn route(self, app: poem::Route) -> poem::Route {
        let [docs_at, json_at, yaml_at] = PATHS;
        app.at(docs_at, get(docs.data(self.clone())))
            .at(json_at, get(json.data(self.clone())))
            .at(yaml_at, get(yaml.data(self)))
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

//! The registered plugins.

use poem_openapi::OpenApi;

use super::jobs::Tag;
use super::reply::Reply;
use super::wire::PluginBody;
use crate::host::Host;

pub(crate) struct PluginsApi {
    pub(crate) host: Host,
}

#[OpenApi]
impl PluginsApi {
    /// List plugins
    ///
    /// Every fetcher, schedule kind, store and listener that this instance has: where it comes from, how it is, what it
    /// counted since the start, and the JSON Schemas of what the configuration and jobs may say to it.
    #[oai(
        path = "/scheduler/plugins",
        method = "get",
        operation_id = "listPlugins",
        tag = "Tag::Service"
    )]
    async fn list(&self) -> Reply<Vec<PluginBody>> {
        let plugins = self.host.plugins().await;
        let plugins: Vec<_> = plugins.into_iter().map(PluginBody::from).collect();
        Reply::json(&plugins)
    }
}

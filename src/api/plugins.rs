//! The registered plugins.

use poem_openapi::OpenApi;
use poem_openapi::param::Query;

use super::jobs::Tag;
use super::problem::{Failure, Looked, Refused};
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
    async fn list(
        &self,
        /// Only plugins of this role.
        role: Query<Option<String>>,
        /// Only plugins of this name.
        name: Query<Option<String>>,
    ) -> Result<Reply<Vec<PluginBody>>, Failure<Looked>> {
        let role = role.0.as_deref().map(role_word).transpose()?;
        let plugins = self.host.plugins().await.into_iter();
        let wanted = plugins.filter(|plugin| {
            role.is_none_or(|role| plugin.role == role)
                && name.0.as_ref().is_none_or(|name| plugin.name == *name)
        });
        let plugins: Vec<_> = wanted.map(PluginBody::from).collect();
        Ok(Reply::json(&plugins))
    }
}

const ROLES: [&str; 4] = ["fetcher", "schedule", "store", "listener"];

fn role_word(text: &str) -> Result<&'static str, Refused> {
    let found = ROLES.into_iter().find(|role| *role == text);
    found.ok_or_else(|| {
        let roles = ROLES.join(", ");
        Refused::malformed(format!("role must be one of {roles}, not {text:?}"))
    })
}

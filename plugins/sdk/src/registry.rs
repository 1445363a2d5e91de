//! How a crate of plugins says what it has, to whatever host takes it in.

use std::sync::Arc;

use crate::{FetcherFactory, ListenerFactory, ScheduleFactory, StoreFactory};

/// Takes plugins in by name.
///
/// A crate of plugins has one function for it, by convention named `register`, and needs no host for that:
///
/// ```
/// use std::sync::Arc;
/// use stock_scheduler_sdk::{Next, Registry, Schedule, from_serde};
///
/// /// Never due.
/// #[derive(serde::Deserialize)]
/// struct Idle {}
///
/// impl Schedule for Idle {
///     fn next_after(&self, _: chrono::DateTime<chrono::Utc>) -> Next {
///         Next::Never
///     }
///
///     fn describe(&self) -> String {
///         "never".into()
///     }
/// }
///
/// pub fn register(registry: &mut dyn Registry) {
///     registry.schedule("idle", Arc::new(from_serde::<Idle>()));
/// }
/// ```
///
/// A program takes it in with `HostBuilder::plugins(my_crate::register)`, and `stock-scheduler plugin build --with my_crate`
/// makes such a program.
pub trait Registry {
    /// A fetcher, built from its section `plugins.fetcher.NAME` of the configuration.
    fn fetcher(&mut self, name: &str, factory: Arc<dyn FetcherFactory>);

    /// A kind of schedule.
    fn schedule(&mut self, kind: &str, factory: Arc<dyn ScheduleFactory>);

    /// A kind of store, by the scheme of its address.
    fn store(&mut self, scheme: &str, factory: Arc<dyn StoreFactory>);

    /// A kind of listener, made for each section `plugins.listener.NAME` of its kind.
    fn listener(&mut self, kind: &str, factory: Arc<dyn ListenerFactory>);
}

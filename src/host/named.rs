//! Plugins of one role by name, which may come and go while the host runs.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// What is registered under a name.
pub(crate) struct Named<T: ?Sized>(RwLock<BTreeMap<String, Arc<T>>>);

impl<T: ?Sized> Default for Named<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T: ?Sized> Named<T> {
    pub(crate) fn get(&self, name: &str) -> Option<Arc<T>> {
        self.read().get(name).cloned()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.read().contains_key(name)
    }

    /// Puts `plugin` in the place of the one of this name; who works with that one goes on with it.
    pub(crate) fn put(&self, name: &str, plugin: Arc<T>) {
        self.write().insert(name.to_owned(), plugin);
    }

    pub(crate) fn remove(&self, name: &str) {
        self.write().remove(name);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.read().keys().cloned().collect()
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<(String, Arc<T>)> {
        let copy = |(name, plugin): (&String, &Arc<T>)| (name.clone(), plugin.clone());
        self.read().iter().map(copy).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<T>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Arc<T>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> FromIterator<(String, Arc<T>)> for Named<T> {
    fn from_iter<I: IntoIterator<Item = (String, Arc<T>)>>(plugins: I) -> Self {
        Self(RwLock::new(plugins.into_iter().collect()))
    }
}

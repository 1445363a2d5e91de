//! Asks for the addresses of a name each time a connection is made, and hands out only public ones: the connection goes to
//! exactly the addresses that were looked at, whatever the name leads to a moment later.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use crate::address::not_public;

/// So many names are looked up at once, by all webhooks together. A look-up holds a thread for as long as the operating
/// system asks for the name, and stores need threads of the same pool.
const LOOKUPS: usize = 32;
/// How long a look-up waits for its turn; shorter than most requests may take, so that this is what is told.
const PATIENCE: Duration = Duration::from_secs(4);

/// Finds addresses by a function that blocks, on few threads at once.
pub(crate) struct Lookups<F> {
    find: F,
    turns: Arc<Semaphore>,
    patience: Duration,
}

/// Finds the addresses of a name.
type Find = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// The operating system's way of finding addresses.
pub(crate) fn system() -> Lookups<Find> {
    static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(LOOKUPS)));
    Lookups {
        find: |name| Ok((name, 0).to_socket_addrs()?.collect()),
        turns: TURNS.clone(),
        patience: PATIENCE,
    }
}

impl<F> Resolve for Lookups<F>
where
    F: Fn(&str) -> io::Result<Vec<SocketAddr>> + Clone + Send + Sync + 'static,
{
    fn resolve(&self, name: Name) -> Resolving {
        let turn = self.turns.clone().acquire_owned();
        let (find, patience) = (self.find.clone(), self.patience);
        Box::pin(async move {
            let turn = tokio::time::timeout(patience, turn).await;
            let turn = turn.map_err(|_| Crowded { patience })??;
            // Whoever asks may stop waiting; the thread, and so the turn, is taken until the look-up has ended.
            let found = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                find(name.as_str())
            });
            Ok(Box::new(found.await??.into_iter()) as Addrs)
        })
    }
}

/// A name had no turn to be looked up.
#[derive(Debug)]
struct Crowded {
    patience: Duration,
}

impl fmt::Display for Crowded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the name was not looked up within {:?}, as too many others are being looked up",
            self.patience
        )
    }
}

impl std::error::Error for Crowded {}

/// Another resolver, of whose answers one with any address that is not public is refused as [`Forbidden`].
pub(crate) struct PublicOnly<R>(pub R);

impl<R: Resolve> Resolve for PublicOnly<R> {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.0.resolve(name);
        Box::pin(async move {
            let found: Vec<_> = found.await?.collect();
            match found.iter().find_map(|found| not_public(found.ip())) {
                Some(sentence) => Err(Forbidden(sentence).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

/// A name leads to where nobody may be told. Says so in a sentence.
#[derive(Debug)]
pub(crate) struct Forbidden(pub String);

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Forbidden {}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Finds the same addresses for every name.
    pub(crate) struct Fixed(pub Vec<SocketAddr>);

    impl Resolve for Fixed {
        fn resolve(&self, _name: Name) -> Resolving {
            let found = self.0.clone();
            Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
        }
    }

    async fn resolved(addresses: &[&str]) -> Result<Vec<SocketAddr>, String> {
        let found = addresses
            .iter()
            .map(|a| SocketAddr::new(a.parse().unwrap(), 0));
        let resolver = PublicOnly(Fixed(found.collect()));
        let found = resolver.resolve("hook.example".parse().unwrap()).await;
        found.map(Iterator::collect).map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn one_address_that_is_not_public_forbids_them_all() {
        for addresses in [
            vec!["127.0.0.1"],
            vec!["8.8.8.8", "10.0.0.5"],
            vec!["169.254.169.254", "8.8.8.8"],
            vec!["8.8.8.8", "::1"],
            vec!["::ffff:8.8.8.8"],
        ] {
            assert!(resolved(&addresses).await.is_err(), "{addresses:?}");
        }
        assert_eq!(
            resolved(&["8.8.8.8", "10.0.0.5"]).await.unwrap_err(),
            "10.0.0.5 is no public address (private), expected one; `allow_private`, or `--private-webhooks` for those of the API, permits it"
        );
    }

    #[tokio::test]
    async fn public_addresses_are_handed_out_as_they_were_found() {
        let found = resolved(&["8.8.8.8", "2606:4700::1111"]).await.unwrap();

        let expected = ["8.8.8.8:0", "[2606:4700::1111]:0"].map(|a| a.parse().unwrap());
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn a_look_up_keeps_its_turn_until_it_has_ended_whoever_waits_for_it() {
        let (end, ends) = channel::<()>();
        let (begun, begins) = channel();
        let ends = Arc::new(Mutex::new(ends));
        let lookups = Lookups {
            find: move |_: &str| {
                let _ = begun.send(());
                let ends: &Receiver<()> = &ends.lock().unwrap();
                let _ = ends.recv();
                Ok(vec![SocketAddr::from(([8, 8, 8, 8], 0))])
            },
            turns: Arc::new(Semaphore::new(2)),
            patience: Duration::from_millis(500),
        };
        let look_up = || lookups.resolve("hook.example".parse().unwrap());
        let soon = Duration::from_millis(50);
        for _ in 0..2 {
            assert!(tokio::time::timeout(soon, look_up()).await.is_err());
            begins.recv().unwrap();
        }

        let crowded = tokio::time::timeout(Duration::from_secs(5), look_up()).await;
        let crowded = crowded.expect("it gives up by itself").err().unwrap();

        assert_eq!(
            crowded.to_string(),
            "the name was not looked up within 500ms, as too many others are being looked up"
        );
        assert!(begins.try_recv().is_err(), "no more than two have begun");
        drop(end);
        assert_eq!(look_up().await.unwrap().count(), 1);
    }
}

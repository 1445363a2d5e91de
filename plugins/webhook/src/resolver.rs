//! Asks for the addresses of a name each time a connection is made, and hands out only public ones: the connection goes to
//! exactly the addresses that were looked at, whatever the name leads to a moment later.

use std::fmt;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::not_public;

/// The operating system's way of finding addresses.
pub(crate) struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<_> = found.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

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
    use std::net::SocketAddr;

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
}

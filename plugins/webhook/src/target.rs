//! Which URLs may be told: such as lead to the public internet, as far as can be seen without asking for their addresses.

use std::net::IpAddr;

use reqwest::Url;

use crate::address::not_public;

/// Names that every machine or network gives to itself.
const OWN_NAMES: [&str; 3] = ["localhost", "internal", "local"];

/// Where requests go.
pub(crate) struct Target {
    pub url: Url,
    /// Its scheme, host and port: all of it that may be shown.
    pub shown: String,
}

impl Target {
    /// Reads a URL; the error is a sentence that shows at most its scheme, host and port. A host that is an address, in
    /// whatever way of writing it, must be public unless `allow_private`, and a name must not be one of a machine's own.
    pub(crate) fn parse(text: &str, allow_private: bool) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| format!("url is no URL: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("url begins with another scheme, expected https:// or http://".into());
        }
        let host = url.host_str().ok_or("url names no host")?;
        if url.port() == Some(0) {
            return Err("url has port 0, expected one from 1 to 65535".into());
        }
        if !allow_private {
            check(host)?;
        }
        let shown = url[..].split_once("://").map_or("", |(scheme, _)| scheme);
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let shown = format!("{shown}://{host}{port}");
        Ok(Self { url, shown })
    }
}

fn check(host: &str) -> Result<(), String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return not_public(address).map_or(Ok(()), Err);
    }
    let name = host.trim_end_matches('.');
    let last = name.rsplit('.').next().unwrap_or(name);
    if OWN_NAMES.contains(&last) {
        return Err(format!(
            "{host} is a name of the machine's own or of its network, expected a public one; `allow_private`, or `--private-webhooks` for those of the API, permits it"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Target::parse(text, false).err().unwrap_or_default()
    }

    #[test]
    fn only_scheme_host_and_port_are_shown() {
        for (text, shown) in [
            (
                "https://me:hush@example.com/hush?hush#hush",
                "https://example.com",
            ),
            ("HTTP://EXAMPLE.com:80", "http://example.com"),
            ("http://example.com:8080", "http://example.com:8080"),
            (
                "https://[2606:4700::1111]:1/",
                "https://[2606:4700::1111]:1",
            ),
        ] {
            assert_eq!(Target::parse(text, false).unwrap().shown, shown);
        }
        for wrong in [
            "ftp://me:hush@example.com/hush",
            "me:hush@example.com",
            "//me:hush@example.com",
            "http://me:hush@",
            "https://me:hush@127.0.0.1/hush?hush",
            "https://me:hush@localhost/hush?hush",
            "https://me:hush@example.com:0/hush",
            "https://me:hush@example.com:99999/hush",
        ] {
            assert!(!error(wrong).contains("hush"), "{}", error(wrong));
            assert!(!error(wrong).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn what_is_refused_is_refused_with_a_sentence() {
        assert_eq!(
            error("http://127.1/"),
            "127.0.0.1 is no public address (loopback), expected one; `allow_private`, or `--private-webhooks` for those of the API, permits it"
        );
        assert_eq!(
            error("http://[::ffff:7f00:1]/"),
            "::ffff:127.0.0.1 is no public address (IPv4-mapped), expected one; `allow_private`, or `--private-webhooks` for those of the API, permits it"
        );
        assert_eq!(
            error("http://db.Internal./"),
            "db.internal. is a name of the machine's own or of its network, expected a public one; `allow_private`, or `--private-webhooks` for those of the API, permits it"
        );
        assert_eq!(
            error("http://example.com:0"),
            "url has port 0, expected one from 1 to 65535"
        );
    }

    #[test]
    fn names_that_only_look_like_those_of_a_machine_may_be_told() {
        for text in [
            "https://localhost.example.com/",
            "https://internal.example.com/",
            "https://notlocalhost.com/",
            "https://mylocal/",
        ] {
            assert_eq!(error(text), "", "{text}");
        }
    }
}

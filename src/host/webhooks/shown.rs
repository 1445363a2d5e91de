//! What of a webhook may be shown.

/// A secret as it may be shown.
pub(crate) fn masked(secret: &str) -> String {
    let end: String = secret.chars().rev().take(4).collect();
    format!("whsec_***{}", end.chars().rev().collect::<String>())
}

/// A URL as it may be shown: without its user and password.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://***{}", &rest[at..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        for (url, shown) in [
            ("https://me:hush@example.com/a", "https://***@example.com/a"),
            ("https://a@b:hush@example.com", "https://***@example.com"),
            ("https://example.com/@me", "https://example.com/@me"),
            ("https://example.com?a=b@c", "https://example.com?a=b@c"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}

//! A mail server, by its URL: who it is, how it is spoken to in secret, and how a mail is handed to it.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{self, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use percent_encoding::percent_decode_str;
use stock_scheduler_sdk::{DeliveryError, DeliveryErrorKind};
use url::Url;

/// How long a mail may take to be handed over.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long one of the server's addresses may take to be connected to.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long saying goodbye may take: the mail is handed over already.
const PARTING: Duration = Duration::from_secs(1);
/// Characters of the server's answer that are shown at most.
const LONGEST_REPLY: usize = 300;

/// Takes mails.
pub(crate) struct Server {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    hello: ClientId,
}

impl Server {
    /// Reads `smtp://…` or `smtps://…`. The error is a sentence that repeats nothing of user and password.
    ///
    /// By `smtp` the server must take up encryption (STARTTLS), except on this machine, where there is none; `?tls=none`,
    /// `?tls=opportunistic` and `?tls=required` say otherwise. `hello` is what we call ourselves.
    pub(crate) fn parse(text: &str, hello: ClientId) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| format!("smtp is no URL: {e}"))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or("smtp names no host")?;
        // A literal address of version 6 has brackets in a URL alone.
        let host = host.trim_matches(['[', ']']).to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("smtp goes on after its host and port, expected only ?tls=…".into());
        }
        let (tls, usual_port) = tls(&url, &host)?;
        Ok(Self {
            port: url.port().unwrap_or(usual_port),
            credentials: credentials(&url)?,
            host,
            tls,
            hello,
        })
    }

    /// Hands `message` over to all it is for, or to none.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        let sending = self.try_to_send(message);
        tokio::time::timeout(PATIENCE, sending)
            .await
            .unwrap_or_else(|_| {
                let message = format!("no answer from {} within {PATIENCE:?}", self.shown());
                Err(DeliveryError::new(DeliveryErrorKind::Unavailable, message))
            })
    }

    async fn try_to_send(&self, message: &Message) -> Result<(), DeliveryError> {
        let connection = self.connect().await;
        let mut connection = connection.map_err(|e| self.unreached("cannot talk to", e))?;
        if let Some(credentials) = &self.credentials {
            let login = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            login.map_err(|e| self.unreached("cannot log in to", e))?;
        }
        let text = message.formatted();
        let sent = connection.send(message.envelope(), &text).await;
        sent.map_err(|e| self.not_taken(e))?;
        let _ = tokio::time::timeout(PARTING, connection.abort()).await;
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let server = (self.host.as_str(), self.port);
        let tls_from_the_start = match &self.tls {
            Tls::Wrapper(tls) => Some(tls.clone()),
            _ => None,
        };
        let timeout = Some(CONNECTING);
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            server,
            timeout,
            &self.hello,
            tls_from_the_start,
            None,
        )
        .await?;
        match &self.tls {
            Tls::Required(tls) => connection.starttls(tls.clone(), &self.hello).await?,
            Tls::Opportunistic(tls) if connection.can_starttls() => {
                connection.starttls(tls.clone(), &self.hello).await?;
            }
            _ => {}
        }
        Ok(connection)
    }

    /// What came before the mail: it may go better later, when a server is up or a password right again.
    ///
    /// The server's words are left out, for they may repeat what was said to log in.
    fn unreached(&self, tried: &str, error: smtp::Error) -> DeliveryError {
        let status = error.status().map(u16::from);
        let cause = match status {
            Some(status) => format!("it answered {status}"),
            None => root(&error),
        };
        let message = format!("{tried} {}: {cause}", self.shown());
        with_status(DeliveryErrorKind::Unavailable, message, status)
    }

    /// What came of the mail itself.
    fn not_taken(&self, error: smtp::Error) -> DeliveryError {
        let kind = if error.is_permanent() {
            DeliveryErrorKind::Refused
        } else {
            DeliveryErrorKind::Unavailable
        };
        let status = error.status().map(u16::from);
        let answered = status.map_or(String::new(), |status| format!("it answered {status} "));
        let cause: String = root(&error).chars().take(LONGEST_REPLY).collect();
        let message = format!("{} did not take the mail: {answered}{cause}", self.shown());
        with_status(kind, message, status)
    }

    fn shown(&self) -> String {
        format!("mail server {}:{}", self.host, self.port)
    }
}

fn with_status(kind: DeliveryErrorKind, message: String, status: Option<u16>) -> DeliveryError {
    let error = DeliveryError::new(kind, message);
    match status {
        Some(status) => error.with_status(status),
        None => error,
    }
}

/// The innermost cause, in one line.
fn root(error: &smtp::Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    let root = causes.last().map_or(error.to_string(), ToString::to_string);
    root.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How a server is spoken to, and at which port it usually is.
fn tls(url: &Url, host: &str) -> Result<(Tls, u16), String> {
    let mut queries = url.query_pairs();
    let word = match (queries.next(), queries.next()) {
        (None, _) => None,
        (Some((name, word)), None) if name == "tls" => Some(word),
        _ => return Err("smtp has an unknown query, expected only ?tls=…".into()),
    };
    let tls = || {
        let tls = TlsParameters::new(host.to_owned());
        tls.map_err(|e| format!("cannot set up TLS, are there CA certificates? {e}"))
    };
    Ok(match (url.scheme(), word.as_deref()) {
        ("smtps", None) => (Tls::Wrapper(tls()?), SUBMISSIONS_PORT),
        ("smtp", Some("none")) => (Tls::None, SMTP_PORT),
        ("smtp", Some("opportunistic")) => (Tls::Opportunistic(tls()?), SUBMISSION_PORT),
        ("smtp", Some("required")) => (Tls::Required(tls()?), SUBMISSION_PORT),
        ("smtp", None) if is_this_machine(host) => (Tls::None, SMTP_PORT),
        ("smtp", None) => (Tls::Required(tls()?), SUBMISSION_PORT),
        ("smtp", Some(_)) => {
            return Err("smtp has another ?tls= than none, opportunistic or required".into());
        }
        ("smtps", Some(_)) => {
            return Err("smtp is smtps:// with ?tls=, which is for smtp:// alone".into());
        }
        _ => return Err("smtp begins with another scheme, expected smtp:// or smtps://".into()),
    })
}

fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn credentials(url: &Url) -> Result<Option<Credentials>, String> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(String::from)
            .map_err(|_| "smtp has a user or password that is not UTF-8".to_owned())
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) => Err("smtp has a password without a user".into()),
        (_, None) => Err("smtp has a user without a password".into()),
        (user, Some(password)) => Ok(Some(Credentials::new(decoded(user)?, decoded(password)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Server, String> {
        Server::parse(text, ClientId::default())
    }

    #[test]
    fn a_url_says_how_a_server_is_spoken_to() {
        let secure = |tls: &Tls| match tls {
            Tls::None => "none",
            Tls::Opportunistic(_) => "opportunistic",
            Tls::Required(_) => "required",
            Tls::Wrapper(_) => "wrapper",
        };
        for (text, tls, host, port) in [
            ("smtp://example.com", "required", "example.com", 587),
            ("smtp://example.com:25/", "required", "example.com", 25),
            ("smtps://example.com", "wrapper", "example.com", 465),
            ("smtp://example.com?tls=none", "none", "example.com", 25),
            (
                "smtp://example.com?tls=opportunistic",
                "opportunistic",
                "example.com",
                587,
            ),
            ("smtp://localhost", "none", "localhost", 25),
            ("smtp://127.0.0.2:1025", "none", "127.0.0.2", 1025),
            ("smtp://[::1]:1025", "none", "::1", 1025),
            (
                "smtp://localhost?tls=required",
                "required",
                "localhost",
                587,
            ),
            (
                "smtp://127.0.0.1.example.com",
                "required",
                "127.0.0.1.example.com",
                587,
            ),
            ("smtp://10.0.0.1", "required", "10.0.0.1", 587),
            ("SMTP://u:p@localhost.", "required", "localhost.", 587),
        ] {
            let server = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));

            assert_eq!(
                (secure(&server.tls), server.host.as_str(), server.port),
                (tls, host, port)
            );
        }
    }

    #[test]
    fn user_and_password_may_have_any_character() {
        let server = parse("smtp://me%40example.com:p%3A%2F%40%25s@example.com").unwrap();

        let expected = Credentials::new("me@example.com".into(), "p:/@%s".into());
        assert!(server.credentials == Some(expected));
    }

    #[test]
    fn a_wrong_url_is_refused_without_its_password() {
        for (text, message) in [
            ("hush", "smtp is no URL: relative URL without a base"),
            (
                "http://me:hush@example.com",
                "smtp begins with another scheme, expected smtp:// or smtps://",
            ),
            ("smtp:me:hush@example.com", "smtp names no host"),
            ("smtp://me:hush@", "smtp is no URL: empty host"),
            (
                "smtp://hush@example.com",
                "smtp has a user without a password",
            ),
            (
                "smtp://:hush@example.com",
                "smtp has a password without a user",
            ),
            (
                "smtp://me:hush%ff@example.com",
                "smtp has a user or password that is not UTF-8",
            ),
            (
                "smtp://me:hush@example.com/hush",
                "smtp goes on after its host and port, expected only ?tls=…",
            ),
            (
                "smtp://example.com?tls=hush",
                "smtp has another ?tls= than none, opportunistic or required",
            ),
            (
                "smtp://example.com?ssl=hush",
                "smtp has an unknown query, expected only ?tls=…",
            ),
            (
                "smtps://example.com?tls=none",
                "smtp is smtps:// with ?tls=, which is for smtp:// alone",
            ),
        ] {
            assert_eq!(parse(text).err().as_deref(), Some(message), "{text}");
        }
    }
}

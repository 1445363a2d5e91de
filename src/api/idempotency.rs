//! `Idempotency-Key`: a request that is repeated under the same key within a day has the effect of once and gets the
//! first answer.
//!
//! The key's document holds what the request will create before it is created, so a repeat after a crash in between goes
//! on with the same id.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use poem::http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use stock_scheduler_sdk::{JobId, StoreError, StoreErrorKind};

use super::problem::Refused;
use super::reply::Reply;
use crate::host::{Host, HostError};

const NAMESPACE: &str = "idempotency";
const LONGEST: usize = 255;
const KEPT: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Memory {
    body: u64,
    id: String,
    at: DateTime<Utc>,
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Answer {
    status: u16,
    body: String,
    headers: Vec<(String, String)>,
}

/// Whether a request is made for the first time.
pub(super) enum Once {
    /// It is to be carried out.
    First(First),
    /// It was, with this answer.
    Again(Answer),
}

/// A request to be carried out.
pub(super) struct First {
    /// The id of what it creates.
    pub(super) id: String,
    /// The time of creation.
    pub(super) at: DateTime<Utc>,
    kept: Option<(String, u64, Memory)>,
}

impl Once {
    /// Looks the key up, and remembers it if it is new.
    ///
    /// `scope` keeps the keys of different operations apart.
    pub(super) async fn begin(
        host: &Host,
        scope: &str,
        key: Option<String>,
        body: &[u8],
    ) -> Result<Self, Refused> {
        let (id, at) = (JobId::random().to_string(), host.now());
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return Ok(Self::First(First { id, at, kept: None }));
        };
        let length = key.len();
        if length > LONGEST {
            return Err(Refused::malformed(format!(
                "Idempotency-Key must have at most {LONGEST} characters, not {length}"
            )));
        }
        let name = format!("{scope}:{key}");
        let memory = Memory {
            body: fingerprint(body),
            id,
            at,
            answer: None,
        };
        match Self::remember(host, &name, 0, &memory).await {
            Ok(revision) => {
                return Ok(Self::First(First {
                    id: memory.id.clone(),
                    at,
                    kept: Some((name, revision, memory)),
                }));
            }
            Err(error) if error.kind() != StoreErrorKind::Conflict => {
                return Err(HostError::from(error).into());
            }
            Err(_) => {}
        }
        let known = host
            .in_time(host.store().record_get(NAMESPACE, &name))
            .await
            .map_err(HostError::from)?;
        let known = known.and_then(|record| {
            Some((
                record.revision,
                serde_json::from_value::<Memory>(record.value).ok()?,
            ))
        });
        let Some((revision, known)) = known else {
            return Err(HostError::Conflict(
                "this Idempotency-Key is being forgotten; try again".into(),
            )
            .into());
        };
        if known.body != memory.body {
            let detail =
                "this Idempotency-Key was used with another body; use a new key for a new request";
            return Err(Refused::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                detail,
            ));
        }
        Ok(match known.answer {
            Some(answer) => Self::Again(answer),
            None => Self::First(First {
                id: known.id.clone(),
                at: known.at,
                kept: Some((name, revision, known)),
            }),
        })
    }

    async fn remember(
        host: &Host,
        name: &str,
        revision: u64,
        memory: &Memory,
    ) -> Result<u64, StoreError> {
        let value = serde_json::to_value(memory).unwrap_or_default();
        host.in_time(
            host.store()
                .record_put(NAMESPACE, name, revision, Some(value), Some(KEPT)),
        )
        .await
    }

    /// The first answer once more.
    pub(super) fn replay<T, const STATUS: u16>(self) -> Reply<T, STATUS> {
        let Self::Again(answer) = self else {
            return Reply::bytes(Bytes::new());
        };
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
        let mut reply = Reply::bytes(answer.body).status(status);
        for (name, value) in answer.headers {
            if let Ok(name) = HeaderName::try_from(name) {
                reply = reply.header(name, &value);
            }
        }
        reply.header(HeaderName::from_static("idempotency-replayed"), "true")
    }
}

impl First {
    /// Keeps the answer for repeats. If that fails, a repeat is carried out again, with the same id.
    pub(super) async fn done(
        &self,
        host: &Host,
        status: u16,
        body: &[u8],
        headers: &[(&str, String)],
    ) {
        let Some((name, revision, memory)) = &self.kept else {
            return;
        };
        let body = String::from_utf8_lossy(body).into_owned();
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let memory = Memory {
            answer: Some(Answer {
                status,
                body,
                headers,
            }),
            ..memory.clone()
        };
        if let Err(error) = Once::remember(host, name, *revision, &memory).await {
            tracing::warn!(%error, "an answer was not kept for its Idempotency-Key");
        }
    }

    /// Frees the key of a request that was refused: it may be mended and repeated. Where the store gave no answer it may
    /// have been carried out; then the key is kept, and a repeat goes on with the same id.
    pub(super) async fn failed(&self, host: &Host, error: &HostError) {
        let Some((name, revision, _)) = &self.kept else {
            return;
        };
        if matches!(error, HostError::Unavailable(_) | HostError::Unready(_)) {
            return;
        }
        // An entry that cannot be dropped now ends by itself.
        let _ = host
            .in_time(
                host.store()
                    .record_put(NAMESPACE, name, *revision, None, None),
            )
            .await;
    }
}

/// Tells one body from another (FNV-1a): the same for every build of the service, as it is stored.
fn fingerprint(body: &[u8]) -> u64 {
    body.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

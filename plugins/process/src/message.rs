//! The lines of the protocol: what the host asks, and how an answer is told from anything else.
//!
//! What an answer holds is the business of whoever asked; here it stays text.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use stock_scheduler_sdk::plain_line;

/// The version of the protocol that is spoken here.
pub(crate) const PROTOCOL: u64 = 1;

/// What is asked of a plugin.
pub(crate) trait Question: Serialize {
    /// The request's `method`.
    const METHOD: &'static str;
}

#[derive(Serialize)]
pub(crate) struct Describe<'a> {
    pub(crate) protocol: u64,
    pub(crate) config: &'a Value,
}

impl Question for Describe<'_> {
    const METHOD: &'static str = "describe";
}

#[derive(Serialize)]
pub(crate) struct Fetch<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) start: NaiveDate,
    pub(crate) end: NaiveDate,
    pub(crate) interval: String,
    pub(crate) options: &'a Value,
}

impl Question for Fetch<'_> {
    const METHOD: &'static str = "fetch";
}

#[derive(Serialize)]
pub(crate) struct CheckSchedule<'a> {
    pub(crate) kind: &'a str,
    pub(crate) spec: &'a Value,
    pub(crate) zone: &'a str,
}

impl Question for CheckSchedule<'_> {
    const METHOD: &'static str = "schedule";
}

#[derive(Serialize)]
pub(crate) struct Fires<'a> {
    pub(crate) kind: &'a str,
    pub(crate) spec: &'a Value,
    pub(crate) zone: &'a str,
    pub(crate) after: String,
    pub(crate) count: usize,
}

impl Question for Fires<'_> {
    const METHOD: &'static str = "fires";
}

#[derive(Serialize)]
pub(crate) struct Deliver<'a> {
    pub(crate) id: &'a str,
    pub(crate) event: &'a str,
    pub(crate) data: Map<String, Value>,
    pub(crate) attempt: u32,
    pub(crate) job: Option<AboutJob<'a>>,
}

impl Question for Deliver<'_> {
    const METHOD: &'static str = "deliver";
}

/// What a listener is told of the job that an event is about.
#[derive(Serialize)]
pub(crate) struct AboutJob<'a> {
    pub(crate) job_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) stock_ids: Vec<&'a str>,
    pub(crate) tags: &'a [String],
}

/// The line that asks `question` as request `id`.
pub(crate) fn request<Q: Question>(id: u64, question: &Q) -> Vec<u8> {
    #[derive(Serialize)]
    struct Request<'a, Q> {
        id: u64,
        method: &'static str,
        params: &'a Q,
    }
    let request = Request {
        id,
        method: Q::METHOD,
        params: question,
    };
    let mut line = serde_json::to_vec(&request).expect("questions have text for keys");
    line.push(b'\n');
    line
}

/// The line that says that nobody waits for request `id` any more.
pub(crate) fn cancel(id: u64) -> Vec<u8> {
    format!("{{\"method\":\"cancel\",\"params\":{{\"id\":{id}}}}}\n").into_bytes()
}

/// What a plugin answered to request `id`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: u64,
    pub(crate) outcome: Outcome,
}

/// What an answer brings, before anybody has looked into it.
#[derive(Debug)]
pub(crate) enum Outcome {
    Result(Box<RawValue>),
    Refused(Refusal),
    /// It is an answer, but a wrong one: why.
    Malformed(String),
}

/// The `error` of an answer. Its texts are short lines.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Refusal {
    #[serde(deserialize_with = "text::<_, 50>")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "text::<_, 1_000>")]
    pub(crate) message: String,
    /// Where in what was given something is wrong, with `invalid`; empty for the whole.
    #[serde(default, deserialize_with = "pointer")]
    pub(crate) pointer: String,
    #[serde(default)]
    pub(crate) retry_at: Option<DateTime<Utc>>,
    /// Seconds.
    #[serde(default)]
    pub(crate) retry_after: Option<f64>,
    #[serde(default)]
    pub(crate) until: Option<DateTime<Utc>>,
}

/// Reads a line of the plugin; the error says why it is no answer.
pub(crate) fn answer(line: &[u8]) -> Result<Answer, String> {
    // Serde takes a list for a struct too.
    if line.trim_ascii_start().first() == Some(&b'[') {
        return Err("expected an object".to_owned());
    }
    match envelope(line) {
        Ok(answer) => Ok(answer),
        // What many libraries write for missing numbers is no JSON. As text it can be told which number it is.
        Err(error) => quote_not_finite(line)
            .and_then(|quoted| envelope(&quoted).ok())
            .ok_or_else(|| short(&error)),
    }
}

fn envelope(line: &[u8]) -> serde_json::Result<Answer> {
    #[derive(Deserialize)]
    struct Envelope {
        id: u64,
        #[serde(default, deserialize_with = "given")]
        result: Option<Box<RawValue>>,
        #[serde(default, deserialize_with = "given")]
        error: Option<Box<RawValue>>,
    }
    let envelope: Envelope = serde_json::from_slice(line)?;
    let outcome = match (envelope.result, envelope.error) {
        (Some(result), None) => Outcome::Result(result),
        (None, Some(error)) => match serde_json::from_str(error.get()) {
            Ok(refusal) => Outcome::Refused(refusal),
            Err(why) => Outcome::Malformed(format!("an error that is none: {}", short(&why))),
        },
        (Some(result), Some(error)) if error.get() == "null" => Outcome::Result(result),
        (Some(_), Some(_)) => Outcome::Malformed("both a result and an error".to_owned()),
        (None, None) => Outcome::Malformed("neither a result nor an error".to_owned()),
    };
    let id = envelope.id;
    Ok(Answer { id, outcome })
}

/// What Serde says, in which may be what the plugin wrote.
fn short(error: &serde_json::Error) -> String {
    plain_line(&error.to_string(), 300)
}

/// At most `MOST` characters of a text, on one line.
fn text<'de, D: Deserializer<'de>, const MOST: usize>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|text| plain_line(&text, MOST))
}

fn pointer<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let pointer = Option::<String>::deserialize(from)?;
    Ok(plain_line(&pointer.unwrap_or_default(), 300))
}

/// Tells a field that is null from one that is left out.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The line with quotes around all `NaN` and `Infinity` that are not inside a text; `None` where there are none.
fn quote_not_finite(line: &[u8]) -> Option<Vec<u8>> {
    let mut quoted = Vec::new();
    let (mut rest, mut in_text) = (line, false);
    while let Some(byte) = rest.first() {
        let word = ["NaN", "Infinity", "-Infinity"]
            .into_iter()
            .find(|word| !in_text && rest.starts_with(word.as_bytes()));
        let taken = match (word, byte) {
            (Some(word), _) => word.len(),
            (None, b'\\') => rest.len().min(2),
            (None, _) => 1,
        };
        in_text ^= *byte == b'"';
        match word {
            Some(word) => quoted.extend_from_slice(format!("\"{word}\"").as_bytes()),
            None => quoted.extend_from_slice(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    (quoted.len() > line.len()).then_some(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_anything_else() {
        for (line, why) in [
            ("Loading model...", "expected value"),
            ("", "EOF while parsing"),
            ("[7, {}]", "expected an object"),
            (r#"{"result": {}}"#, "missing field `id`"),
            (r#"{"id": "7", "result": {}}"#, "invalid type: string \"7\""),
            (r#"{"id": -1, "result": {}}"#, "invalid value"),
            (r#"{"id": 1, "result": {}} trailing"#, "trailing characters"),
            (r#"{"id": 1, "result": NaN, "#, "expected value"),
        ] {
            let error = answer(line.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
        assert!(answer(b"{\"id\": 1, \"result\": \"\xff\"}").is_err());
    }

    #[test]
    fn an_answer_that_is_wrong_is_still_an_answer() {
        for (line, expected) in [
            (r#"{"id": 1}"#, "neither a result nor an error"),
            (
                r#"{"id": 1, "result": 1, "error": {"kind": "x"}}"#,
                "both a result and an error",
            ),
            (
                r#"{"id": 1, "error": "boom"}"#,
                "an error that is none: invalid type",
            ),
        ] {
            match answer(line.as_bytes()).unwrap().outcome {
                Outcome::Malformed(why) => assert!(why.starts_with(expected), "{why}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_words_of_an_error_are_short_lines() {
        let long = format!("a\n{}", "x".repeat(3_000_000));
        let line = |error: Value| serde_json::json!({"id": 1, "error": error}).to_string();

        let refused = line(serde_json::json!({"kind": long, "message": long, "pointer": long}));
        match answer(refused.as_bytes()).unwrap().outcome {
            Outcome::Refused(refusal) => {
                let lengths = [refusal.kind, refusal.message, refusal.pointer].map(|text| {
                    assert!(text.starts_with("a xxx"), "{text}");
                    text.chars().count()
                });
                assert_eq!(lengths, [51, 1_001, 301]);
            }
            other => panic!("{other:?}"),
        }
        match answer(line(Value::String(long.clone())).as_bytes())
            .unwrap()
            .outcome
        {
            Outcome::Malformed(why) => assert_eq!(why.chars().count(), 301 + 23, "{why}"),
            other => panic!("{other:?}"),
        }
        let no_answer = serde_json::json!({"id": long}).to_string();
        let why = answer(no_answer.as_bytes()).unwrap_err();
        assert_eq!(why.chars().count(), 301, "{why}");
    }

    #[test]
    fn numbers_that_are_not_finite_become_text() {
        let line = br#"{"id": 1, "result": [NaN, -Infinity, "NaN \" NaN", Infinity]}"#;

        match answer(line).unwrap().outcome {
            Outcome::Result(result) => {
                assert_eq!(
                    result.get(),
                    r#"["NaN", "-Infinity", "NaN \" NaN", "Infinity"]"#
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

//! The names that somebody may have meant.

use chrono_tz::{TZ_VARIANTS, Tz};
use strsim::osa_distance;

use crate::ConfigError;

/// The one of `known` that is at most a slip in three letters away, and two at most, whatever the case.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No known name is longer, and comparing takes long.
    if name.len() > 64 {
        return None;
    }
    let name = name.to_lowercase();
    let distances = known
        .into_iter()
        .map(|known| (osa_distance(&name, &known.to_lowercase()), known));
    let most = (name.chars().count() / 3).min(2);
    let (_, near) = distances.filter(|(distance, _)| *distance <= most).min()?;
    Some(near)
}

/// Refuses `name`, which is none of the `known` names of this `sort`, and points at it.
pub(crate) fn unknown(sort: &str, name: &str, known: &[&str]) -> ConfigError {
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("expected {}", listed(known)),
    };
    ConfigError::at(
        format!("/{}", escaped(name)),
        format!("unknown {sort} `{name}`, {hint}"),
    )
}

/// A key as a step of a JSON pointer.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// `a`, `b` or `c`; where there are no names, none.
pub(crate) fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".into(),
        [one] => format!("`{one}`"),
        [most @ .., last] => {
            let most: Vec<_> = most.iter().map(|name| format!("`{name}`")).collect();
            format!("{} or `{last}`", most.join(", "))
        }
    }
}

/// At most three names of zones, quoted, nearest first: by the whole name or by that of the city alone.
pub(crate) fn nearest_zones(name: &str) -> Vec<String> {
    // A name is as long as the zones' names at most, so that a long text costs nothing.
    if name.chars().count() > 40 {
        return Vec::new();
    }
    let name = name.to_lowercase().replace(' ', "_");
    let mut near: Vec<_> = TZ_VARIANTS
        .iter()
        .map(|zone| (distance(&name, *zone), zone.name()))
        .filter(|(distance, _)| *distance <= name.len() / 4)
        .collect();
    near.sort_unstable();
    let nearest = near.first().map_or(0, |(distance, _)| *distance);
    let is_near = |(distance, _): &(usize, &str)| *distance <= nearest + 1;
    let names = near.into_iter().filter(is_near).take(3);
    names.map(|(_, zone)| format!("{zone:?}")).collect()
}

fn distance(name: &str, zone: Tz) -> usize {
    let whole = zone.name().to_lowercase();
    let city = whole.rsplit('/').next().unwrap_or(&whole);
    osa_distance(name, &whole).min(osa_distance(name, city))
}

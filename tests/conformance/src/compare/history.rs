//! Histories: the order of the event types, and every event's details.

use super::{Comparison, Difference};
use serde_json::Value;
use std::collections::BTreeSet;

/// What of a history has no order.
#[derive(Debug, Clone, Default)]
pub struct Unordered {
    /// The recorder sorted what lies between `ParallelStateStarted` and its end, took the ids from it, and dropped the
    /// ends of Parallel states within, all but the outermost `ParallelStateExited`.
    pub sorted_parallel: bool,
    /// The Map states whose iterations run at once: what happens in them has no order of its own.
    pub concurrent_maps: BTreeSet<String>,
}

/// What a comparison of histories came to.
#[derive(Debug, Clone)]
pub struct HistoryCheck {
    /// The order of the types.
    pub types: Result<(), Difference>,
    /// Ids, links and details as well.
    pub details: Result<(), Difference>,
}

/// A part of a history: an event in its place, or several without order.
#[derive(Debug)]
enum Part<'e> {
    One(&'e Value),
    Several(Vec<&'e Value>),
}

fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap_or_default()
}

impl Comparison {
    /// Compares two histories, first as they stand. Where something of them has no order, what lies within is then
    /// compared as a set, without ids.
    pub fn history(&mut self, wanted: &[Value], got: &[Value], unordered: &Unordered) -> HistoryCheck {
        let as_they_stand = self.parts(
            &wanted.iter().map(Part::One).collect::<Vec<_>>(),
            &got.iter().map(Part::One).collect::<Vec<_>>(),
        );
        let (ours, theirs) = if unordered.sorted_parallel {
            let ours = without_dropped(wanted, got);
            let sorted = |event: &Value| event["id"].is_array();
            let first = wanted.iter().position(sorted).unwrap_or(wanted.len());
            let after = wanted.iter().rposition(sorted).map_or(wanted.len(), |last| last + 1);
            let tail = (wanted.len() - after).min(ours.len().saturating_sub(first));
            (
                around(&ours, first.min(ours.len()), ours.len() - tail),
                around(&wanted.iter().collect::<Vec<_>>(), first, after),
            )
        } else if unordered.concurrent_maps.is_empty() || as_they_stand.details.is_ok() {
            return as_they_stand;
        } else {
            (gathered(got, unordered), gathered(wanted, unordered))
        };
        let gathered = self.parts(&theirs, &ours);
        HistoryCheck {
            types: as_they_stand.types.or(gathered.types),
            details: as_they_stand.details.or(gathered.details),
        }
    }

    fn parts(&mut self, wanted: &[Part<'_>], got: &[Part<'_>]) -> HistoryCheck {
        let types = types(wanted, got);
        let details = types.clone().and_then(|()| {
            let mut trial = self.clone();
            let mut links_are_known = true;
            for (wanted, got) in wanted.iter().zip(got) {
                match (wanted, got) {
                    (Part::One(wanted), Part::One(got)) => {
                        trial.event(wanted, got, links_are_known)?;
                        links_are_known = true;
                    }
                    (Part::Several(wanted), Part::Several(got)) => {
                        trial.events(wanted, got)?;
                        // What follows points at whichever event happened to be the last.
                        links_are_known = false;
                    }
                    _ => return Err(Difference::new("an event", "events without order")),
                }
            }
            *self = trial;
            Ok(())
        });
        HistoryCheck { types, details }
    }

    fn event(&mut self, wanted: &Value, got: &Value, with_link: bool) -> Result<(), Difference> {
        let place = format!("#{} {} ", got["id"], kind(got));
        let with_link = with_link && !(self.links_of_map_runs_drift && kind(got) == "MapStateExited");
        let links: &[&str] = if with_link { &["id", "previousEventId"] } else { &["id"] };
        for link in links {
            if wanted[*link] != got[*link] {
                let difference = Difference::new(wanted[*link].to_string(), got[*link].to_string());
                return Err(difference.within(&format!("{place}/{link}")));
            }
        }
        self.details(wanted, got).map_err(|difference| difference.within(&place))
    }

    fn details(&mut self, wanted: &Value, got: &Value) -> Result<(), Difference> {
        let only_details = |event: &Value| -> Value {
            let members = event.as_object().into_iter().flatten();
            let details = members.filter(|(name, _)| name.ends_with("Details"));
            Value::Object(details.map(|(name, value)| (name.clone(), value.clone())).collect())
        };
        self.value(&only_details(wanted), &only_details(got))
    }

    fn events(&mut self, wanted: &[&Value], got: &[&Value]) -> Result<(), Difference> {
        let mut left: Vec<&Value> = got.to_vec();
        for wanted in wanted {
            let same =
                left.iter().position(|got| kind(got) == kind(wanted) && self.details(wanted, got).is_ok());
            match same {
                Some(index) => {
                    left.remove(index);
                }
                None => {
                    let nearest = left.iter().find(|got| kind(got) == kind(wanted));
                    return Err(match nearest {
                        Some(got) => self.event_difference(wanted, got),
                        None => Difference::new(kind(wanted), "no such event among those without order"),
                    });
                }
            }
        }
        Ok(())
    }

    fn event_difference(&mut self, wanted: &Value, got: &Value) -> Difference {
        let place = format!("{} (any order) ", kind(wanted));
        match self.details(wanted, got) {
            Err(difference) => difference.within(&place),
            Ok(()) => Difference::new(wanted.to_string(), got.to_string()).within(&place),
        }
    }
}

/// Our events but for those ends of Parallel states, the earliest first, of which the recording has fewer.
fn without_dropped<'e>(wanted: &[Value], got: &'e [Value]) -> Vec<&'e Value> {
    const DROPPED: [&str; 3] = ["ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateExited"];
    let count = |events: &[Value], name: &str| events.iter().filter(|event| kind(event) == name).count();
    let mut surplus = DROPPED.map(|name| (name, count(got, name).saturating_sub(count(wanted, name))));
    let mut dropped = |event: &Value| {
        let of_kind = surplus.iter_mut().find(|(name, left)| *name == kind(event) && *left > 0);
        of_kind.map(|(_, left)| *left -= 1).is_some()
    };
    got.iter().filter(|event| !dropped(event)).collect()
}

fn types(wanted: &[Part<'_>], got: &[Part<'_>]) -> Result<(), Difference> {
    let names = |parts: &[Part<'_>]| -> Vec<String> {
        let mut names = Vec::new();
        for part in parts {
            match part {
                Part::One(event) => names.push(kind(event).to_owned()),
                Part::Several(events) => {
                    let mut sorted: Vec<String> = events.iter().map(|e| kind(e).to_owned()).collect();
                    sorted.sort_unstable();
                    names.extend(sorted);
                }
            }
        }
        names
    };
    let (wanted, got) = (names(wanted), names(got));
    let first = (0..wanted.len().max(got.len())).find(|&index| wanted.get(index) != got.get(index));
    let Some(index) = first else { return Ok(()) };
    let told = |types: &[String]| {
        let from = index.saturating_sub(2);
        let shown: Vec<&str> = types.iter().skip(from).take(6).map(String::as_str).collect();
        format!("{} events, there: {}", types.len(), shown.join(", "))
    };
    Err(Difference::new(told(&wanted), told(&got)).within(&format!("event types at #{}", index + 1)))
}

fn around<'e>(events: &[&'e Value], first: usize, after: usize) -> Vec<Part<'e>> {
    let after = after.max(first);
    let mut parts: Vec<Part<'e>> = events[..first].iter().map(|event| Part::One(event)).collect();
    parts.push(Part::Several(events[first..after].to_vec()));
    parts.extend(events[after..].iter().map(|event| Part::One(event)));
    parts
}

/// Gathers what lies between a concurrent Map state's start and its end.
fn gathered<'e>(events: &'e [Value], unordered: &Unordered) -> Vec<Part<'e>> {
    let mut parts = Vec::new();
    let mut entered = Vec::new();
    let mut index = 0;
    while let Some(event) = events.get(index) {
        index += 1;
        parts.push(Part::One(event));
        match kind(event) {
            "MapStateEntered" => entered.push(event["stateEnteredEventDetails"]["name"].as_str()),
            "MapStateStarted" => {
                let name = entered.last().copied().flatten().unwrap_or_default();
                if unordered.concurrent_maps.contains(name) {
                    let length = inside(&events[index..]);
                    parts.push(Part::Several(events[index..index + length].iter().collect()));
                    index += length;
                }
            }
            "MapStateExited" => {
                entered.pop();
            }
            _ => {}
        }
    }
    parts
}

/// How many events lie before the end of the Map state that has just started.
fn inside(events: &[Value]) -> usize {
    let mut depth = 0_usize;
    for (index, event) in events.iter().enumerate() {
        match kind(event) {
            "MapStateStarted" => depth += 1,
            "MapStateSucceeded" | "MapStateFailed" | "MapStateAborted" => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return index,
            },
            "ExecutionFailed" | "ExecutionSucceeded" | "ExecutionAborted" | "ExecutionTimedOut" => {
                return index;
            }
            _ => {}
        }
    }
    events.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(id: u64, previous: u64, kind: &str, name: &str) -> Value {
        json!({"id": id, "previousEventId": previous, "type": kind, "timestamp": "timestamp",
               "stateEnteredEventDetails": {"name": name}})
    }

    fn check(wanted: &[Value], got: &[Value], unordered: &Unordered) -> HistoryCheck {
        Comparison::default().history(wanted, got, unordered)
    }

    #[test]
    fn types_links_and_details_are_compared_in_order() {
        let history = [event(1, 0, "A", "a"), event(2, 1, "B", "b")];
        let same = check(&history, &history, &Unordered::default());
        assert!(same.types.is_ok() && same.details.is_ok());
        let other_link = [event(1, 0, "A", "a"), event(2, 0, "B", "b")];
        let linked = check(&history, &other_link, &Unordered::default());
        assert!(linked.types.is_ok() && linked.details.is_err());
        let other_name = [event(1, 0, "A", "a"), event(2, 1, "B", "x")];
        let named = check(&history, &other_name, &Unordered::default());
        assert_eq!(named.details.unwrap_err().at, "#2 B /stateEnteredEventDetails/name");
        let other_type = [event(1, 0, "A", "a"), event(2, 1, "C", "b")];
        assert!(check(&history, &other_type, &Unordered::default()).types.is_err());
        assert!(check(&history, &history[..1], &Unordered::default()).types.is_err());
    }

    #[test]
    fn sorted_parallel_states_are_compared_as_sets() {
        let mut inner = [event(0, 0, "PassStateEntered", "x"), event(0, 0, "PassStateEntered", "y")];
        inner.iter_mut().for_each(|event| event["id"] = json!([0]));
        let [x, y] = inner;
        let started = event(2, 1, "ParallelStateStarted", "");
        let wanted = [event(1, 0, "S", ""), started.clone(), x, y, event(6, 5, "ParallelStateExited", "p")];
        let got = [
            event(1, 0, "S", ""),
            started,
            event(3, 2, "PassStateEntered", "y"),
            event(4, 2, "PassStateEntered", "x"),
            event(5, 4, "ParallelStateSucceeded", ""),
            event(6, 5, "ParallelStateExited", "p"),
        ];
        let unordered = Unordered { sorted_parallel: true, ..Unordered::default() };
        let both = check(&wanted, &got, &unordered);
        assert!(both.types.is_ok(), "{both:?}");
        // The link after the sorted part is not known.
        assert!(both.details.is_ok(), "{both:?}");
        let mut wrong = got.clone();
        wrong[2]["stateEnteredEventDetails"]["name"] = json!("z");
        assert!(check(&wanted, &wrong, &unordered).details.is_err());
        assert!(check(&wanted, &got[..5], &unordered).types.is_err());
    }

    #[test]
    fn concurrent_maps_are_compared_as_sets_and_others_are_not() {
        let map = |a: &str, b: &str| {
            vec![
                event(1, 0, "MapStateEntered", "M"),
                event(2, 1, "MapStateStarted", ""),
                event(3, 2, "PassStateEntered", a),
                event(4, 2, "PassStateEntered", b),
                event(5, 4, "MapStateSucceeded", ""),
            ]
        };
        let unordered =
            Unordered { concurrent_maps: BTreeSet::from(["M".to_owned()]), ..Unordered::default() };
        assert!(check(&map("a", "b"), &map("b", "a"), &unordered).details.is_ok());
        assert!(check(&map("a", "b"), &map("b", "b"), &unordered).details.is_err());
        assert!(check(&map("a", "b"), &map("b", "a"), &Unordered::default()).details.is_err());
    }
}

//! What a journal row holds: lines of JSON, each one record.
//!
//! An entry usually holds one transition. What happens to an execution while its previous entry is on its way to the
//! disk is gathered into the next one, so an entry may hold several; a checkpoint, if there is one, is the last line.
//! The first line names the format, so that an older engine refuses what it cannot read.

use crate::journal::Row;
use crate::parent::Parent;
use crate::tokens::IssuedToken;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use tenantry_asl::{Change, Event, ExecutionState, HistoryEvent, TaskId};

const FORMAT: &[u8] = b"1";

/// The time and the chance that a step saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Moment {
    pub(crate) now_ms: i64,
    pub(crate) seed: u64,
}

/// One transition, as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransitionRecord<'a> {
    pub(crate) event: &'a Event,
    pub(crate) env: Moment,
    #[serde(skip_serializing_if = "no_items")]
    pub(crate) history: &'a [HistoryEvent],
    pub(crate) change: &'a Change,
    #[serde(skip_serializing_if = "no_items")]
    pub(crate) tokens: &'a [IssuedToken],
    /// The task whose token was answered with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answered: Option<TaskId>,
    /// With the first transition of a child: who started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<&'a Parent>,
}

fn no_items<T>(items: &&[T]) -> bool {
    items.is_empty()
}

/// Deaths of the engine. A start counts one for every task that it finds in flight; an orderly end takes it back in
/// advance.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeathRecord<'a> {
    #[serde(skip_serializing_if = "no_items")]
    pub(crate) redispatched: &'a [TaskId],
    #[serde(skip_serializing_if = "no_items")]
    pub(crate) released: &'a [TaskId],
}

/// The whole state.
#[derive(Serialize)]
pub(crate) struct CheckpointRecord<'a> {
    pub(crate) checkpoint: Checkpoint<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checkpoint<'a> {
    pub(crate) state: &'a ExecutionState,
    pub(crate) tokens: &'a [IssuedToken],
    pub(crate) deaths: &'a BTreeMap<TaskId, i32>,
    pub(crate) last_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<&'a Parent>,
}

/// Adds a record to an entry's payload. On an error the payload is as it was.
pub(crate) fn push(payload: &mut Vec<u8>, record: &impl Serialize) -> Result<(), serde_json::Error> {
    let before = payload.len();
    if payload.is_empty() {
        payload.extend_from_slice(FORMAT);
    }
    payload.push(b'\n');
    serde_json::to_writer(&mut *payload, record).inspect_err(|_| payload.truncate(before))
}

/// Why rows cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("a row has the format {0:?}, which this version does not know: it was written by a newer one")]
    Format(String),
    #[error("a row is not what was written: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("there are no rows")]
    Missing,
}

/// The records of one entry.
pub(crate) fn lines(payload: &[u8]) -> Result<impl DoubleEndedIterator<Item = &[u8]>, Unreadable> {
    let mut lines = payload.split(|byte| *byte == b'\n');
    match lines.next() {
        Some(FORMAT) => Ok(lines),
        other => Err(Unreadable::Format(
            String::from_utf8_lossy(other.unwrap_or_default()).chars().take(16).collect(),
        )),
    }
}

/// Reads the members of a record that `T` names and skips the others.
pub(crate) fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, Unreadable> {
    Ok(serde_json::from_slice(line)?)
}

/// An execution as its rows tell it.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) state: ExecutionState,
    pub(crate) tokens: Vec<IssuedToken>,
    pub(crate) deaths: BTreeMap<TaskId, i32>,
    /// The time that its last transition saw.
    pub(crate) last_ms: i64,
    /// Records since the last checkpoint.
    pub(crate) records: usize,
    /// Who started it, where an execution did.
    pub(crate) parent: Option<Parent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyRecord {
    env: Option<Moment>,
    change: Option<Change>,
    #[serde(default)]
    tokens: Vec<IssuedToken>,
    #[serde(default)]
    redispatched: Vec<TaskId>,
    #[serde(default)]
    released: Vec<TaskId>,
    parent: Option<Parent>,
    checkpoint: Option<OwnedCheckpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnedCheckpoint {
    state: ExecutionState,
    tokens: Vec<IssuedToken>,
    deaths: BTreeMap<TaskId, i32>,
    last_ms: i64,
    parent: Option<Parent>,
}

/// Folds an execution's rows, oldest first, from its start or from a checkpoint on. Evaluates nothing.
pub(crate) fn fold(rows: &[Row]) -> Result<Folded, Unreadable> {
    let mut folded = Folded::default();
    if rows.is_empty() {
        return Err(Unreadable::Missing);
    }
    for (index, row) in rows.iter().enumerate() {
        let mut lines = lines(&row.payload)?;
        // The lines before a checkpoint continue from rows that were perhaps not read.
        if index == 0 && row.checkpoint {
            folded.take_up(lines.next_back().ok_or(Unreadable::Missing)?)?;
        } else {
            lines.try_for_each(|line| folded.take_up(line))?;
        }
    }
    folded.forget_what_is_gone();
    Ok(folded)
}

impl Folded {
    fn take_up(&mut self, line: &[u8]) -> Result<(), Unreadable> {
        let record: AnyRecord = read(line)?;
        if let Some(checkpoint) = record.checkpoint {
            let OwnedCheckpoint { state, tokens, deaths, last_ms, parent } = checkpoint;
            *self = Self { state, tokens, deaths, last_ms, records: 0, parent };
            return Ok(());
        }
        self.records += 1;
        if record.parent.is_some() {
            self.parent = record.parent;
        }
        if let Some(change) = &record.change {
            self.state.apply(change);
        }
        if let Some(env) = record.env {
            self.last_ms = self.last_ms.max(env.now_ms);
        }
        self.tokens.extend(record.tokens);
        for task in record.redispatched {
            *self.deaths.entry(task).or_default() += 1;
        }
        for task in record.released {
            *self.deaths.entry(task).or_default() -= 1;
        }
        Ok(())
    }

    fn forget_what_is_gone(&mut self) {
        let state = &self.state;
        self.tokens.retain_mut(|token| match state.pending_task(token.task) {
            None => false,
            Some(task) => {
                if task.submitted {
                    token.acknowledge();
                }
                true
            }
        });
        self.deaths.retain(|task, _| state.pending_task(*task).is_some_and(|task| !task.submitted));
    }
}

/// Whether one of the rows holds the answer that came for the task's token.
pub(crate) fn holds_answer(rows: &[Row], task: TaskId) -> Result<bool, Unreadable> {
    #[derive(Deserialize)]
    struct Answered {
        answered: Option<TaskId>,
    }
    for row in rows {
        for line in lines(&row.payload)? {
            if read::<Answered>(line)?.answered == Some(task) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// A history event of an entry, not read but for its id: a row may hold thousands, of which a page shows some.
pub(crate) struct KeptEvent<'a> {
    pub(crate) id: u64,
    text: &'a RawValue,
}

impl KeptEvent<'_> {
    pub(crate) fn read(&self) -> Result<HistoryEvent, Unreadable> {
        read(self.text.get().as_bytes())
    }
}

/// The history events of one entry, ascending.
pub(crate) fn history(row: &Row) -> Result<Vec<KeptEvent<'_>>, Unreadable> {
    #[derive(Deserialize)]
    struct Events<'a> {
        #[serde(borrow, default)]
        history: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct First {
        id: u64,
    }
    let mut events = Vec::new();
    for line in lines(&row.payload)? {
        let Events { history } = serde_json::from_slice(line)?;
        // The ids of a transition's events have no holes.
        let Some(first) = history.first() else { continue };
        let First { id } = read(first.get().as_bytes())?;
        events.extend((id..).zip(history).map(|(id, text)| KeptEvent { id, text }));
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_is_named() {
        let row = |payload: &[u8]| Row { payload: payload.to_vec(), checkpoint: false };
        let message = |rows: &[Row]| fold(rows).unwrap_err().to_string();
        assert!(message(&[row(b"2\n{}")]).contains("\"2\""));
        assert!(message(&[row(b"")]).contains("format"));
        assert!(message(&[row(b"1\n{\"change\":")]).contains("not what was written"));
        assert!(message(&[]).contains("no rows"));
        assert!(fold(&[row(b"1\n{}")]).is_ok());
    }

    #[test]
    fn deaths_are_counted_and_taken_back() {
        let mut folded = Folded::default();
        for line in [r#"{"redispatched":[1,2]}"#, r#"{"released":[1]}"#, r#"{"redispatched":[1,2]}"#] {
            folded.take_up(line.as_bytes()).unwrap();
        }
        assert_eq!(folded.deaths, BTreeMap::from([(1, 1), (2, 2)]));
    }
}

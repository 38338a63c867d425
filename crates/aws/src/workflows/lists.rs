//! Lists over machines: each machine's list merged into one, newest start first.
//!
//! Step Functions lists "the most recent first" and does not say by which of an execution's times. So nothing is built
//! on it but this: what follows an execution in a list was started no later than that one was started or ended. An
//! execution is given out once everything that was not read yet must have been started before it; a page is then exact
//! in either order.

use super::executions::{count, status, timestamp};
use super::failures::{code, port};
use super::{Inner, PORT};
use crate::call::Repeat;
use aws_sdk_sfn::types::ExecutionListItem;
use futures::{StreamExt as _, TryStreamExt as _};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use tenantry_core::ExecutionId;
use tenantry_core::ports::{
    ExecutionFilter, ExecutionPage, ExecutionStatus, ExecutionSummary, PortError, WorkflowError,
};

/// Executions of one call. Step Functions asks for the same number with each of a list's tokens.
const CALL_ITEMS: i32 = 200;

/// Look-ups of executions' tenants at a time.
const LOOKUPS_AT_A_TIME: usize = 16;

/// Machines' lists whose marks are remembered, and the marks of each.
const MARKED_LISTS_MAX: usize = 64;
const MARKS_MAX: usize = 500;

/// An execution's place in a list: by its start, the newest first, then by its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place(Reverse<i64>, String);

impl Place {
    fn of(summary: &ExecutionSummary) -> Self {
        Self(Reverse(summary.started_at.as_millis()), summary.id.to_string())
    }

    fn cursor(&self) -> String {
        format!("{}~{}", self.0.0, self.1)
    }

    fn parse(cursor: &str) -> Result<Self, PortError> {
        let refused = || PortError::Refused { port: PORT, message: "the cursor is malformed".to_owned() };
        let (millis, id) = cursor.split_once('~').ok_or_else(refused)?;
        id.parse::<ExecutionId>().map_err(|_| refused())?;
        Ok(Self(Reverse(millis.parse().map_err(|_| refused())?), id.to_owned()))
    }
}

/// Where a list can be entered: everything before it was started after `started_after`.
#[derive(Clone)]
struct Mark {
    oldest_start: i64,
    token: String,
}

/// Tokens of lists that were read, so that a page deep in a list need not read what stands before it.
#[derive(Default)]
pub(super) struct Marks(Mutex<HashMap<ListName, Vec<Mark>>>);

type ListName = (String, Option<ExecutionStatus>);

impl Marks {
    /// The deepest mark before which everything was started after that time.
    fn before(&self, list: &ListName, start: i64) -> Option<Mark> {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let marks = marks.get(list)?;
        marks.iter().filter(|mark| mark.oldest_start > start).min_by_key(|mark| mark.oldest_start).cloned()
    }

    fn remember(&self, list: &ListName, mark: Mark) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= MARKED_LISTS_MAX && !lists.contains_key(list) {
            lists.clear();
        }
        let marks = lists.entry(list.clone()).or_default();
        if marks.len() >= MARKS_MAX {
            marks.clear();
        }
        marks.push(mark);
    }

    fn forget(&self, list: &ListName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(list);
    }
}

/// One machine's list, as far as it was read.
struct Reading {
    list: ListName,
    machine: String,
    token: Option<String>,
    from_mark: bool,
    more: bool,
    /// What is unread was started no later than this.
    unread_until: i64,
    oldest_start: i64,
}

impl Inner {
    pub(super) async fn list_of_machines(
        &self,
        filter: &ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> Result<ExecutionPage, WorkflowError> {
        let after = after.as_deref().map(Place::parse).transpose()?;
        let mut readings = self.readings(filter, after.as_ref())?;
        // By place, so that an execution that moved within its list while that was read stands here once.
        let mut found: BTreeMap<Place, ExecutionSummary> = BTreeMap::new();
        let wanted = |summary: &ExecutionSummary| {
            let named =
                filter.name_prefix.as_ref().is_none_or(|prefix| summary.id.name().starts_with(prefix));
            let stated = filter.status.is_none_or(|status| status == summary.status);
            named && stated && after.as_ref().is_none_or(|after| Place::of(summary) > *after)
        };
        loop {
            // The list whose unread part may hold the newest.
            let frontier =
                readings.iter_mut().filter(|reading| reading.more).max_by_key(|reading| reading.unread_until);
            let unread_until = frontier.as_ref().map(|reading| reading.unread_until);
            let ready = found.keys().filter(|place| unread_until.is_none_or(|at| place.0.0 > at)).count();
            let Some(reading) = frontier.filter(|_| ready <= limit) else { break };
            let read = self.read_on(reading).await?.into_iter().filter(wanted);
            found.extend(read.map(|summary| (Place::of(&summary), summary)));
        }
        let more = found.len() > limit;
        let mut items: Vec<ExecutionSummary> = found.into_values().take(limit).collect();
        let next = items.last().filter(|_| more).map(|last| Place::of(last).cursor());
        items = self.with_tenants(items).await?;
        Ok(ExecutionPage { items, next })
    }

    fn readings(
        &self,
        filter: &ExecutionFilter,
        after: Option<&Place>,
    ) -> Result<Vec<Reading>, WorkflowError> {
        let workflows: Vec<String> = match &filter.workflow {
            Some(workflow) => vec![workflow.clone()],
            None => self.machines.workflows().to_vec(),
        };
        let reading = |workflow: String| {
            let unknown = || WorkflowError::UnknownWorkflow(workflow.clone());
            let machine = self.machines.machine(&workflow).ok_or_else(unknown)?;
            let list = (workflow, filter.status);
            let mark = after.and_then(|after| self.marks.before(&list, after.0.0));
            let oldest_start = mark.as_ref().map_or(i64::MAX, |mark| mark.oldest_start);
            let token = mark.map(|mark| mark.token);
            let from_mark = token.is_some();
            Ok(Reading { list, machine, token, from_mark, more: true, unread_until: i64::MAX, oldest_start })
        };
        workflows.into_iter().map(reading).collect()
    }

    async fn read_on(&self, reading: &mut Reading) -> Result<Vec<ExecutionSummary>, WorkflowError> {
        let filter = reading.list.1.map(|status| status.as_aws().into());
        let list = || {
            let call = self.clients.sfn().list_executions().state_machine_arn(&reading.machine);
            let call = call.max_results(CALL_ITEMS).set_status_filter(Option::clone(&filter));
            Box::pin(call.set_next_token(reading.token.clone()).send())
        };
        let page = match self.calls.send(Repeat::Safe, list).await {
            Ok(page) => page,
            // A remembered token is good for a day: from the start, then.
            Err(error) if reading.from_mark && code(&error) == Some("InvalidToken") => {
                self.marks.forget(&reading.list);
                (reading.token, reading.from_mark, reading.oldest_start) = (None, false, i64::MAX);
                return Ok(Vec::new());
            }
            Err(error) if code(&error) == Some("StateMachineDoesNotExist") => {
                return Err(WorkflowError::UnknownWorkflow(reading.list.0.clone()));
            }
            Err(error) => return Err(port("ListExecutions", &error).into()),
        };
        for item in &page.executions {
            let start = timestamp(&item.start_date).as_millis();
            reading.oldest_start = reading.oldest_start.min(start);
            let recent = item.stop_date.as_ref().map_or(start, |stop| timestamp(stop).as_millis());
            reading.unread_until = reading.unread_until.min(recent.max(start));
        }
        reading.more = page.next_token.is_some();
        if let Some(token) = &page.next_token {
            let mark = Mark { oldest_start: reading.oldest_start, token: token.clone() };
            self.marks.remember(&reading.list, mark);
        }
        reading.token = page.next_token;
        page.executions.iter().filter_map(|item| self.summary(item).transpose()).collect()
    }

    /// `None` for an execution whose name is none of ours.
    fn summary(&self, item: &ExecutionListItem) -> Result<Option<ExecutionSummary>, WorkflowError> {
        let Some(id) = self.machines.id(&item.execution_arn) else { return Ok(None) };
        Ok(Some(ExecutionSummary {
            id,
            tenant_id: None,
            status: status(&item.status)?,
            started_at: timestamp(&item.start_date),
            ended_at: item.stop_date.as_ref().map(timestamp),
            redrive_count: count(item.redrive_count),
        }))
    }

    async fn with_tenants(&self, found: Vec<ExecutionSummary>) -> Result<Vec<ExecutionSummary>, PortError> {
        let lookups = found.into_iter().map(|summary| async move {
            let tenant_id = self.tenant_of(&summary.id).await?;
            Ok(ExecutionSummary { tenant_id, ..summary })
        });
        futures::stream::iter(lookups).buffered(LOOKUPS_AT_A_TIME).try_collect().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_order_by_start_and_come_back_from_their_cursors() {
        let place = |millis, id: &str| Place(Reverse(millis), id.to_owned());
        let mut places = vec![place(1, "w~b"), place(2, "w~z"), place(1, "w~a")];
        places.sort();
        assert_eq!(places, [place(2, "w~z"), place(1, "w~a"), place(1, "w~b")]);
        for place in places {
            assert_eq!(Place::parse(&place.cursor()).unwrap(), place);
        }
        for bad in ["", "7", "x~w~a", "7~w"] {
            assert!(matches!(Place::parse(bad), Err(PortError::Refused { .. })), "{bad}");
        }
    }

    #[test]
    fn a_list_is_entered_only_where_nothing_wanted_stands_before() {
        let marks = Marks::default();
        let list = ("w".to_owned(), None);
        for oldest_start in [90, 50, 70] {
            marks.remember(&list, Mark { oldest_start, token: oldest_start.to_string() });
        }
        let token = |start| marks.before(&list, start).map(|mark| mark.token);
        assert_eq!(token(60).as_deref(), Some("70"));
        assert_eq!(token(49).as_deref(), Some("50"));
        // What was started at that very time may stand on either side.
        assert_eq!(token(90), None);
        marks.forget(&list);
        assert_eq!(token(49), None);
    }
}

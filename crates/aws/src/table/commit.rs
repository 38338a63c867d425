//! A commit: one conditional write, or one transaction.
//!
//! A single action without a request token is a plain write, at half the price; after a lost answer its outcome is
//! unknown. Everything else is a transaction with a client token, so that it is sent again after a lost answer and takes
//! effect once.

use super::verdict::{self, Reason, Verdict};
use super::write::{self, Kind, Write};
use super::{AwsTable, PORT, error};
use crate::call::{Failure, Repeat, failure};
use aws_sdk_dynamodb::error::{BuildError, ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use std::sync::atomic::{AtomicBool, Ordering};
use tenantry_core::ports::{Action, Commit, CommitError, PortError};

const REQUEST_TOKEN_LENGTH_MAX: usize = 36;

/// What sending a commit came to.
enum Sent {
    Done,
    Refused {
        reasons: Vec<Reason>,
        /// Whether the answer to an earlier attempt of it was lost.
        after_lost: bool,
    },
}

/// Carries a commit out.
pub(super) async fn run(table: &AwsTable, commit: Commit) -> Result<(), CommitError> {
    check(&commit)?;
    let Commit { actions, request_token } = commit;
    let mut now = table.clock.now();
    if let Some(token) = &request_token {
        now = table.tokens.first_use(token, now);
    }
    let now = now.as_seconds();
    let is_plain = request_token.is_none() && !matches!(actions[..], [_, _, ..] | [Action::Check { .. }]);
    let mut anew = vec![false; actions.len()];
    loop {
        // A token of our own is good for one request: the next round is another one, after a refusal that is certain.
        // The caller's stays, because whoever repeats the commit comes with it.
        let fresh = || table.calls.ids().next().to_string();
        let token = (!is_plain).then(|| request_token.clone().unwrap_or_else(fresh));
        let writes = actions.iter().zip(&anew).map(|(action, anew)| match anew {
            true => Write::anew(action, now).unwrap_or_else(|| Write::of(action, now)),
            false => Write::of(action, now),
        });
        let sent = match &token {
            None => plain(table, writes).await?,
            Some(token) => transaction(table, writes, token).await?,
        };
        let Sent::Refused { reasons, after_lost } = sent else { return Ok(()) };
        match verdict::verdict(&actions, &anew, &reasons, now) {
            Verdict::Failed(index) => return Err(CommitError::ConditionFailed { index }),
            // The repeat of what took effect changes nothing but reads the items again, where another one may be in
            // its way. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
            Verdict::Conflict if after_lost => {
                return Err(unknown("another commit was in its way after an answer to it was lost"));
            }
            Verdict::Conflict => return Err(CommitError::Conflict),
            Verdict::Refused(why) => return Err(refused(format!("commit: {why}"))),
            // Each round marks at least one more, and none that is marked comes here again.
            Verdict::Anew(places) => places.into_iter().for_each(|place| anew[place] = true),
        }
    }
}

/// Whether it took effect, only a read tells.
fn unknown(why: &str) -> CommitError {
    let message = format!("commit: {why}; whether it took effect, only a read tells");
    CommitError::Port(PortError::Unavailable { port: PORT, message })
}

fn refused(message: String) -> CommitError {
    CommitError::Port(PortError::Refused { port: PORT, message })
}

fn check(commit: &Commit) -> Result<(), CommitError> {
    commit.validate()?;
    if let Some(token) = &commit.request_token
        && !(1..=REQUEST_TOKEN_LENGTH_MAX).contains(&token.chars().count())
    {
        return Err(refused(format!("a request token has 1 to {REQUEST_TOKEN_LENGTH_MAX} characters")));
    }
    for action in &commit.actions {
        let Action::Update { key, set, add, remove, .. } = action else { continue };
        let mut names: Vec<&String> = set.keys().chain(add.keys()).chain(remove).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(refused(format!("{} {}: {:?} is changed twice", key.pk(), key.sk(), pair[0])));
        }
    }
    Ok(())
}

async fn transaction(
    table: &AwsTable,
    writes: impl Iterator<Item = Write>,
    token: &str,
) -> Result<Sent, CommitError> {
    let members: Result<Vec<_>, BuildError> = writes.map(|write| write.member(&table.name)).collect();
    let members = members.map_err(|error| refused(format!("commit: {error}")))?;
    let request = table
        .clients
        .dynamodb()
        .transact_write_items()
        .set_transact_items(Some(members))
        .client_request_token(token);
    let lost = AtomicBool::new(false);
    let send = || {
        let sent = Box::pin(request.clone().send());
        async {
            let sent = sent.await.map_err(|error| error.map_service_error(Cancelled::of));
            let is_lost = sent.as_ref().is_err_and(|error| failure(error) == Failure::Unknown);
            lost.fetch_or(is_lost, Ordering::Relaxed);
            sent
        }
    };
    match table.calls.send(Repeat::Safe, send).await {
        Ok(_) => Ok(Sent::Done),
        Err(SdkError::ServiceError(service)) if service.err().is_verdict() => {
            let after_lost = lost.load(Ordering::Relaxed);
            Ok(Sent::Refused { reasons: service.into_err().reasons, after_lost })
        }
        Err(error) if error.code() == Some("IdempotentParameterMismatchException") => {
            Err(unknown("its request token came with another request before"))
        }
        Err(error) => Err(table.failed("commit", &error).into()),
    }
}

/// A failed transaction, and what it says of each action.
#[derive(Debug)]
struct Cancelled {
    source: TransactWriteItemsError,
    reasons: Vec<Reason>,
    /// Says of a transaction that was cancelled because it was throttled that it was.
    metadata: ErrorMetadata,
}

impl Cancelled {
    fn of(source: TransactWriteItemsError) -> Self {
        let mut reasons = Vec::new();
        let mut metadata = source.meta().clone();
        if let TransactWriteItemsError::TransactionCanceledException(cancelled) = &source {
            reasons = cancelled.cancellation_reasons().iter().map(Reason::of).collect();
            if verdict::is_throttled(&reasons) {
                let message = cancelled.message().unwrap_or("the transaction was throttled");
                metadata = ErrorMetadata::builder().code("ThrottlingException").message(message).build();
            }
        }
        Self { source, reasons, metadata }
    }

    fn is_verdict(&self) -> bool {
        !self.reasons.is_empty() && !verdict::is_throttled(&self.reasons)
    }
}

impl std::fmt::Display for Cancelled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for Cancelled {}

impl ProvideErrorMetadata for Cancelled {
    fn meta(&self) -> &ErrorMetadata {
        &self.metadata
    }
}

async fn plain(table: &AwsTable, mut writes: impl Iterator<Item = Write>) -> Result<Sent, CommitError> {
    let Some(write) = writes.next() else { return Ok(Sent::Done) };
    let (client, name) = (table.clients.dynamodb(), &table.name);
    let (names, values) = (write.placeholders.names(), write.placeholders.values());
    match write.kind {
        Kind::Put(item) => {
            let request = client
                .put_item()
                .table_name(name)
                .set_item(Some(item))
                .set_condition_expression(write.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values);
            let sent = table.calls.send(Repeat::OnlyIfRefused, || request.clone().send()).await;
            outcome(table, sent, |error| match error {
                PutItemError::ConditionalCheckFailedException(failed) => Some(failed),
                _ => None,
            })
        }
        Kind::Update { key, expression, guarded } => {
            let request = client
                .update_item()
                .table_name(name)
                .set_key(Some(key))
                .update_expression(expression)
                .set_condition_expression(write.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .set_return_values_on_condition_check_failure(write::old(guarded));
            let sent = table.calls.send(Repeat::OnlyIfRefused, || request.clone().send()).await;
            outcome(table, sent, |error| match error {
                UpdateItemError::ConditionalCheckFailedException(failed) => Some(failed),
                _ => None,
            })
        }
        // Never sent alone: DynamoDB checks in transactions only.
        Kind::Check(_) => Err(refused("commit: a check cannot be a plain write".to_owned())),
        Kind::Delete(key) => {
            let request = client
                .delete_item()
                .table_name(name)
                .set_key(Some(key))
                .set_condition_expression(write.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values);
            let sent = table.calls.send(Repeat::OnlyIfRefused, || request.clone().send()).await;
            outcome(table, sent, |error| match error {
                DeleteItemError::ConditionalCheckFailedException(failed) => Some(failed),
                _ => None,
            })
        }
    }
}

/// Of a plain write, which is not sent again once an answer was lost.
fn refusal(reason: Reason) -> Sent {
    Sent::Refused { reasons: vec![reason], after_lost: false }
}

fn outcome<T, E>(
    table: &AwsTable,
    sent: Result<T, error::Sdk<E>>,
    failed_condition: fn(&E) -> Option<&ConditionalCheckFailedException>,
) -> Result<Sent, CommitError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Err(error) = sent else { return Ok(Sent::Done) };
    if let Some(failed) = error.as_service_error().and_then(failed_condition) {
        return Ok(refusal(Reason::condition(failed.item())));
    }
    match error.code() {
        Some("TransactionConflictException") => Ok(refusal(Reason::Conflict)),
        _ => Err(table.failed("commit", &error).into()),
    }
}

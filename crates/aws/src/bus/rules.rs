//! The rules' rows, and the rules as this process last read them.
//!
//! **A publication sees each rule that was made before it.** A change writes the rule's row and then raises the version,
//! in two steps: who sees the new version finds the row. Each publication reads the version, and the rules anew where it
//! has moved. Were the change cut off between both, its caller was not told that it is done.

use super::PORT;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tenantry_app::http::retry::{RetryPolicy, retry};
use tenantry_core::SubscriptionId;
use tenantry_core::keys::{Key, Range};
use tenantry_core::ports::{Action, Clock, Commit, CommitError, Ids, Item, PortError, Query, Rule, Table};
use tenantry_events::Pattern;
use tenantry_events::rules::Rules;

const VERSION: &str = "version";
const PAGE_ITEMS: usize = 500;

/// A rule's row. The pattern is kept as text, so that it comes back as it was given.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleRow {
    subscription_id: SubscriptionId,
    pattern: String,
}

pub(super) struct RuleRows {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    known: Mutex<Option<(u64, Arc<Rules>)>>,
}

fn damaged(message: String) -> PortError {
    PortError::Damaged { port: PORT, message }
}

impl RuleRows {
    pub(super) fn new(table: Arc<dyn Table>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { table, clock, ids, known: Mutex::new(None) }
    }

    async fn commit(&self, action: Action) -> Result<(), PortError> {
        let commit = Commit::of(vec![action]);
        let policy = &RetryPolicy::SHORT;
        retry(self.clock.as_ref(), self.ids.as_ref(), policy, || self.table.commit(commit.clone()))
            .await
            .map_err(|error| match error {
                CommitError::Port(error) => error,
                other => PortError::Unavailable { port: PORT, message: other.to_string() },
            })
    }

    async fn change(&self, action: Action) -> Result<(), PortError> {
        self.commit(action).await?;
        self.commit(Action::Update {
            key: Key::bus_rules_version(),
            set: serde_json::Map::new(),
            add: BTreeMap::from([(VERSION.to_owned(), 1)]),
            remove: Vec::new(),
            indexes: BTreeMap::new(),
            conditions: Vec::new(),
        })
        .await
    }

    pub(super) async fn put(&self, rule: &Rule) -> Result<(), PortError> {
        Pattern::parse(&rule.pattern)
            .map_err(|error| PortError::Refused { port: PORT, message: error.to_string() })?;
        let row =
            RuleRow { subscription_id: rule.subscription_id.clone(), pattern: rule.pattern.to_string() };
        self.change(Action::put(Item::of(Key::bus_rule(&rule.subscription_id), &row))).await
    }

    pub(super) async fn delete(&self, subscription: &SubscriptionId) -> Result<(), PortError> {
        self.change(Action::Delete { key: Key::bus_rule(subscription), conditions: Vec::new() }).await
    }

    /// The rules, with each that was made before this call.
    pub(super) async fn current(&self) -> Result<Arc<Rules>, PortError> {
        let row = self.table.get(&Key::bus_rules_version()).await?;
        let version = row.and_then(|item| item.attributes.get(VERSION).and_then(Value::as_u64)).unwrap_or(0);
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, rules)) = &*lock()
            && *known == version
        {
            return Ok(Arc::clone(rules));
        }
        let rules = Arc::new(self.read().await?);
        *lock() = Some((version, Arc::clone(&rules)));
        Ok(rules)
    }

    async fn read(&self) -> Result<Rules, PortError> {
        let (mut rules, mut after) = (Rules::default(), None);
        loop {
            let page = self.table.query(Query::primary(Range::bus_rules(), PAGE_ITEMS).after(after)).await?;
            for item in &page.items {
                let row: RuleRow = item.record()?;
                let unusable = |error: &dyn std::fmt::Display| {
                    damaged(format!("the rule of {} cannot be used: {error}", row.subscription_id))
                };
                let json: Value = serde_json::from_str(&row.pattern).map_err(|error| unusable(&error))?;
                let pattern = Pattern::parse(&json).map_err(|error| unusable(&error))?;
                rules.put(Rule { subscription_id: row.subscription_id, pattern: json }, pattern);
            }
            after = page.next;
            if after.is_none() {
                return Ok(rules);
            }
        }
    }
}

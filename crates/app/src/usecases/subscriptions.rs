//! Subscriptions to events.

use super::commit::refused;
use super::idempotency::{Answer, Once};
use super::services::NAME_LENGTH_MAX;
use super::views::{DeliveryView, SubscriptionView};
use super::{App, Listing, PageRequest, Principal, validate};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::{Delivery, Subscription, Target};
use tenantry_core::ports::{Action, CommitError, Condition, EventFilter, Item, PortError, Replay, Rule};
use tenantry_core::{Error, ErrorCode, Result, SubscriptionId, TenantId, Timestamp, limits};
use tenantry_events::Pattern;

/// A subscription to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateSubscription)]
pub struct NewSubscription {
    /// For people: 1 to 100 printable characters.
    #[schema(min_length = 1, max_length = 100, example = "crm")]
    pub name: String,
    /// An EventBridge pattern over the whole event (`source`, `detail-type`, `detail`).
    #[schema(value_type = Object, example = json!({"detail-type": ["TenantProvisioned"]}))]
    pub pattern: Value,
    /// Where the events go.
    pub target: TargetRequest,
}

/// Where a subscription's events are to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SubscriptionTarget)]
pub struct TargetRequest {
    /// `webhook`: a signed POST (Standard Webhooks).
    #[serde(rename = "type")]
    #[schema(example = "webhook")]
    pub target_type: String,
    /// Where to; a public `https` address, unless private ones are allowed.
    #[serde(default)]
    #[schema(required = true, value_type = String, example = "https://crm.example.com/hooks/tenantry")]
    pub url: Option<String>,
}

// No `Debug`, because it holds the secret.
/// A subscription with what is shown once.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionWithSecret {
    /// The subscription.
    #[serde(flatten)]
    pub subscription: SubscriptionView,
    /// What its deliveries are signed with (Standard Webhooks). Shown only here.
    #[schema(example = "whsec_…")]
    pub secret: String,
}

/// What to deliver again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayRequest {
    /// Events that occurred from then on.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Events that occurred up to then.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// Only this tenant's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub tenant_id: Option<TenantId>,
    /// Only of this type.
    #[serde(default, rename = "type")]
    #[schema(example = "TenantProvisioned")]
    pub event_type: Option<String>,
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Replayed {
    /// Events that are on their way again; each carries the header `tenantry-replay: true`.
    pub replayed: u64,
}

fn missing(id: &SubscriptionId) -> Error {
    let detail = format!("There is no subscription {id}. GET /v1/subscriptions lists those that there are.");
    Error::new(ErrorCode::SubscriptionNotFound, detail)
}

fn check_pattern(pattern: &Value) -> Result<()> {
    Pattern::parse(pattern).map(|_| ()).map_err(|error| {
        let detail = format!(
            "{}. A pattern is a JSON object such as {{\"detail-type\": [\"TenantProvisioned\"]}}.",
            error.reason()
        );
        Error::new(ErrorCode::InvalidPattern, detail).with_field("/pattern")
    })
}

impl App {
    fn check_target(&self, target: &TargetRequest) -> Result<String> {
        let refuse = |detail: &str, field: &str| {
            Err(Error::new(ErrorCode::InvalidTarget, detail).with_field(field.to_owned()))
        };
        if target.target_type != "webhook" {
            return refuse("The target's type must be webhook.", "/target/type");
        }
        let Some(url) = target.url.clone() else {
            return refuse("A webhook needs the url that its events are sent to.", "/target/url");
        };
        self.check_address(&url, "/target/url")?;
        Ok(url)
    }

    /// Makes a subscription. Once it answers, every event that is published later and matches is delivered.
    ///
    /// Errors: [`ErrorCode::InvalidName`], [`ErrorCode::InvalidPattern`], [`ErrorCode::InvalidTarget`],
    /// [`ErrorCode::UrlRefused`], [`ErrorCode::TooMany`].
    pub async fn subscribe(
        &self,
        by: &Principal,
        once: Once<'_, SubscriptionWithSecret>,
        request: &NewSubscription,
    ) -> Result<Answer> {
        if let Some(answer) = self.remembered(once.idempotency).await? {
            return Ok(answer);
        }
        validate::name(&request.name, NAME_LENGTH_MAX)?;
        check_pattern(&request.pattern)?;
        let url = self.check_target(&request.target)?;
        if self.all(Range::subscriptions(), None).await?.len() >= limits::SUBSCRIPTIONS_MAX {
            let max = limits::SUBSCRIPTIONS_MAX;
            let detail = format!("There are {max} subscriptions; delete one that is no longer needed.");
            return Err(Error::new(ErrorCode::TooMany, detail));
        }
        let id = SubscriptionId::from_uuid(self.ports.ids.next());
        let secret = self.new_signing_secret();
        let subscription = Subscription {
            subscription_id: id.clone(),
            name: request.name.clone(),
            pattern: request.pattern.clone(),
            target: Target::Webhook { url },
            secret_ref: format!("subscriptions/{id}/signing"),
            created_at: self.now(),
        };
        let shown = SubscriptionWithSecret {
            subscription: SubscriptionView::from(&subscription),
            secret: secret.expose().to_owned(),
        };
        let (answer, remembering) = self.remember(&once, None, &shown).await?;
        let first = usize::from(remembering.is_some());
        // Secret and rule before the record: a crash in between leaves a rule that serves nobody, never a
        // subscription that was answered and gets nothing.
        self.ports.vault.store(&subscription.secret_ref, secret).await?;
        let rule = Rule { subscription_id: id.clone(), pattern: request.pattern.clone() };
        self.ports.bus.put_rule(rule).await?;
        let row = Action::create(Item::of(Key::subscription(&id), &subscription));
        match self.commit(remembering.into_iter().chain([row]).collect()).await {
            Ok(()) => {
                tracing::info!(subscription = %id, by = %by, "made");
                Ok(answer)
            }
            Err(CommitError::ConditionFailed { index }) => {
                self.ports.bus.delete_rule(&id).await?;
                self.ports.vault.delete(&subscription.secret_ref).await?;
                if index < first {
                    return self.twin(once.idempotency).await;
                }
                Err(refused(CommitError::ConditionFailed { index }))
            }
            Err(error) => Err(refused(error)),
        }
    }

    async fn subscription_record(&self, id: &SubscriptionId) -> Result<Subscription> {
        let item = self.ports.table.get(&Key::subscription(id)).await?.ok_or_else(|| missing(id))?;
        Ok(item.record()?)
    }

    /// A subscription. [`ErrorCode::SubscriptionNotFound`].
    pub async fn subscription(&self, id: &SubscriptionId) -> Result<SubscriptionView> {
        Ok(SubscriptionView::from(&self.subscription_record(id).await?))
    }

    /// A page of subscriptions, oldest first.
    pub async fn subscriptions(&self, page: &PageRequest) -> Result<Listing<SubscriptionView>> {
        let range = Range::subscriptions();
        self.page("subscriptions", range, false, page, |item| {
            Ok(SubscriptionView::from(&item.record::<Subscription>()?))
        })
        .await
    }

    /// Ends a subscription: nothing more is sent, and what waits is dropped.
    pub async fn unsubscribe(
        &self,
        by: &Principal,
        once: Once<'_, ()>,
        id: &SubscriptionId,
    ) -> Result<Answer> {
        if let Some(answer) = self.remembered(once.idempotency).await? {
            return Ok(answer);
        }
        let subscription = self.subscription_record(id).await?;
        // The rule first: a crash in between leaves a subscription that is still listed and can be deleted again.
        self.ports.bus.delete_rule(id).await?;
        let (answer, remembering) = self.remember(&once, None, &()).await?;
        let first = usize::from(remembering.is_some());
        let row = Action::Delete { key: Key::subscription(id), conditions: vec![Condition::Exists] };
        match self.commit(remembering.into_iter().chain([row]).collect()).await {
            Ok(()) => {}
            Err(CommitError::ConditionFailed { index }) if index < first => {
                return self.twin(once.idempotency).await;
            }
            Err(CommitError::ConditionFailed { .. }) => return Err(missing(id)),
            Err(error) => return Err(refused(error)),
        }
        self.ports.vault.delete(&subscription.secret_ref).await?;
        tracing::info!(subscription = %id, by = %by, "deleted");
        Ok(answer)
    }

    /// A page of the tries to deliver, newest first.
    pub async fn deliveries(&self, id: &SubscriptionId, page: &PageRequest) -> Result<Listing<DeliveryView>> {
        self.subscription_record(id).await?;
        let query = format!("deliveries {id}");
        self.page(&query, Range::deliveries(id), true, page, |item| {
            Ok(DeliveryView::from(item.record::<Delivery>()?))
        })
        .await
    }

    /// Delivers archived events again. Once it answers, they are on their way.
    pub async fn replay(
        &self,
        by: &Principal,
        id: &SubscriptionId,
        request: &ReplayRequest,
    ) -> Result<Replayed> {
        self.subscription_record(id).await?;
        if let Some(name) = &request.event_type {
            super::events::check_type(name, "/type")?;
        }
        let filter =
            EventFilter { event_type: request.event_type.clone(), tenant_id: request.tenant_id.clone() };
        let replay = Replay { subscription_id: id.clone(), from: request.from, to: request.to, filter };
        match self.ports.bus.replay(replay).await {
            Ok(replayed) => {
                tracing::info!(subscription = %id, by = %by, replayed, "replayed");
                Ok(Replayed { replayed })
            }
            Err(PortError::NotFound { .. }) => Err(missing(id)),
            Err(error) => Err(error.into()),
        }
    }
}

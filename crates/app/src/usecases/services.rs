//! Product services.

use super::commit::refused;
use super::idempotency::{Answer, Once};
use super::views::ServiceView;
use super::{App, Listing, PageRequest, Principal, token_hash, validate};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::Service;
use tenantry_core::ports::{Action, CommitError, Condition, Item};
use tenantry_core::{Error, ErrorCode, Result, ServiceId, limits};

/// Longest name of a service or a subscription, in characters.
pub(super) const NAME_LENGTH_MAX: usize = 100;

/// Longest time that a service may take.
const TIMEOUT_SECONDS_MAX: u64 = 86_400;

fn required() -> bool {
    true
}

fn timeout_seconds() -> u64 {
    300
}

/// A product service to register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RegisterService)]
pub struct NewService {
    /// The name, unique: 1 to 100 printable characters.
    #[schema(min_length = 1, max_length = 100, example = "billing")]
    pub name: String,
    /// Where its requests go; a public `https` address, unless private ones are allowed.
    #[schema(example = "https://billing.example.com/tenantry")]
    pub url: String,
    /// Whether a tenant needs it to become active.
    #[serde(default = "required")]
    #[schema(default = true)]
    pub required: bool,
    /// How long it may take to confirm, from 1 to 86,400 seconds.
    #[serde(default = "timeout_seconds")]
    #[schema(default = 300, minimum = 1, maximum = 86400)]
    pub timeout_seconds: u64,
    /// How often it must give a sign of life, from 1 to `timeoutSeconds`; never where it is left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86400)]
    pub heartbeat_seconds: Option<u64>,
}

// No `Debug`, because it holds secrets; `Serialize` is for the one answer that shows them.
/// A service with what is shown once.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredService {
    /// The service.
    #[serde(flatten)]
    pub service: ServiceView,
    /// What its requests are signed with (Standard Webhooks). Shown only here.
    #[schema(example = "whsec_…")]
    pub secret: String,
    /// What it answers its task tokens with; good for nothing else. Shown only here.
    #[schema(example = "svct_…")]
    pub token: String,
}

fn check(request: &NewService) -> Result<()> {
    validate::name(&request.name, NAME_LENGTH_MAX)?;
    let refuse = |field: &str, max: u64| {
        let detail = format!("{} must be from 1 to {max} seconds.", &field[1..]);
        Err(Error::new(ErrorCode::InvalidTimeout, detail).with_field(field))
    };
    if !(1..=TIMEOUT_SECONDS_MAX).contains(&request.timeout_seconds) {
        return refuse("/timeoutSeconds", TIMEOUT_SECONDS_MAX);
    }
    if request.heartbeat_seconds.is_some_and(|seconds| !(1..=request.timeout_seconds).contains(&seconds)) {
        return refuse("/heartbeatSeconds", request.timeout_seconds);
    }
    Ok(())
}

fn pointer(key: Key, fields: serde_json::Value) -> Item {
    Item::of(key, &fields)
}

impl App {
    /// Registers a service. Once it answers, its secret, its token's hash and its name are durable; the secret lies in
    /// the vault alone.
    ///
    /// Errors: [`ErrorCode::InvalidName`], [`ErrorCode::InvalidTimeout`], [`ErrorCode::UrlRefused`],
    /// [`ErrorCode::ServiceNameTaken`], [`ErrorCode::TooMany`].
    pub async fn register_service(
        &self,
        by: &Principal,
        once: Once<'_, RegisteredService>,
        request: &NewService,
    ) -> Result<Answer> {
        if let Some(answer) = self.remembered(once.idempotency).await? {
            return Ok(answer);
        }
        check(request)?;
        self.check_address(&request.url, "/url")?;
        if self.all(Range::services(), None).await?.iter().filter(|item| !is_removed(item)).count()
            >= limits::SERVICES_MAX
        {
            let detail =
                format!("There are {} services; remove one that is no longer needed.", limits::SERVICES_MAX);
            return Err(Error::new(ErrorCode::TooMany, detail));
        }
        let now = self.now();
        let service_id = ServiceId::from_uuid(self.ports.ids.next());
        let (secret, token) = (self.new_signing_secret(), self.new_token("svct_"));
        let service = Service {
            secret_ref: format!("services/{service_id}/signing"),
            token_hash: token_hash(token.expose()),
            service_id: service_id.clone(),
            name: request.name.clone(),
            url: request.url.clone(),
            required: request.required,
            timeout_seconds: request.timeout_seconds,
            heartbeat_seconds: request.heartbeat_seconds,
            removed: false,
            created_at: now,
            updated_at: now,
        };
        let shown = RegisteredService {
            service: ServiceView::from(&service),
            secret: secret.expose().to_owned(),
            token: token.expose().to_owned(),
        };
        let (answer, remembering) = self.remember(&once, None, &shown).await?;
        let first = usize::from(remembering.is_some());
        let bearer = json!({"kind": "service", "serviceId": service_id});
        let items = [
            pointer(Key::service_name(&service.name), json!({"serviceId": service_id})),
            Item::of(Key::service(&service_id), &service),
            pointer(Key::bearer(&service.token_hash), bearer),
        ];
        let actions = remembering.into_iter().chain(items.into_iter().map(Action::create)).collect();
        // Before the commit, so that no service is ever without its secret; taken back where the commit fails.
        self.ports.vault.store(&service.secret_ref, secret).await?;
        let Err(error) = self.commit(actions).await else {
            tracing::info!(service = %service_id, by = %by, "registered");
            return Ok(answer);
        };
        let CommitError::ConditionFailed { index } = error else { return Err(refused(error)) };
        self.ports.vault.delete(&service.secret_ref).await?;
        match index {
            index if index < first => self.twin(once.idempotency).await,
            index if index == first => Err(self.name_taken(&request.name).await),
            _ => Err(refused(error)),
        }
    }

    async fn name_taken(&self, name: &str) -> Error {
        let detail =
            format!("A service named {name:?} exists. Choose another name, or remove that service first.");
        let error = Error::new(ErrorCode::ServiceNameTaken, detail).with_field("/name");
        let item = self.ports.table.get(&Key::service_name(name)).await.ok().flatten();
        match item.as_ref().and_then(|item| item.attributes.get("serviceId")?.as_str()) {
            Some(id) => error.with_existing(format!("/v1/services/{id}")),
            None => error,
        }
    }

    async fn service_record(&self, id: &ServiceId) -> Result<Service> {
        let item = self.ports.table.get(&Key::service(id)).await?.filter(|item| !is_removed(item));
        match item {
            Some(item) => Ok(item.record()?),
            None => Err(Error::new(
                ErrorCode::ServiceNotFound,
                format!("There is no service {id}. GET /v1/services lists those that there are."),
            )),
        }
    }

    /// A service. [`ErrorCode::ServiceNotFound`].
    pub async fn service(&self, id: &ServiceId) -> Result<ServiceView> {
        Ok(ServiceView::from(&self.service_record(id).await?))
    }

    /// A page of services, oldest first.
    pub async fn services(&self, page: &PageRequest) -> Result<Listing<ServiceView>> {
        let found =
            self.page("services", Range::services(), false, page, |item| Ok(item.record::<Service>()?));
        let found = found.await?;
        let items = found.items.iter().filter(|service| !service.removed).map(ServiceView::from).collect();
        Ok(Listing { items, next_cursor: found.next_cursor })
    }

    /// Removes a service: new tenants no longer need it and its name is free. Its record, secret and token stay, so
    /// that what it made for tenants can still be undone.
    pub async fn remove_service(&self, by: &Principal, once: Once<'_, ()>, id: &ServiceId) -> Result<Answer> {
        if let Some(answer) = self.remembered(once.idempotency).await? {
            return Ok(answer);
        }
        let service = self.service_record(id).await?;
        let before = Condition::Equals("removed".to_owned(), false.into());
        let removed = Service { removed: true, updated_at: self.now(), ..service };
        let (answer, remembering) = self.remember(&once, None, &()).await?;
        let first = usize::from(remembering.is_some());
        let name = Action::Delete { key: Key::service_name(&removed.name), conditions: Vec::new() };
        let row = Action::put_if(Item::of(Key::service(id), &removed), vec![before]);
        match self.commit(remembering.into_iter().chain([row, name]).collect()).await {
            Ok(()) => {
                tracing::info!(service = %id, by = %by, "removed");
                Ok(answer)
            }
            Err(CommitError::ConditionFailed { index }) if index < first => self.twin(once.idempotency).await,
            // Another request removed it first.
            Err(CommitError::ConditionFailed { .. }) => self.service_record(id).await.map(|_| answer),
            Err(error) => Err(refused(error)),
        }
    }
}

fn is_removed(item: &Item) -> bool {
    item.attributes.get("removed").and_then(serde_json::Value::as_bool).unwrap_or(false)
}

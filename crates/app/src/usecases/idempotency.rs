//! `Idempotency-Key`: the same request twice has one effect and one answer.
//!
//! Where the effect is on the table, what is remembered stands in the effect's own commit ([`Once`]). Where it is
//! elsewhere (state machines, queues, the bus), a claim is written first, so that a twin waits, and the answer after
//! it ([`App::claimed`]); a claim whose owner died runs out, and the next twin takes it over.

use super::commit::{contention, refused};
use super::secrets::sha256_hex;
use super::{App, Principal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::future::Future;
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Action, CommitError, Condition, Item, KeyPurpose};
use tenantry_core::{Error, ErrorCode, Result, TenantId, Timestamp, limits};

/// Whose key seals answers that belong to no tenant. No tenant can have this id: its UUID is the nil one.
const SYSTEM: &str = "tnt_00000000000000000000000000";

/// How long a claim holds without an answer.
const CLAIM: Duration = Duration::from_secs(30);

/// How often a waiting twin looks for the answer, besides being woken.
const LOOK: Duration = Duration::from_millis(50);

/// How long a twin waits for the answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer as it is remembered, to be given again word for word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The address to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The record's revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The body; empty for none.
    pub body: String,
    /// Whether it was remembered, and not made now.
    #[serde(skip)]
    pub replayed: bool,
}

/// One request with an `Idempotency-Key`.
#[derive(Debug, Clone)]
pub struct Idempotency {
    row: Key,
    body_hash: String,
}

/// SHA-256 (hex) of a body in its canonical form: keys sorted, no spaces.
pub fn canonical_hash(body: &Value) -> String {
    let mut text = String::new();
    canonical(body, &mut text);
    sha256_hex(text.as_bytes())
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            out.push('{');
            for (place, name) in names.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                canonical(&fields[name], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        leaf => out.push_str(&leaf.to_string()),
    }
}

impl Idempotency {
    /// The request `method path` of `principal` with this key and body. [`ErrorCode::InvalidIdempotencyKey`] unless
    /// the key is 1 to 255 visible ASCII characters.
    pub fn new(principal: &Principal, method: &str, path: &str, key: &str, body: &Value) -> Result<Self> {
        let good = (1..=limits::IDEMPOTENCY_KEY_LENGTH_MAX).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
            && key.trim() == key;
        if !good {
            let detail = format!(
                "The Idempotency-Key must be 1 to {} printable ASCII characters. A UUID is a good one.",
                limits::IDEMPOTENCY_KEY_LENGTH_MAX
            );
            return Err(Error::new(ErrorCode::InvalidIdempotencyKey, detail).with_field("Idempotency-Key"));
        }
        let row = Key::idempotency(&principal.to_string(), &format!("{method} {path}"), key);
        Ok(Self { row, body_hash: canonical_hash(body) })
    }

    fn context(&self) -> String {
        format!("idempotency {}", self.row.pk())
    }
}

/// How an effect on the table is remembered: the key, where the caller gave one, and how the result is answered.
pub struct Once<'a, T> {
    /// The request.
    pub idempotency: Option<&'a Idempotency>,
    /// Makes the answer; called before the commit.
    pub render: fn(&T) -> Answer,
}

/// What lies under a key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    body_hash: String,
    /// Whose key sealed the answer; the system's where there is none.
    tenant_id: Option<TenantId>,
    /// The sealed answer in base64; missing while a claim holds.
    sealed: Option<String>,
    /// Until when a claim holds.
    claimed_until: Option<Timestamp>,
    /// Tells claims apart.
    claim: Option<String>,
}

/// Whether the same request would get the same refusal for as long as its key is remembered, so that the refusal may
/// be remembered. What depends on a state that moves by itself (running, stuck, full) is not among them.
fn is_deterministic(code: ErrorCode) -> bool {
    use tenantry_core::error::ErrorClass;
    match code {
        ErrorCode::SlugTaken
        | ErrorCode::ExternalIdTaken
        | ErrorCode::ServiceNameTaken
        | ErrorCode::TaskTokenUsed
        | ErrorCode::TaskTokenExpired => true,
        ErrorCode::InvalidIdempotencyKey => false,
        other => other.class() == ErrorClass::Invalid,
    }
}

impl App {
    /// The answer that lies under the key, where there is one. [`ErrorCode::IdempotencyKeyReused`] where it belongs
    /// to another body.
    pub(super) async fn remembered(&self, request: Option<&Idempotency>) -> Result<Option<Answer>> {
        let Some(request) = request else { return Ok(None) };
        match self.look(request).await? {
            Some(row) => self.unseal(request, &row).await,
            None => Ok(None),
        }
    }

    async fn look(&self, request: &Idempotency) -> Result<Option<Remembered>> {
        let Some(item) = self.ports.table.get(&request.row).await? else { return Ok(None) };
        let row: Remembered = item.record()?;
        if row.body_hash == request.body_hash {
            return Ok(Some(row));
        }
        Err(Error::new(
            ErrorCode::IdempotencyKeyReused,
            "This Idempotency-Key was used at this address with another body. Nothing was done. Use a new key for a \
             new request, or send the first body again.",
        )
        .with_field("Idempotency-Key"))
    }

    async fn unseal(&self, request: &Idempotency, row: &Remembered) -> Result<Option<Answer>> {
        let Some(sealed) = &row.sealed else { return Ok(None) };
        let sealed = STANDARD.decode(sealed).map_err(Error::internal)?;
        let tenant = self.sealer(row.tenant_id.as_ref()).await?;
        let keys = &self.ports.data_keys;
        let plain = keys.open(&tenant, KeyPurpose::Records, &request.context(), &sealed).await?;
        let answer: Answer = serde_json::from_slice(&plain).map_err(Error::internal)?;
        Ok(Some(Answer { replayed: true, ..answer }))
    }

    /// The tenant whose key seals, with its key made.
    async fn sealer(&self, tenant: Option<&TenantId>) -> Result<TenantId> {
        if let Some(tenant) = tenant {
            self.ports.data_keys.create(tenant, KeyPurpose::Records).await?;
            return Ok(tenant.clone());
        }
        let system: TenantId = SYSTEM.parse().map_err(Error::internal)?;
        let made =
            self.system_key.get_or_try_init(|| self.ports.data_keys.create(&system, KeyPurpose::Records));
        made.await?;
        Ok(system)
    }

    /// The part of the effect's commit that remembers its answer. It must stand first: a commit that fails at place 0
    /// met a twin.
    pub(super) async fn remember<T>(
        &self,
        once: &Once<'_, T>,
        tenant: Option<&TenantId>,
        result: &T,
    ) -> Result<(Answer, Option<Action>)> {
        let answer = (once.render)(result);
        let Some(request) = once.idempotency else { return Ok((answer, None)) };
        let item = self.sealed_item(request, tenant, &answer).await?;
        Ok((answer, Some(Action::create(item))))
    }

    async fn sealed_item(
        &self,
        request: &Idempotency,
        tenant: Option<&TenantId>,
        answer: &Answer,
    ) -> Result<Item> {
        let plain = serde_json::to_vec(answer).map_err(Error::internal)?;
        let sealer = self.sealer(tenant).await?;
        let keys = &self.ports.data_keys;
        let sealed = keys.seal(&sealer, KeyPurpose::Records, &request.context(), &plain).await?;
        let row = Remembered {
            body_hash: request.body_hash.clone(),
            tenant_id: tenant.cloned(),
            sealed: Some(STANDARD.encode(sealed)),
            claimed_until: None,
            claim: None,
        };
        Ok(self.expiring(Item::of(request.row.clone(), &row)))
    }

    fn expiring(&self, item: Item) -> Item {
        let seconds = i64::try_from(limits::IDEMPOTENCY_SECONDS).unwrap_or(i64::MAX);
        item.expiring_at(self.now().as_seconds().saturating_add(seconds))
    }

    /// The answer of the twin that a commit met at place 0.
    pub(super) async fn twin(&self, request: Option<&Idempotency>) -> Result<Answer> {
        self.remembered(request).await?.ok_or_else(contention)
    }

    /// Remembers a refusal that the same request would always get; answers what a twin was answered in the meantime.
    /// Other refusals pass unremembered.
    pub async fn remember_refusal(
        &self,
        request: Option<&Idempotency>,
        error: &Error,
        answer: Answer,
    ) -> Result<Answer> {
        let Some(request) = request.filter(|_| is_deterministic(error.code())) else { return Ok(answer) };
        let item = self.sealed_item(request, None, &answer).await?;
        match self.commit(vec![Action::create(item)]).await {
            Ok(()) => Ok(answer),
            Err(CommitError::ConditionFailed { .. }) => {
                Ok(self.remembered(Some(request)).await?.unwrap_or(answer))
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// Runs an effect that is not on the table under a claim: a twin waits for the answer and gets the same.
    /// `refusal` makes the answer of an error that is to be remembered.
    pub async fn claimed(
        &self,
        request: Option<&Idempotency>,
        refusal: impl Fn(&Error) -> Answer,
        effect: impl Future<Output = Result<Answer>>,
    ) -> Result<Answer> {
        let Some(request) = request else { return effect.await };
        let claim = match self.claim(request).await? {
            Ok(claim) => claim,
            Err(answer) => return Ok(answer),
        };
        let result = effect.await;
        let answer = match &result {
            Ok(answer) => Some(answer.clone()),
            Err(error) if is_deterministic(error.code()) => Some(refusal(error)),
            Err(_) => None,
        };
        let mine = vec![Condition::Equals("claim".to_owned(), claim.into())];
        let action = match &answer {
            Some(answer) => Action::put_if(self.sealed_item(request, None, answer).await?, mine),
            None => Action::Delete { key: request.row.clone(), conditions: mine },
        };
        let kept = self.commit(vec![action]).await;
        self.answered.notify_waiters();
        match kept {
            // The claim ran out and a twin took it over: the effect is done all the same.
            Ok(()) | Err(CommitError::ConditionFailed { .. }) => result,
            Err(error) => Err(refused(error)),
        }
    }

    /// A claim of the key, or the answer that was found instead.
    async fn claim(&self, request: &Idempotency) -> Result<Result<String, Answer>> {
        let patience = self.now().saturating_add(PATIENCE);
        loop {
            // Before the look, so that no answer is missed between the two.
            let answered = self.answered.notified();
            let found = self.look(request).await?;
            let condition = match &found {
                Some(row) if row.sealed.is_some() => {
                    let answer = self.unseal(request, row).await?;
                    return answer.map(Err).ok_or_else(contention);
                }
                Some(row) if row.claimed_until.is_some_and(|until| until > self.now()) => None,
                Some(row) => {
                    Some(Condition::Equals("claim".to_owned(), row.claim.clone().unwrap_or_default().into()))
                }
                None => Some(Condition::NotExists),
            };
            if let Some(condition) = condition {
                let claim = self.ports.ids.next().to_string();
                let row = Remembered {
                    body_hash: request.body_hash.clone(),
                    tenant_id: None,
                    sealed: None,
                    claimed_until: Some(self.now().saturating_add(CLAIM)),
                    claim: Some(claim.clone()),
                };
                let item = self.expiring(Item::of(request.row.clone(), &row));
                match self.commit(vec![Action::put_if(item, vec![condition])]).await {
                    Ok(()) => return Ok(Ok(claim)),
                    Err(CommitError::ConditionFailed { .. }) => continue,
                    Err(error) => return Err(refused(error)),
                }
            }
            if self.now() >= patience {
                return Err(Error::new(
                    ErrorCode::Unavailable,
                    "The same request with this Idempotency-Key is still being worked on. Send it again in a moment.",
                ));
            }
            tokio::select! {
                () = answered => {}
                () = self.ports.clock.sleep_until(self.now().saturating_add(LOOK)) => {}
            }
        }
    }
}

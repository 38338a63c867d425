//! Keys of the one table. A key can only be made here, and every tenant's row asks for its tenant.
//!
//! **Length-safe:** each free text is escaped and every prefix that is searched ends in `#`, so that nothing of
//! tenant, slug or kind `a` is ever found under `ab`.

use crate::model::ResourceKind;
use crate::{EventId, ExecutionId, MessageId, OperationId, ServiceId, SubscriptionId, TenantId, Timestamp};
use std::fmt::Write as _;

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pk: String,
    sk: String,
}

/// The rows of one partition whose sort key begins with a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pk: String,
    sk_prefix: String,
}

/// `#`, `%` and control characters of a free text, percent-encoded.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '#' || c == '%' || c.is_control() {
            let mut buffer = [0u8; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn tenant_pk(tenant: &TenantId) -> String {
    format!("TENANT#{tenant}")
}

fn dead_letters_pk(queue: &str) -> String {
    format!("DEADLETTER#{}", escape(queue))
}

fn archive_pk(shard: u64) -> String {
    format!("ARCHIVE#{shard}")
}

impl Key {
    fn of(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    /// The partition key.
    pub fn pk(&self) -> &str {
        &self.pk
    }

    /// The sort key.
    pub fn sk(&self) -> &str {
        &self.sk
    }

    /// The key that an adapter read back from its store. For adapters alone.
    pub fn from_stored(pk: String, sk: String) -> Self {
        Self { pk, sk }
    }

    /// The tenant's record.
    pub fn tenant(tenant: &TenantId) -> Self {
        Self::of(tenant_pk(tenant), "METADATA")
    }

    /// One thing made for the tenant.
    pub fn resource(tenant: &TenantId, kind: ResourceKind, name: &str) -> Self {
        Self::of(tenant_pk(tenant), format!("RESOURCE#{}#{}", kind.as_str(), escape(name)))
    }

    /// One of the tenant's operations.
    pub fn operation(tenant: &TenantId, operation: &OperationId) -> Self {
        Self::of(tenant_pk(tenant), format!("OPERATION#{operation}"))
    }

    /// The progress of one step of one attempt of an operation. `part` tells the iterations of a Map apart, such as
    /// by the service's id; empty elsewhere.
    pub fn progress(
        tenant: &TenantId,
        operation: &OperationId,
        attempt: u64,
        step: &str,
        part: &str,
    ) -> Self {
        let (step, part) = (escape(step), escape(part));
        Self::of(tenant_pk(tenant), format!("PROGRESS#{operation}#{attempt:06}#{step}#{part}"))
    }

    /// One entry of the tenant's audit trail; `id` tells entries of one millisecond apart and makes a repeated write
    /// the same entry.
    pub fn audit(tenant: &TenantId, at: Timestamp, id: &str) -> Self {
        Self::of(tenant_pk(tenant), format!("AUDIT#{at}#{}", escape(id)))
    }

    /// The tenant's event of that number.
    pub fn event(tenant: &TenantId, sequence: u64) -> Self {
        Self::of(tenant_pk(tenant), format!("EVENT#{sequence:020}"))
    }

    /// How far the relay has published the tenant's events.
    pub fn relay(tenant: &TenantId) -> Self {
        Self::of(tenant_pk(tenant), "RELAY")
    }

    /// One of the tenant's wrapped data keys.
    pub fn data_key(tenant: &TenantId, purpose: &str) -> Self {
        Self::of(tenant_pk(tenant), format!("DATAKEY#{}", escape(purpose)))
    }

    /// The wrapped key that seals what is no tenant's.
    pub fn system_key(purpose: &str) -> Self {
        Self::of(format!("SYSTEMKEY#{}", escape(purpose)), "DATAKEY")
    }

    /// One of the tenant's secrets, sealed; `name` is what follows `tenants/<id>/` in its reference.
    pub fn tenant_secret(tenant: &TenantId, name: &str) -> Self {
        Self::of(tenant_pk(tenant), format!("SECRET#{}", escape(name)))
    }

    /// A secret that is no tenant's, sealed.
    pub fn secret(reference: &str) -> Self {
        Self::of(format!("SECRET#{}", escape(reference)), "SECRET")
    }

    /// The tenant's pending first administrator, or another identity.
    pub fn identity(tenant: &TenantId, email: &str) -> Self {
        Self::of(tenant_pk(tenant), format!("IDENTITY#{}", escape(&email.to_lowercase())))
    }

    /// The tenant's activation token, hashed; one at a time.
    pub fn activation(tenant: &TenantId) -> Self {
        Self::of(tenant_pk(tenant), "ACTIVATION")
    }

    /// The tenant's limits and features.
    pub fn entitlements(tenant: &TenantId) -> Self {
        Self::of(tenant_pk(tenant), "ENTITLEMENTS")
    }

    /// Pointer from an operation's id to its tenant.
    pub fn operation_pointer(operation: &OperationId) -> Self {
        Self::of(format!("OPERATION#{operation}"), "POINTER")
    }

    /// Pointer from a slug to its tenant.
    pub fn slug(slug: &str) -> Self {
        Self::of(format!("SLUG#{}", escape(slug)), "POINTER")
    }

    /// Pointer from a caller's own id to its tenant.
    pub fn external_id(external_id: &str) -> Self {
        Self::of(format!("EXTERNAL#{}", escape(external_id)), "POINTER")
    }

    /// Pointer from a key prefix to the tenant that claimed it.
    pub fn namespace(prefix: &str) -> Self {
        Self::of(format!("NAMESPACE#{}", escape(prefix)), "POINTER")
    }

    /// The remembered answer of an `Idempotency-Key`; `route` is method and path.
    pub fn idempotency(principal: &str, route: &str, key: &str) -> Self {
        let pk = format!("IDEMPOTENCY#{}#{}#{}", escape(principal), escape(route), escape(key));
        Self::of(pk, "ANSWER")
    }

    /// How much of a cell is taken.
    pub fn cell(name: &str) -> Self {
        Self::of(format!("CELL#{}", escape(name)), "USAGE")
    }

    /// A product service. All lie in one partition: there are at most [`crate::limits::SERVICES_MAX`].
    pub fn service(service: &ServiceId) -> Self {
        Self::of("SERVICES".to_owned(), format!("SERVICE#{service}"))
    }

    /// Pointer from a service's name to the service.
    pub fn service_name(name: &str) -> Self {
        Self::of(format!("SERVICENAME#{}", escape(name)), "POINTER")
    }

    /// Pointer from the SHA-256 of a bearer token (hex) to whom it belongs.
    pub fn bearer(token_hash: &str) -> Self {
        Self::of(format!("BEARER#{}", escape(token_hash)), "POINTER")
    }

    /// Pointer from the SHA-256 of a task token (hex) to the service that it was given to.
    pub fn task_token(token_hash: &str) -> Self {
        Self::of(format!("TASKTOKEN#{}", escape(token_hash)), "POINTER")
    }

    /// A subscription. All lie in one partition: there are at most [`crate::limits::SUBSCRIPTIONS_MAX`].
    pub fn subscription(subscription: &SubscriptionId) -> Self {
        Self::of("SUBSCRIPTIONS".to_owned(), format!("SUBSCRIPTION#{subscription}"))
    }

    /// How far a tenant's events were delivered to a subscription.
    pub fn delivery_cursor(subscription: &SubscriptionId, tenant: &TenantId) -> Self {
        Self::of(format!("SUBSCRIPTION#{subscription}"), format!("CURSOR#{tenant}"))
    }

    /// One try to deliver one event, newest last. `try_number` and `replay` tell tries apart.
    pub fn delivery(subscription: &SubscriptionId, at: Timestamp, event: &EventId, try_number: u64) -> Self {
        Self::of(format!("SUBSCRIPTION#{subscription}"), format!("DELIVERY#{at}#{event}#{try_number:06}"))
    }

    /// A lease that lets one worker at a time do something.
    pub fn lease(name: &str) -> Self {
        Self::of(format!("LEASE#{}", escape(name)), "LEASE")
    }

    /// A small fact that a worker keeps of itself, such as when a sweeper last ran.
    pub fn worker(name: &str) -> Self {
        Self::of(format!("WORKER#{}", escape(name)), "STATE")
    }

    /// A dead letter of a queue. The time of death leads, because that is the order in which they are listed.
    pub fn dead_letter(queue: &str, died_at: Timestamp, message: &MessageId) -> Self {
        Self::of(dead_letters_pk(queue), format!("DIED#{died_at}#{message}"))
    }

    /// Pointer from a message's id to its dead letter in that queue.
    pub fn dead_letter_pointer(queue: &str, message: &MessageId) -> Self {
        Self::of(dead_letters_pk(queue), format!("MESSAGE#{message}"))
    }

    /// The event of that number in a shard of the bus's archive. Numbers are dense, from 1.
    pub fn archive(shard: u64, number: u64) -> Self {
        Self::of(archive_pk(shard), format!("EVENT#{number:020}"))
    }

    /// The last number of a shard of the bus's archive.
    pub fn archive_head(shard: u64) -> Self {
        Self::of(archive_pk(shard), "HEAD")
    }

    /// Pointer from a tenant's event of that sequence to its number in the bus's archive.
    pub fn archive_pointer(tenant: &TenantId, sequence: u64) -> Self {
        Self::of(format!("ARCHIVED#{tenant}"), format!("EVENT#{sequence:020}"))
    }

    /// The bus's rule of a subscription. All lie in one partition: there are at most
    /// [`crate::limits::SUBSCRIPTIONS_MAX`].
    pub fn bus_rule(subscription: &SubscriptionId) -> Self {
        Self::of("BUSRULES".to_owned(), format!("RULE#{subscription}"))
    }

    /// How often the bus's rules have changed.
    pub fn bus_rules_version() -> Self {
        Self::of("BUSRULES".to_owned(), "VERSION")
    }

    /// What is remembered of an execution's end beside its operation, where it has none.
    pub fn execution(execution: &ExecutionId) -> Self {
        Self::of(format!("EXECUTION#{execution}"), "STATE")
    }
}

impl Range {
    fn of(pk: String, sk_prefix: impl Into<String>) -> Self {
        let sk_prefix = sk_prefix.into();
        debug_assert!(sk_prefix.is_empty() || sk_prefix.ends_with('#'), "{sk_prefix} is not length-safe");
        Self { pk, sk_prefix }
    }

    /// The partition key.
    pub fn pk(&self) -> &str {
        &self.pk
    }

    /// What each sort key begins with; empty, or ending in `#`.
    pub fn sk_prefix(&self) -> &str {
        &self.sk_prefix
    }

    /// Every row of the tenant.
    pub fn tenant(tenant: &TenantId) -> Self {
        Self::of(tenant_pk(tenant), "")
    }

    /// The tenant's resources.
    pub fn resources(tenant: &TenantId) -> Self {
        Self::of(tenant_pk(tenant), "RESOURCE#")
    }

    /// The tenant's resources of one kind.
    pub fn resources_of(tenant: &TenantId, kind: ResourceKind) -> Self {
        Self::of(tenant_pk(tenant), format!("RESOURCE#{}#", kind.as_str()))
    }

    /// The tenant's operations, oldest first.
    pub fn operations(tenant: &TenantId) -> Self {
        Self::of(tenant_pk(tenant), "OPERATION#")
    }

    /// The steps of an operation, attempt by attempt.
    pub fn progress(tenant: &TenantId, operation: &OperationId) -> Self {
        Self::of(tenant_pk(tenant), format!("PROGRESS#{operation}#"))
    }

    /// The tenant's audit trail, oldest first.
    pub fn audit(tenant: &TenantId) -> Self {
        Self::of(tenant_pk(tenant), "AUDIT#")
    }

    /// The tenant's events, by sequence.
    pub fn events(tenant: &TenantId) -> Self {
        Self::of(tenant_pk(tenant), "EVENT#")
    }

    /// The tenant's identities.
    pub fn identities(tenant: &TenantId) -> Self {
        Self::of(tenant_pk(tenant), "IDENTITY#")
    }

    /// All services.
    pub fn services() -> Self {
        Self::of("SERVICES".to_owned(), "SERVICE#")
    }

    /// All subscriptions.
    pub fn subscriptions() -> Self {
        Self::of("SUBSCRIPTIONS".to_owned(), "SUBSCRIPTION#")
    }

    /// A subscription's deliveries, oldest first.
    pub fn deliveries(subscription: &SubscriptionId) -> Self {
        Self::of(format!("SUBSCRIPTION#{subscription}"), "DELIVERY#")
    }

    /// How far each tenant's events were delivered to a subscription.
    pub fn delivery_cursors(subscription: &SubscriptionId) -> Self {
        Self::of(format!("SUBSCRIPTION#{subscription}"), "CURSOR#")
    }

    /// A queue's dead letters, oldest death first.
    pub fn dead_letters(queue: &str) -> Self {
        Self::of(dead_letters_pk(queue), "DIED#")
    }

    /// A shard of the bus's archive, by number.
    pub fn archive(shard: u64) -> Self {
        Self::of(archive_pk(shard), "EVENT#")
    }

    /// The pointers to a tenant's events in the bus's archive, by sequence.
    pub fn archive_pointers(tenant: &TenantId) -> Self {
        Self::of(format!("ARCHIVED#{tenant}"), "EVENT#")
    }

    /// All rules of the bus.
    pub fn bus_rules() -> Self {
        Self::of("BUSRULES".to_owned(), "RULE#")
    }
}

/// How many partitions an index value is spread over, so that no one of them grows hot.
pub const INDEX_SHARDS: u64 = 4;

/// The partitions of the three indexes. An item is in an index only where it carries that index's key.
pub mod index {
    use super::{INDEX_SHARDS, escape};
    use crate::TenantId;
    use crate::model::TenantStatus;

    /// The shard of a tenant: stable, spread evenly (FNV-1a over the id).
    pub fn shard(tenant: &TenantId) -> u64 {
        let hash = tenant.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash % INDEX_SHARDS
    }

    /// Index 1: tenants by status. Sort key: the tenant's id.
    pub fn status(status: TenantStatus, shard: u64) -> String {
        format!("STATUS#{}#{shard}", status.as_str())
    }

    /// Index 2: tenants by plan. Sort key: the tenant's id.
    pub fn plan(plan: &str, shard: u64) -> String {
        format!("PLAN#{}#{shard}", escape(plan))
    }

    /// Index 3: tenants by region and cell. Sort key: `<cell or ->#<tenant id>`.
    pub fn region(region: &str, shard: u64) -> String {
        format!("REGION#{}#{shard}", escape(region))
    }

    /// Index 1, shared: what the outbox relay has not yet published or sent. Sort key: tenant and sort key of the row.
    pub fn outbox(shard: u64) -> String {
        format!("OUTBOX#{shard}")
    }

    /// Index 1, shared: rows with a due time that the sweeper acts on. Sort key: the due time.
    pub fn due(shard: u64) -> String {
        format!("DUE#{shard}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tenant() -> TenantId {
        TenantId::from_uuid(uuid::Uuid::from_u128(7))
    }

    proptest! {
        #[test]
        fn different_texts_make_different_keys(a in ".{0,20}", b in ".{0,20}", c in ".{0,20}", d in ".{0,20}") {
            prop_assert_eq!(Key::slug(&a) == Key::slug(&b), a == b);
            prop_assert_eq!(
                Key::idempotency("p", &a, &b) == Key::idempotency("p", &c, &d),
                (&a, &b) == (&c, &d)
            );
        }

        #[test]
        fn a_kind_or_name_is_never_found_under_another(name in ".{0,20}") {
            for kind in ResourceKind::ALL {
                let key = Key::resource(&tenant(), *kind, &name);
                for other in ResourceKind::ALL {
                    let range = Range::resources_of(&tenant(), *other);
                    prop_assert_eq!(key.sk().starts_with(range.sk_prefix()), kind == other);
                }
            }
        }
    }

    #[test]
    fn events_sort_by_number() {
        assert!(Key::event(&tenant(), 9).sk() < Key::event(&tenant(), 10).sk());
    }
}

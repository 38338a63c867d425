//! What each act does.

use crate::receiver::Receiver;
use crate::runner::{Signed, World};
use crate::scenario::{Act, SignUp, Via};
use crate::service::Service;
use crate::until;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no text at {pointer} in {value:#}"))
}

impl World<'_> {
    pub(crate) async fn carry_out(&mut self, act: &Act) {
        match act {
            Act::AddService { name, required, answers } => {
                let service = Service::start(self.on, name, *required, answers).await;
                self.services.insert(name.clone(), service);
            }
            Act::ChangeService { name, answers } => self.service(name).answers.replace(answers),
            Act::RemoveService { name } => {
                let service = self.services.remove(name).unwrap_or_else(|| panic!("no service {name:?}"));
                self.on.tenantry(&["service", "remove", &service.id()]).await;
            }
            Act::ServiceHolds { name, tenants } => self.service_holds(name, tenants).await,
            Act::Subscribe { name, pattern, answers } => {
                let receiver = Receiver::start(self.on, name, pattern.as_ref(), answers).await;
                self.receivers.insert(name.clone(), receiver);
            }
            Act::Delivered { name, types } => {
                for (label, types) in types {
                    self.delivered(name, label, types).await;
                }
            }
            Act::SignUp(sign_up) => self.sign_up(sign_up).await,
            Act::AwaitStatus { tenant, status, error, generation } => {
                self.await_status(tenant, status, error.as_deref(), *generation).await;
            }
            Act::AwaitOperation { tenant, status, attempt } => {
                self.await_operation(tenant, status, *attempt).await;
            }
            Act::Retry { tenant, refused } => {
                let operation = &self.tenant(tenant).operation_id;
                let arguments = ["operation", "retry", operation];
                match refused {
                    Some(code) => self.on.refused(&arguments, code).await,
                    None => _ = self.on.tenantry(&arguments).await,
                }
            }
            Act::Activate { tenant } => {
                let tenant = &self.tenant(tenant).tenant_id;
                let first = self.on.tenantry(&["tenant", "activation", tenant]).await;
                let second = self.on.tenantry(&["tenant", "activation", tenant]).await;
                assert_ne!(text(&first, "/activationToken"), text(&second, "/activationToken"));
            }
            Act::Resources { tenant, kinds } => {
                let tenant = &self.tenant(tenant).tenant_id;
                let found = self.on.tenantry(&["tenant", "resources", tenant]).await;
                let mut found: Vec<&str> =
                    found.as_array().expect("a list").iter().map(|one| text(one, "/kind")).collect();
                found.sort_unstable();
                assert_eq!(found, *kinds, "resources of {tenant}");
            }
            Act::Timeline { tenant, steps } => self.timeline(tenant, steps).await,
            Act::DeadLetters { queue, count } => self.dead_letters(queue, *count).await,
        }
    }

    async fn service_holds(&self, name: &str, labels: &[String]) {
        let ours: BTreeSet<&str> = self.tenants.iter().map(|tenant| tenant.tenant_id.as_str()).collect();
        let wanted: BTreeSet<&str> =
            labels.iter().map(|label| self.tenant(label).tenant_id.as_str()).collect();
        until(&format!("the service {name} to hold something for {labels:?} alone"), || async {
            let held = self.service(name).holds();
            let held: BTreeSet<&str> =
                held.iter().map(String::as_str).filter(|id| ours.contains(id)).collect();
            (held == wanted).then_some(())
        })
        .await;
    }

    async fn delivered(&self, name: &str, label: &str, types: &[String]) {
        let receiver = self.receivers.get(name).unwrap_or_else(|| panic!("no webhook {name:?}"));
        let tenant = &self.tenant(label).tenant_id;
        until(&format!("{} events of {label} at the webhook {name}", types.len()), || async {
            (receiver.types(tenant).len() >= types.len()).then_some(())
        })
        .await;
        assert_eq!(receiver.types(tenant), types, "of {label} at the webhook {name}");
    }

    async fn sign_up(&mut self, sign_up: &SignUp) {
        let answer = match (sign_up.via, sign_up.refused.as_deref()) {
            (Via::Command, Some(code)) => {
                let arguments = arguments(sign_up);
                return self.on.refused(&borrowed(&arguments), code).await;
            }
            (Via::Command, None) => self.on.tenantry(&borrowed(&arguments(sign_up))).await,
            (Via::Http, refused) => {
                let (body, key) = (body(sign_up), sign_up.idempotency_key.as_deref());
                let (status, answer) = self.on.send(Method::POST, "/v1/tenants", Some(&body), key).await;
                if let Some(code) = refused {
                    assert!((400..500).contains(&status), "{status}: {answer:#}");
                    return assert_eq!(text(&answer, "/code"), code, "{answer:#}");
                }
                assert_eq!(status, 202, "{answer:#}");
                answer
            }
        };
        let signed = Signed {
            label: sign_up.tenant.clone(),
            tenant_id: text(&answer, "/tenant/tenantId").to_owned(),
            operation_id: text(&answer, "/operation/operationId").to_owned(),
        };
        match self.tenants.iter().find(|known| known.label == signed.label) {
            Some(known) => assert_eq!(known.tenant_id, signed.tenant_id, "the sign-up was to be the same"),
            None => self.tenants.push(signed),
        }
    }

    async fn await_status(&self, label: &str, status: &str, error: Option<&str>, generation: Option<u64>) {
        let tenant = &self.tenant(label).tenant_id;
        let found = until(&format!("{label} to be {status}"), || async {
            let found = self.on.tenantry(&["tenant", "show", tenant]).await;
            let settled = match text(&found, "/status") {
                "active" => true,
                // One that is tried again keeps its status, without an error, until its attempt begins.
                "provisioning_failed" => found["statusDetail"]["lastError"].is_object(),
                _ => false,
            };
            let there = found["status"] == *status
                && (settled || status == "provisioning")
                && generation.is_none_or(|wanted| found["generation"] == wanted);
            // What has ended the other way comes to nothing else.
            let stale = generation.is_some_and(|wanted| found["generation"].as_u64() < Some(wanted));
            assert!(
                there || stale || !settled || status == "provisioning",
                "{label} was to be {status}: {found:#}"
            );
            there.then_some(found)
        })
        .await;
        if let Some(error) = error {
            assert_eq!(text(&found, "/statusDetail/lastError/code"), error, "{found:#}");
        }
        assert!(found["statusDetail"]["stuck"].is_null(), "{found:#}");
    }

    async fn await_operation(&self, label: &str, status: &str, attempt: u64) {
        let operation = &self.tenant(label).operation_id;
        let found = until(&format!("the operation of {label} to be {status}"), || async {
            let found = self.on.tenantry(&["operation", "show", operation]).await;
            (found["status"] == *status && found["attempt"] == attempt).then_some(found)
        })
        .await;
        let execution = text(&found, "/executionId");
        until(&format!("the execution of {label} to be {status}"), || async {
            let found = self.on.tenantry(&["execution", "show", execution]).await;
            (found["status"] == *status).then_some(())
        })
        .await;
    }

    async fn timeline(&self, label: &str, steps: &[String]) {
        let tenant = &self.tenant(label).tenant_id;
        let found = self.on.tenantry(&["tenant", "timeline", tenant, "--limit", "1000"]).await;
        let entries = found.as_array().expect("a list").iter();
        let succeeded = entries.filter(|entry| entry["kind"] == "step" && entry["state"] == "succeeded");
        // In no order: on a fast machine several begin in one millisecond.
        let done: BTreeSet<&str> = succeeded.map(|entry| text(entry, "/step")).collect();
        let wanted: BTreeSet<&str> = steps.iter().map(String::as_str).collect();
        assert_eq!(done, wanted, "steps of {label} that have succeeded");
    }

    async fn dead_letters(&self, queue: &str, count: usize) {
        let found = self.on.tenantry(&["queue", "dead-letters", queue, "--limit", "1000"]).await;
        let letters = found.as_array().expect("a list");
        let of_ours = |letter: &&Value| {
            self.tenants.iter().any(|tenant| text(letter, "/group").ends_with(&tenant.tenant_id))
        };
        let ours: Vec<&Value> = letters.iter().filter(of_ours).collect();
        assert_eq!(ours.len(), count, "dead letters of {queue}: {ours:#?}");
    }
}

const ADMIN_EMAIL: &str = "admin@example.com";

fn optional(sign_up: &SignUp) -> [(&'static str, &'static str, &Option<String>); 4] {
    [
        ("slug", "--slug", &sign_up.slug),
        ("region", "--region", &sign_up.region),
        ("isolation", "--isolation", &sign_up.isolation),
        ("externalId", "--external-id", &sign_up.external_id),
    ]
}

fn arguments(sign_up: &SignUp) -> Vec<String> {
    let plain = ["tenant", "create", &sign_up.name, "--plan", &sign_up.plan, "--admin-email", ADMIN_EMAIL];
    let mut arguments: Vec<String> = plain.map(str::to_owned).into();
    let mut add = |option: &str, value: &str| arguments.extend([option.to_owned(), value.to_owned()]);
    for (_, option, value) in optional(sign_up) {
        if let Some(value) = value {
            add(option, value);
        }
    }
    if let Some(key) = &sign_up.idempotency_key {
        add("--idempotency-key", key);
    }
    for (key, value) in &sign_up.metadata {
        add("--metadata", &format!("{key}={value}"));
    }
    arguments
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn body(sign_up: &SignUp) -> Value {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(sign_up.name));
    body.insert("plan".to_owned(), json!(sign_up.plan));
    body.insert("adminEmail".to_owned(), json!(ADMIN_EMAIL));
    for (field, _, value) in optional(sign_up) {
        if let Some(value) = value {
            body.insert(field.to_owned(), json!(value));
        }
    }
    if !sign_up.metadata.is_empty() {
        body.insert("metadata".to_owned(), json!(sign_up.metadata));
    }
    Value::Object(body)
}

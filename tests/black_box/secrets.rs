//! What is secret stays secret: at rest, and in everything that is said.

mod client;
pub(super) mod known;
mod product;

use crate::support::receiver::Receiver;
use crate::support::server::Server;
use crate::support::{text, until};
use client::Client;
use known::Known;
use product::{Asked, Product};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tenantry_core::ports::{DeadLetter, DeadLetters as _, DeadReason, Queues, Vault as _};
use tenantry_core::{MessageId, Timestamp};
use tenantry_embedded::{EmbeddedHome, HomeOptions};

/// A bearer token that was never given out; it may be a true one with a slip in it.
const WRONG: &str = "tadm_Zm9yZ290dGVuLWFuZC1taXN0eXBlZC1ieS1zb21lb25l";
/// What services answer of a tenant: for the operator who reads its history, not for everyone who can read the disk.
const OUTPUT: &str = "output-canary-8PzqT1vLkW";
const UNDONE: &str = "undo-canary-x0J5hUeRmB";
/// Why services refuse: the operator is to see it, without the token that the service put behind it; no disk, log or
/// subscriber is.
const CAUSE: &str = "cause-canary-Nq7dY2sGfK";
const REFUSAL: &str = "refusal-canary-c4WbM9aZtE";

/// Files of the data folder that are secrets themselves; and the log, which the test puts there.
const OPEN_FILES: [&str; 4] = ["admin.token", "aws-credentials.json", "master.key", "server.log"];

/// What of the services' words a place may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    Nothing,
    Causes,
    Everything,
}

impl Shown {
    /// To whom asked this.
    fn to(asked: &str) -> Self {
        let causes = ["GET /v1/tenants", "GET /v1/operations/", "GET /v1/executions"];
        // What was told to everyone, and the addresses under a tenant that say nothing of its operations.
        let nothing = ["/events", "/resources", "/entitlements"];
        if asked.contains("/history") {
            Self::Everything
        } else if nothing.iter().any(|part| asked.contains(part)) {
            Self::Nothing
        } else if causes.iter().any(|start| asked.starts_with(start)) {
            Self::Causes
        } else {
            Self::Nothing
        }
    }
}

struct Story {
    server: Server,
    client: Client,
    product: Product,
    receiver: Receiver,
    /// What nobody is shown.
    known: Known,
    /// What only a history shows.
    sealed: Known,
    /// What only a history, a tenant, an operation and a timeline show.
    causes: Known,
    service: Value,
    ids: BTreeMap<&'static str, Vec<String>>,
    /// What was found where it must not be.
    found: Vec<String>,
}

impl Story {
    async fn begin(dir: &Path) -> Self {
        let environment = vec![("TENANTRY_LOG".to_owned(), "trace".to_owned())];
        let server = Server::start_with(dir, environment).await;
        let mut client = Client::of(&server);
        let mut known = Known::default();
        known.secret("admin token", &server.token());
        let key = std::fs::read(dir.join("aws-credentials.json")).expect("aws-credentials.json");
        let key: Value = serde_json::from_slice(&key).expect("JSON");
        known.secret("secret access key", text(&key, "/SecretAccessKey"));
        known.bytes("master key", &std::fs::read(dir.join("master.key")).expect("master.key"));
        known.secret("wrong token", WRONG);
        let mut sealed = Known::default();
        sealed.text("output of a service", OUTPUT);
        sealed.text("output of a service's undo", UNDONE);
        let mut causes = Known::default();
        causes.text("cause of a service's failure", CAUSE);
        causes.text("refusal of a service", REFUSAL);

        client.ask_as(WRONG, "/v1/tenants", &Server::sign_up_body("Nobody"), 401).await;
        let product = Product::start().await;
        let service = client.reveal("/v1/services", "register", &registration(&product)).await;
        known.secret("service secret", text(&service, "/secret"));
        known.secret("service token", text(&service, "/token"));
        let other = json!({"name": "other", "url": product.url, "required": true, "timeoutSeconds": 60});
        let (status, _) = server
            .send(reqwest::Method::POST, "/v1/services", Some(&other), Some("register"))
            .await
            .expect("an answer");
        assert_eq!(status.as_u16(), 422, "the key belongs to another body");

        let receiver = Receiver::start().await;
        let body = json!({
            "name": "all", "pattern": {"source": ["tenantry"]}, "target": {"type": "webhook", "url": receiver.url}
        });
        let subscription = client.reveal("/v1/subscriptions", "subscribe", &body).await;
        known.secret("webhook secret", text(&subscription, "/secret"));
        *receiver.secret.lock().expect("no panic") = text(&subscription, "/secret").to_owned();
        *receiver.fail_next.lock().expect("no panic") = 1;

        let mut ids = BTreeMap::from([
            ("tenantId", Vec::new()),
            ("operationId", Vec::new()),
            ("executionId", Vec::new()),
            ("messageId", Vec::new()),
        ]);
        ids.insert("queue", Queues::NAMES.map(str::to_owned).to_vec());
        ids.insert("serviceId", vec![text(&service, "/serviceId").to_owned()]);
        ids.insert("subscriptionId", vec![text(&subscription, "/subscriptionId").to_owned()]);
        Self { server, client, product, receiver, known, sealed, causes, service, ids, found: Vec::new() }
    }

    async fn sign_up(&mut self, name: &str) -> String {
        let answer = self.client.ask("/v1/tenants", &Server::sign_up_body(name), 202).await;
        let tenant = text(&answer, "/tenant/tenantId").to_owned();
        let operation = text(&answer, "/operation/operationId").to_owned();
        self.ids.entry("executionId").or_default().push(format!("provision_tenant~{operation}-1"));
        self.ids.entry("operationId").or_default().push(operation);
        self.ids.entry("tenantId").or_default().push(tenant.clone());
        tenant
    }

    /// Waits for a request to the product service, and knows its token from then on.
    async fn asked(&mut self, action: &str, tenant: &str) -> Asked {
        let asked = self.product.asked(action, tenant).await;
        self.known.secret(&format!("task token to {action} {tenant}"), &asked.task_token);
        asked
    }

    /// Answers a task as the product service.
    async fn answer(&mut self, path: &str, body: Value, expected: u16) {
        let bearer = text(&self.service, "/token").to_owned();
        self.client.ask_as(&bearer, &format!("/v1/task-tokens/{path}"), &body, expected).await;
    }

    fn look_through_files(&mut self, when: &str) {
        for known in [&self.known, &self.sealed, &self.causes] {
            let found = known.in_files(self.server.dir(), &OPEN_FILES);
            self.found.extend(found.into_iter().map(|found| format!("{when}, in the file {found}")));
        }
    }

    /// Opens the data folder of a killed server: what the vault holds is known from then on, and a message with that
    /// token dies.
    async fn look_inside(&mut self, tenant: &str, asked: &Asked) {
        let home = EmbeddedHome::open(self.server.dir(), HomeOptions::default()).expect("the folder opens");
        for reference in [&format!("tenants/{tenant}/credential"), "system/task-token-key"] {
            let secret = home.vault.resolve(reference).await.expect("it is there");
            self.known.secret(reference, secret.expose());
        }
        let id = MessageId::from_uuid(home.ids.next());
        let now: Timestamp = home.clock.now();
        let letter = DeadLetter {
            queue: "integrations".to_owned(),
            id: id.clone(),
            body: json!({"action": "provision", "tenantId": tenant, "taskToken": asked.task_token})
                .to_string(),
            group: tenant.to_owned(),
            receive_count: 50,
            reason: DeadReason {
                code: "max_receives".to_owned(),
                message: "It was received too often.".to_owned(),
            },
            sent_at: now,
            died_at: now,
        };
        home.dead_letters.bury(letter).await.expect("it is buried");
        self.ids.entry("messageId").or_default().push(id.to_string());
    }

    /// Waits until the receiver has all events, and names them.
    async fn all_received(&self) -> BTreeSet<String> {
        let mut events = BTreeSet::new();
        for tenant in &self.ids["tenantId"] {
            let told = self.server.all(&format!("/v1/tenants/{tenant}/events")).await;
            events.extend(told.iter().map(|event| text(event, "/eventId").to_owned()));
        }
        until("the receiver to have every event", || async {
            let seen = self.receiver.first_sightings().into_values().flatten();
            let seen: BTreeSet<String> = seen.map(|event| text(&event, "/eventId").to_owned()).collect();
            (seen == events).then_some(())
        })
        .await;
        events
    }

    fn look_through_answers(&mut self) {
        let mut found = BTreeSet::new();
        let mut look = |place: &str, text: &[u8], shown: Shown| {
            let mut names = self.known.within(text);
            if shown < Shown::Everything {
                names.append(&mut self.sealed.within(text));
            }
            if shown < Shown::Causes {
                names.append(&mut self.causes.within(text));
            }
            found.extend(names.iter().map(|name| format!("in {place}: {name}")));
        };
        let log = std::fs::read(self.server.dir().join("server.log")).expect("the log");
        assert!(log.windows(5).any(|window| window == b"TRACE"), "the log has everything");
        look("the log", &log, Shown::Nothing);
        for (asked, answer) in &self.client.answers {
            look(&format!("the answer to {asked}"), answer.as_bytes(), Shown::to(asked));
        }
        for received in self.receiver.received.lock().expect("no panic").iter() {
            assert!(received.verified, "every event is signed");
            let place = format!("an event {}", received.event["type"]);
            look(&place, received.event.to_string().as_bytes(), Shown::Nothing);
        }
        for asked in self.product.asked.lock().expect("no panic").iter() {
            let rest = asked.whole.replace(&asked.task_token, "");
            let place = format!("a request to {}, beside its token", asked.action);
            look(&place, rest.as_bytes(), Shown::Nothing);
        }
        self.found.extend(found);
    }

    /// The operator sees why it failed, without the token.
    async fn cause_is_shown(&mut self, tenant: &str, cause: &str) {
        let shown = self.client.read(&format!("/v1/tenants/{tenant}")).await.swap_remove(0);
        assert_eq!(text(&shown, "/status"), "provisioning_failed", "{shown:#}");
        assert_eq!(text(&shown, "/statusDetail/lastError/message"), format!("{cause} [task token]"));
    }
}

fn registration(product: &Product) -> Value {
    json!({"name": "product", "url": product.url, "required": true, "timeoutSeconds": 3600})
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_said_or_lies_open() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut story = Story::begin(dir.path()).await;

    let active = story.sign_up("Becomes Active").await;
    let asked = story.asked("provision", &active).await;
    story.look_through_files("while a task waits");
    story.server.kill();
    story.look_through_files("after a kill");
    story.look_inside(&active, &asked).await;
    story.look_through_files("with a dead letter");
    story.server.spawn();
    story.server.until_ready().await;
    let again = story.client.reveal("/v1/services", "register", &registration(&story.product)).await;
    assert_eq!(again, story.service, "also after a kill");

    story.answer("heartbeat", json!({"taskToken": asked.task_token}), 204).await;
    story.answer("success", json!({"taskToken": {"is": asked.task_token}}), 400).await;
    story.answer("success", json!({"taskToken": asked.task_token, "output": 1, "extra": 1}), 400).await;
    story.answer("success", json!({"taskToken": asked.task_token, "output": {"note": OUTPUT}}), 204).await;
    story.answer("success", json!({"taskToken": asked.task_token, "output": {"note": OUTPUT}}), 409).await;
    let settled = story.server.until_settled(&active).await;
    assert_eq!(text(&settled, "/status"), "active", "{settled:#}");
    let activation = format!("/v1/tenants/{active}/activation");
    for key in ["first", "second"] {
        let shown = story.client.reveal(&activation, key, &json!({})).await;
        story.known.secret("activation token", text(&shown, "/activationToken"));
    }

    let failed = story.sign_up("Is Told To Fail").await;
    let asked = story.asked("provision", &failed).await;
    let cause = format!("{CAUSE} {}", asked.task_token);
    let failure = json!({"taskToken": asked.task_token, "error": "Product.Refused", "cause": cause});
    story.answer("failure", failure, 204).await;
    let undo = story.asked("undo", &failed).await;
    story
        .answer("success", json!({"taskToken": undo.task_token, "output": [UNDONE, undo.task_token]}), 204)
        .await;
    story.server.until_settled(&failed).await;
    story.cause_is_shown(&failed, CAUSE).await;

    *story.product.refusal.lock().expect("no panic") = Some(REFUSAL.to_owned());
    let refused = story.sign_up("Is Refused").await;
    story.asked("provision", &refused).await;
    let undo = story.asked("undo", &refused).await;
    story.answer("success", json!({"taskToken": undo.task_token, "output": UNDONE}), 204).await;
    story.server.until_settled(&refused).await;
    story.cause_is_shown(&refused, &format!("the service product answered 422: {REFUSAL}")).await;

    let events = story.all_received().await;
    story.client.read_all(&story.ids.clone(), &events).await;
    story.look_through_files("at the end");
    story.look_through_answers();
    story.server.kill();
    story.look_through_files("after the end");
    assert!(story.found.is_empty(), "{:#?}", story.found);
}

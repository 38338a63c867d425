//! The integration worker against a real HTTP receiver.

use super::super::tests::{Home, eventually, seconds, signing_secret};
use super::*;
use crate::http::HttpSettings;
use crate::http::receiver::{Answer, Receiver};
use crate::workers::consume::Consumer;
use crate::workers::{Shutdown, WorkerStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenantry_core::keys::Range;
use tenantry_core::ports::{DeadLetters as _, OutgoingMessage, Queue as _, Table as _, TaskTokens as _};
use tenantry_core::{OperationId, TenantId};
use tenantry_events::webhook::verify;
use tokio::sync::Notify;

const TOKEN: &str = "token-of-the-task-0123456789";

fn worker(home: &Home) -> IntegrationWorker {
    let retries = RetrySchedule { waits: seconds(&[1, 2, 4, 8, 16, 32, 60]), jitter: 0.25 };
    IntegrationWorker::new(home.ports.clone(), home.http(), retries, 4)
}

fn body(home: &Home, service: &Service, action: &str, token: &str) -> Value {
    home.memory.task_tokens.issue(token);
    json!({
        "action": action,
        "serviceId": service.service_id,
        "tenantId": TenantId::from_uuid(home.ports.ids.next()),
        "operationId": OperationId::from_uuid(home.ports.ids.next()),
        "generation": 3,
        "attempt": 2,
        "state": "ProvisionService",
        "taskToken": token,
        "timeoutSeconds": 600,
        "heartbeatSeconds": null,
    })
}

async fn send(home: &Home, body: &Value) {
    let group = body["tenantId"].as_str().unwrap().to_owned();
    let message = OutgoingMessage { body: body.to_string(), group, delay: Duration::ZERO };
    home.memory.integrations.send(vec![message]).await.unwrap();
}

async fn pump(home: &Home, worker: &IntegrationWorker) {
    let (_, errors) = home.pump("integrations", &home.memory.integrations, worker).await;
    assert!(errors.is_empty(), "{errors:?}");
}

async fn drain(home: &Home, worker: &IntegrationWorker) {
    home.drain("integrations", &home.memory.integrations, worker, Duration::from_secs(1)).await;
}

async fn progress(home: &Home, body: &Value) -> Progress {
    let (tenant, operation) = (&body["tenantId"], &body["operationId"]);
    let range = Range::progress(
        &tenant.as_str().unwrap().parse().unwrap(),
        &operation.as_str().unwrap().parse().unwrap(),
    );
    let rows: Vec<Progress> = home.rows(range).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0].clone()
}

#[tokio::test]
async fn a_service_is_asked_signed_and_with_its_token() {
    let receiver = Receiver::start(|_| Answer::status(202)).await;
    let home = Home::new();
    let service = home.register(receiver.url("/tenants")).await;
    let body = body(&home, &service, "provision", TOKEN);
    send(&home, &body).await;
    pump(&home, &worker(&home)).await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    let (operation, id) = (body["operationId"].as_str().unwrap(), &service.service_id);
    assert_eq!(request.path, "/tenants");
    assert_eq!(
        request.json(),
        json!({
            "action": "provision", "tenantId": body["tenantId"], "operationId": operation, "generation": 3,
            "taskToken": TOKEN, "heartbeatSeconds": null,
        })
    );
    let webhook_id = request.header("webhook-id").unwrap();
    assert_eq!(webhook_id, format!("{operation}.{id}.provision"));
    let (timestamp, signature) =
        (request.header("webhook-timestamp").unwrap(), request.header("webhook-signature").unwrap());
    verify(&[signing_secret()], webhook_id, timestamp, signature, &request.body, home.now()).unwrap();
    verify(&[signing_secret()], webhook_id, timestamp, signature, b"{}", home.now()).unwrap_err();

    assert!(home.memory.integrations.bodies().is_empty());
    assert_eq!(home.memory.task_tokens.answer(TOKEN), None, "the service answers the token, nobody else");
    let pointer = home.memory.table.get(&Key::task_token(&task_token_hash(TOKEN))).await.unwrap().unwrap();
    assert_eq!(Value::Object(pointer.attributes), json!({"serviceId": id, "tenantId": body["tenantId"]}));
    assert_eq!(pointer.expires_at_seconds, Some(home.now().as_seconds() + 600 + 24 * 3600));
    let progress = progress(&home, &body).await;
    assert_eq!(
        (progress.state, progress.step.as_str(), progress.try_number),
        (ProgressState::Waiting, "ProvisionService", 1)
    );
    assert_eq!(progress.deadline_at, Some(home.now().saturating_add(Duration::from_secs(600))));
}

#[tokio::test]
async fn a_busy_service_is_asked_again_when_it_says() {
    let count = AtomicUsize::new(0);
    let receiver = Receiver::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::status(503).header("retry-after", "30"),
        1 => Answer::status(429),
        _ => Answer::status(200),
    })
    .await;
    let home = Home::new();
    let service = home.register(receiver.url("/")).await;
    let (worker, body) = (worker(&home), body(&home, &service, "provision", TOKEN));
    send(&home, &body).await;
    pump(&home, &worker).await;
    let after_first = progress(&home, &body).await;
    assert_eq!(after_first.state, ProgressState::Failed);
    assert_eq!(after_first.next_retry_at, Some(home.now().saturating_add(Duration::from_secs(30))));
    let kept = after_first.last_error.unwrap();
    assert!(!kept.message.contains("answered 503"), "the row keeps it sealed");
    let part = service.service_id.as_str();
    let place = Place::Step { attempt: after_first.attempt, step: &after_first.step, part };
    let (tenant, operation) =
        (body["tenantId"].as_str().unwrap().parse().unwrap(), &after_first.operation_id);
    let keys = home.ports.data_keys.as_ref();
    let opened = sealed_error::open(keys, &tenant, operation, place, kept).await.unwrap();
    assert!(opened.message.contains("answered 503"), "{}", opened.message);
    home.memory.clock.advance(Duration::from_secs(29));
    pump(&home, &worker).await;
    assert_eq!(receiver.requests().len(), 1, "asked too early");
    drain(&home, &worker).await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.header("webhook-id") == requests[0].header("webhook-id")));
    let last = progress(&home, &body).await;
    assert_eq!((last.state, last.next_retry_at, last.try_number), (ProgressState::Waiting, None, 1));
    assert_eq!(home.memory.task_tokens.answer(TOKEN), None);
}

#[tokio::test]
async fn a_service_that_is_never_there_fails_the_token() {
    let receiver = Receiver::start(|_| Answer::status(500).body("boom")).await;
    let home = Home::new();
    let service = home.register(receiver.url("/")).await;
    let body = body(&home, &service, "provision", TOKEN);
    send(&home, &body).await;
    drain(&home, &worker(&home)).await;
    assert_eq!(receiver.requests().len(), 8);
    let answer = home.memory.task_tokens.answer(TOKEN).unwrap();
    assert_eq!(answer["error"], UNREACHABLE);
    let cause = answer["cause"].as_str().unwrap();
    assert!(cause.contains("billing answered 500: boom") && cause.contains("the last of 8 tries"), "{cause}");
    assert!(home.memory.dead_letters.list("integrations", None, 9).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_task_whose_time_runs_out_is_not_asked_for_again() {
    let receiver = Receiver::start(|_| Answer::status(500)).await;
    let home = Home::new();
    let service = home.register(receiver.url("/")).await;
    let mut body = body(&home, &service, "provision", TOKEN);
    body["timeoutSeconds"] = 5.into();
    send(&home, &body).await;
    drain(&home, &worker(&home)).await;
    assert_eq!(receiver.requests().len(), 3, "after about 1 s and 3 s; the next would be after 7 s");
    let cause = home.memory.task_tokens.answer(TOKEN).unwrap()["cause"].to_string();
    assert!(cause.contains("no time is left"), "{cause}");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_cause_and_without_the_token() {
    let text = format!("no {TOKEN}\u{7} {}", "x".repeat(5_000));
    let receiver = Receiver::start(move |_| Answer::status(422).body(&text)).await;
    let home = Home::new();
    let service = home.register(receiver.url("/")).await;
    let body = body(&home, &service, "provision", TOKEN);
    send(&home, &body).await;
    pump(&home, &worker(&home)).await;
    let answer = home.memory.task_tokens.answer(TOKEN).unwrap();
    assert_eq!(answer["error"], REJECTED);
    let cause = answer["cause"].as_str().unwrap();
    assert!(cause.starts_with("the service billing answered 422: no [task token]  xxx"), "{cause}");
    assert!(cause.len() < 1_200, "{}", cause.len());
    let progress = progress(&home, &body).await;
    assert_eq!(
        (progress.state, progress.last_error.unwrap().code.as_str()),
        (ProgressState::Failed, REJECTED)
    );
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn only_an_undo_still_goes_to_a_removed_service() {
    let receiver = Receiver::start(|_| Answer::status(200)).await;
    let home = Home::new();
    let mut service = home.register(receiver.url("/")).await;
    service.removed = true;
    home.commit(vec![Action::put(Item::of(Key::service(&service.service_id), &service))]).await;
    send(&home, &body(&home, &service, "provision", "token-1")).await;
    send(&home, &body(&home, &service, "undo", "token-2")).await;
    service.service_id = tenantry_core::ServiceId::from_uuid(home.ports.ids.next());
    send(&home, &body(&home, &service, "provision", "token-3")).await;
    pump(&home, &worker(&home)).await;
    let actions: Vec<_> =
        receiver.requests().iter().map(|request| request.json()["action"].clone()).collect();
    assert_eq!(actions, ["undo"]);
    for (token, word) in [("token-1", "was removed"), ("token-3", "there is no service")] {
        let answer = home.memory.task_tokens.answer(token).unwrap();
        assert_eq!(answer["error"], REJECTED);
        assert!(answer["cause"].as_str().unwrap().contains(word), "{answer}");
    }
    assert_eq!(home.memory.task_tokens.answer("token-2"), None);
}

#[tokio::test]
async fn nobody_is_asked_for_a_token_that_nobody_waits_for() {
    let receiver = Receiver::start(|_| Answer::status(200)).await;
    let home = Home::new();
    let service = home.register(receiver.url("/")).await;
    let (used, expired) =
        (body(&home, &service, "provision", "used"), body(&home, &service, "provision", "expired"));
    home.memory.task_tokens.succeed("used", json!({})).await.unwrap();
    home.memory.task_tokens.expire("expired");
    let mut forged = body(&home, &service, "provision", "x");
    forged["taskToken"] = "forged".into();
    for body in [&used, &expired, &forged] {
        send(&home, body).await;
    }
    let nonsense = OutgoingMessage {
        body: "{\"taskToken\": \"secret\"}".to_owned(),
        group: "g".to_owned(),
        delay: Duration::ZERO,
    };
    home.memory.integrations.send(vec![nonsense]).await.unwrap();
    pump(&home, &worker(&home)).await;
    assert!(receiver.requests().is_empty());
    let letters = home.memory.dead_letters.list("integrations", None, 9).await.unwrap().items;
    let mut codes: Vec<_> = letters.iter().map(|letter| letter.reason.code.as_str()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["malformed", "task_token_invalid"]);
    assert!(letters.iter().all(|letter| !letter.reason.message.contains("secret")));
}

#[tokio::test]
async fn a_second_token_of_the_same_state_is_its_next_try() {
    let receiver = Receiver::start(|_| Answer::status(200)).await;
    let home = Home::new();
    let service = home.register(receiver.url("/")).await;
    let mut body = body(&home, &service, "provision", "first");
    send(&home, &body).await;
    pump(&home, &worker(&home)).await;
    home.memory.clock.advance(Duration::from_secs(60));
    home.memory.task_tokens.issue("second");
    body["taskToken"] = "second".into();
    send(&home, &body).await;
    pump(&home, &worker(&home)).await;
    assert_eq!(progress(&home, &body).await.try_number, 2);
    let requests = receiver.requests();
    assert_eq!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
    assert_eq!(requests[1].json()["taskToken"], "second");
}

#[tokio::test]
async fn a_heartbeat_is_given_and_bounds_the_wait() {
    let receiver = Receiver::start(|_| Answer::status(503).header("retry-after", "100")).await;
    let home = Home::new();
    let service = home.register(receiver.url("/")).await;
    let mut body = body(&home, &service, "provision", TOKEN);
    body["heartbeatSeconds"] = 10.into();
    send(&home, &body).await;
    let worker = worker(&home);
    for _ in 0..3 {
        pump(&home, &worker).await;
        home.memory.clock.advance(Duration::from_secs(6));
    }
    assert_eq!(receiver.requests().len(), 3);
    assert_eq!(home.memory.task_tokens.heartbeats(TOKEN), 3);
}

#[tokio::test]
async fn a_private_address_is_never_called() {
    let receiver = Receiver::start(|_| Answer::status(200)).await;
    let home = Home::new();
    let port = receiver.url("");
    let port = port.rsplit(':').next().unwrap();
    let http = HttpClient::new(HttpSettings::default()).unwrap();
    let retries = RetrySchedule { waits: seconds(&[1]), jitter: 0.0 };
    let worker = IntegrationWorker::new(home.ports.clone(), http, retries, 4);
    for (place, url) in [
        receiver.url("/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://2130706433:{port}/"),
    ]
    .into_iter()
    .enumerate()
    {
        let (token, service) = (format!("token-{place}"), home.register(url.clone()).await);
        send(&home, &body(&home, &service, "provision", &token)).await;
        pump(&home, &worker).await;
        let answer = home.memory.task_tokens.answer(&token).unwrap();
        assert_eq!(answer["error"], REJECTED, "{url}");
        assert!(answer["cause"].as_str().unwrap().contains("may not be called"), "{answer}");
    }
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_slow_service_holds_up_no_other() {
    let gate = Arc::new(Notify::new());
    let held = gate.clone();
    let slow = Receiver::start(move |_| Answer::status(200).hold(held.clone())).await;
    let quick = Receiver::start(|_| Answer::status(200)).await;
    let home = Home::new();
    let (slow_service, quick_service) =
        (home.register(slow.url("/")).await, home.register(quick.url("/")).await);
    for number in 0..100 {
        send(&home, &body(&home, &slow_service, "provision", &format!("slow-{number}"))).await;
    }
    let (stop, shutdown) = Shutdown::channel();
    let consumer = Consumer {
        ports: home.ports.clone(),
        queue_name: "integrations",
        queue: home.memory.integrations.clone(),
        handler: Arc::new(worker(&home)),
        status: WorkerStatus::new("integrations"),
        visibility: Duration::from_secs(20),
        receive_wait: Duration::from_secs(1),
        in_flight_max: 24,
    };
    let status = consumer.status.clone();
    let task = tokio::spawn(consumer.run(shutdown));
    eventually("the slow service has all the calls that it may have", || slow.requests().len() == 4).await;
    for number in 0..20 {
        send(&home, &body(&home, &quick_service, "provision", &format!("quick-{number}"))).await;
    }
    eventually("the quick service is asked", || quick.requests().len() == 20).await;
    assert_eq!(slow.requests().len(), 4, "more calls at once than one service may have");
    for _ in 0..10_000 {
        if slow.requests().len() == 100 {
            break;
        }
        gate.notify_waiters();
        // What was put aside comes back.
        home.memory.clock.advance(Duration::from_millis(200));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(slow.requests().len(), 100, "each was asked once, none was lost");
    stop.send_replace(true);
    let (clock, notify) = (home.memory.clock.clone(), gate.clone());
    tokio::select! {
        ended = task => ended.unwrap(),
        () = async {
            loop {
                clock.advance(Duration::from_secs(1));
                notify.notify_waiters();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        } => {}
    }
    assert!(status.snapshot().processed_count >= 120);
    assert!(home.memory.integrations.bodies().is_empty());
}

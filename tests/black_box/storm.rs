//! Killed with -9 at random points, 200 times, while 8 clients sign tenants up, a product service takes part and a
//! webhook receiver listens. Judged after the last restart: nothing is lost, nothing is doubled.

use crate::support::receiver::Receiver;
use crate::support::server::Server;
use crate::support::service::{Service, Verdict};
use crate::support::{text, until};
use reqwest::StatusCode;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

const KILLS: u32 = 200;
const CLIENTS: u32 = 8;
/// Sign-ups that must have been acknowledged before the storm may end; on a busy machine it goes on for longer.
const ENOUGH: u32 = 60;

/// Tenants whose id ends in one of these are refused by the service.
fn refused(tenant: &str) -> bool {
    tenant.ends_with(['0', '4', '8', 'c', 'g', 'm', 'r', 'w'])
}

/// A small generator of our own: the points of the kills differ from run to run and are printed, so that a failing
/// run can be read, though not repeated to the microsecond.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_lose_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(dir.path()).await;
    let service =
        Service::start(|tenant| if refused(tenant) { Verdict::Refuse } else { Verdict::Confirm }).await;
    service.register(&server, "storm").await;
    let receiver = Receiver::start().await;
    receiver.subscribe(&server).await;

    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU32::new(0));
    let answered = Arc::new(AtomicU32::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            tokio::spawn(sign_up_until(
                Arc::clone(&stop),
                Arc::clone(&sent),
                Arc::clone(&answered),
                client,
                server.base(),
                server.token(),
            ))
        })
        .collect();

    let seed = u64::from(std::process::id()) | 1;
    println!("seed {seed}");
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut kills = 0;
    while kills < KILLS || answered.load(Ordering::SeqCst) < ENOUGH {
        // Counted from the spawn, so that starts and recoveries are hit as well; later ever more room to work.
        let room = u64::from(kills.saturating_sub(KILLS)) * 20;
        tokio::time::sleep(Duration::from_millis(5 + chance.below(600 + room))).await;
        server.kill();
        server.spawn();
        kills += 1;
    }
    server.until_ready().await;
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    for client in clients {
        acknowledged.extend(client.await.expect("no client fails"));
    }
    println!(
        "{kills} kills, {} sign-ups were acknowledged, {} sent",
        acknowledged.len(),
        sent.load(Ordering::SeqCst)
    );

    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    for tenant in acknowledged.keys() {
        let settled = server.until_settled(tenant).await;
        let expected = if refused(tenant) { "provisioning_failed" } else { "active" };
        assert_eq!(text(&settled, "/status"), expected, "{settled:#}");
        *ends.entry(expected).or_default() += 1;
    }
    println!("ends: {ends:?}");
    assert_eq!(ends.len(), 2, "both ends must be seen");

    every_effect_is_there_once(&server, &service, &acknowledged).await;
    every_event_came(&server, &receiver).await;
}

/// Signs tenants up, one after the other, and repeats a request whose answer was lost with its `Idempotency-Key`.
async fn sign_up_until(
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU32>,
    answered: Arc<AtomicU32>,
    client: u32,
    base: String,
    token: String,
) -> BTreeMap<String, String> {
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tenantry::tls::client_config())
        .timeout(Duration::from_secs(5))
        .build()
        .expect("a client");
    let mut acknowledged = BTreeMap::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let key = format!("storm-{client}-{number}");
        let body = Server::sign_up_body(&format!("Storm {client} {number}"));
        loop {
            sent.fetch_add(1, Ordering::SeqCst);
            let request = http
                .post(format!("{base}/v1/tenants"))
                .bearer_auth(&token)
                .header("idempotency-key", &key)
                .json(&body);
            let Ok(answer) = request.send().await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let status = answer.status();
            let Ok(answer) = answer.json::<Value>().await else { continue };
            match status {
                StatusCode::ACCEPTED => {
                    acknowledged.insert(text(&answer, "/tenant/tenantId").to_owned(), key);
                    answered.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                StatusCode::SERVICE_UNAVAILABLE => {}
                other => panic!("{other}: {answer:#}"),
            }
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    acknowledged
}

async fn every_effect_is_there_once(
    server: &Server,
    service: &Service,
    acknowledged: &BTreeMap<String, String>,
) {
    let tenants = server.all("/v1/tenants").await;
    let known: HashSet<&str> = tenants.iter().map(|tenant| text(tenant, "/tenantId")).collect();
    assert_eq!(known.len(), tenants.len(), "a tenant is listed twice");
    // A sign-up that was stopped between commit and answer, and never repeated, may be there too.
    assert!(acknowledged.keys().all(|tenant| known.contains(tenant.as_str())));
    for tenant in &known {
        server.until_settled(tenant).await;
    }
    let mut slugs = HashSet::new();
    for tenant in server.all("/v1/tenants").await {
        let id = text(&tenant, "/tenantId");
        assert!(slugs.insert(text(&tenant, "/slug").to_owned()), "{id} shares its slug");
        let mut kinds: Vec<String> = server
            .all(&format!("/v1/tenants/{id}/resources"))
            .await
            .iter()
            .map(|resource| text(resource, "/kind").to_owned())
            .collect();
        kinds.sort();
        let active = text(&tenant, "/status") == "active";
        let expected: &[&str] = if active {
            &["identity", "integration", "key", "namespace", "placement", "quota_set", "secret"]
        } else {
            &[]
        };
        assert_eq!(kinds, expected, "{tenant:#}");
        let operations = server.all(&format!("/v1/tenants/{id}/operations")).await;
        assert_eq!(operations.len(), 1, "{operations:#?}");
    }
    let held = service.held.lock().expect("no panic");
    assert_eq!(held.forged, 0, "requests with a wrong signature");
    for (tenant, times) in &held.made {
        assert_eq!(*times, 1, "{tenant} was made {times} times at the service");
        assert!(!refused(tenant));
    }
    let active = known.iter().filter(|tenant| !refused(tenant)).count();
    assert_eq!(held.present.len(), active, "what the service holds is what is active");
}

async fn every_event_came(server: &Server, receiver: &Receiver) {
    let events = server.archive().await;
    let expected: HashSet<String> = events.iter().map(|event| text(event, "/eventId").to_owned()).collect();
    until("every event at the receiver", || async {
        let seen: HashSet<String> = receiver
            .first_sightings()
            .values()
            .flatten()
            .map(|event| text(event, "/eventId").to_owned())
            .collect();
        expected.is_subset(&seen).then_some(())
    })
    .await;
    for (tenant, events) in receiver.first_sightings() {
        let sequences: Vec<u64> =
            events.iter().map(|event| event["sequence"].as_u64().expect("a number")).collect();
        let whole: Vec<u64> = (1..=sequences.len() as u64).collect();
        assert_eq!(sequences, whole, "{tenant}: first sightings ascend without a hole");
    }
    let mut ids: BTreeMap<(String, u64), String> = BTreeMap::new();
    for received in receiver.received.lock().expect("no panic").iter() {
        assert!(received.verified, "a signature does not hold: {received:?}");
        let event = &received.event;
        let id = text(event, "/eventId").to_owned();
        assert_eq!(received.webhook_id, id);
        let place = (text(event, "/tenantId").to_owned(), event["sequence"].as_u64().expect("a number"));
        assert_eq!(ids.entry(place).or_insert_with(|| id.clone()), &id, "an event's id has changed");
    }
    // The archive itself holds one of each number per tenant, and the receiver had no more than the archive.
    let archived: HashSet<(String, u64)> = events
        .iter()
        .map(|event| (text(event, "/tenantId").to_owned(), event["sequence"].as_u64().expect("a number")))
        .collect();
    assert_eq!(archived.len(), events.len(), "an event is archived twice");
    assert!(ids.keys().all(|place| archived.contains(place)));
}

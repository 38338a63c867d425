//! What fails, by chance: a seed and a rate. Each failure has the form that its service gives it.

use super::partly;
use crate::proxy::{Fault, Request};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Requests of a hundred that fail.
const PERCENT: u64 = 20;

/// Chance from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let place = self.below(from.len() as u64);
        &from[usize::try_from(place).expect("a place")]
    }
}

/// The plan of one run, and what came of it.
pub(crate) struct Plan {
    seed: u64,
    chance: Mutex<Chance>,
    counts: Mutex<BTreeMap<&'static str, u32>>,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self { seed, chance: Mutex::new(Chance::new(seed)), counts: Mutex::default() })
    }

    fn count(&self, kind: &'static str) {
        *self.counts.lock().expect("nobody panics with it").entry(kind).or_default() += 1;
    }

    /// The seed, the requests, and the failures by their kinds.
    pub(crate) fn told(&self) -> String {
        let counts = self.counts.lock().expect("nobody panics with it");
        let kinds: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        format!("seed {}: {} requests, of them {}", self.seed, counts.values().sum::<u32>(), kinds.join(", "))
    }

    /// How many requests failed.
    pub(crate) fn failed(&self) -> u32 {
        let counts = self.counts.lock().expect("nobody panics with it");
        counts.iter().filter(|(kind, _)| **kind != "carried out").map(|(_, count)| count).sum()
    }

    /// What happens to a request.
    pub(crate) fn choose(&self, request: &Request) -> Option<Fault> {
        let mut chance = self.chance.lock().expect("nobody panics with it");
        if chance.below(100) >= PERCENT {
            self.count("carried out");
            return None;
        }
        let (kind, fault) = draw(&mut chance, request);
        self.count(kind);
        Some(fault)
    }
}

/// Plain writes, of which a network that sent one twice would break what no caller could mend. DynamoDB's clients send
/// none twice: these are the requests that [`tenantry_aws::call::Repeat::OnlyIfRefused`] is for.
const ONCE: [&str; 3] = ["PutItem", "UpdateItem", "DeleteItem"];

fn draw(chance: &mut Chance, request: &Request) -> (&'static str, Fault) {
    let target = request.target();
    let (service, operation) = target.split_once('.').unwrap_or((&target, ""));
    match chance.below(11) {
        0 | 1 => ("answers lost", Fault::LoseAnswer),
        2 => ("requests lost", Fault::LoseRequest),
        3 => {
            let (status, body) = internal(service);
            ("failed inside", Fault::Answer(status, body))
        }
        4 => {
            let (status, body) = internal(service);
            ("done and failed inside", Fault::CarryOutAndAnswer(status, body))
        }
        5 if !ONCE.contains(&operation) => ("carried out twice", Fault::Twice(chance.below(2) == 1)),
        6 => ("answered late", Fault::Late(Duration::from_millis(20 + chance.below(100)))),
        _ => own(chance, service, operation, request),
    }
}

/// What this kind of request alone can meet; else that it is throttled.
fn own(chance: &mut Chance, service: &str, operation: &str, request: &Request) -> (&'static str, Fault) {
    let body = request.json().unwrap_or_default();
    match operation {
        "SendMessageBatch" | "PutEvents" => {
            let count = partly::entries(&body).len();
            let mut places: Vec<usize> = (0..count).filter(|_| chance.below(2) == 0).collect();
            if places.is_empty() {
                places = (0..count).collect();
            }
            ("failed in part", Fault::Partly(places))
        }
        "TransactWriteItems" if chance.below(3) > 0 => {
            let count = body["TransactItems"].as_array().map_or(1, Vec::len);
            let code =
                *chance.pick(&["ThrottlingError", "TransactionConflict", "ProvisionedThroughputExceeded"]);
            let at = chance.below(count as u64);
            let codes = (0..count as u64).map(|place| if place == at { code } else { "None" });
            let reasons: Vec<_> =
                codes.map(|code| json!({"Code": code, "Message": "as asked for"})).collect();
            let body = json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": "Transaction cancelled",
                "CancellationReasons": reasons
            });
            ("cancelled", Fault::Answer(400, body.to_string()))
        }
        operation if ONCE.contains(&operation) && chance.below(3) == 0 => {
            ("cancelled", Fault::error(400, "TransactionConflictException"))
        }
        _ => {
            let (status, body) = throttled(chance, service);
            ("throttled", Fault::Answer(status, body))
        }
    }
}

fn json_error(code: &str) -> String {
    json!({"__type": code, "message": "as asked for"}).to_string()
}

fn xml_error(code: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as asked for</Message></Error>")
}

fn internal(service: &str) -> (u16, String) {
    match service {
        "S3" => (500, xml_error("InternalError")),
        "AmazonSQS" => (503, json_error("ServiceUnavailable")),
        "TrentService" => (500, json_error("KMSInternalException")),
        "secretsmanager" => (500, json_error("InternalServiceError")),
        "AWSEvents" => (500, json_error("InternalException")),
        _ => (500, json_error("com.amazonaws.dynamodb.v20120810#InternalServerError")),
    }
}

fn throttled(chance: &mut Chance, service: &str) -> (u16, String) {
    match service {
        "S3" => (503, xml_error("SlowDown")),
        "AmazonSQS" => (403, json_error("com.amazonaws.sqs#RequestThrottled")),
        "DynamoDB_20120810" => {
            let code = chance.pick(&[
                "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
                "com.amazonaws.dynamodb.v20120810#RequestLimitExceeded",
                "com.amazon.coral.availability#ThrottlingException",
            ]);
            (400, json_error(code))
        }
        _ => (400, json_error("ThrottlingException")),
    }
}

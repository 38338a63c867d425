//! Events matched a second against 1, 1,000 and 100,000 rules. `cargo bench -p tenantry-events --bench patterns`.
//!
//! Rules differ in what they ask for, as subscriptions do: a tenant's id, a beginning, an end, a range of numbers, a
//! network. Of each kind exactly one matches the event, so that the cost shown is that of the rules that do not.

use serde_json::{Value, json};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tenantry_events::{Pattern, PatternSet};

const SHARE: Duration = Duration::from_millis(1_500);

fn rule(kind: &str, n: usize) -> Value {
    let detail = match kind {
        "exact" => json!({"tenantId": [format!("tnt_{n}")]}),
        "prefix" => json!({"slug": [{"prefix": format!("acme-{n}-")}]}),
        "suffix" => json!({"slug": [{"suffix": format!("-{n}")}]}),
        "numeric" => json!({"seats": [{"numeric": [">=", n * 10, "<", n * 10 + 10]}]}),
        "cidr" => {
            json!({"address": [{"cidr": format!("{}.{}.{}.0/24", 10 + n / 62_500, n / 250 % 250, n % 250)}]})
        }
        "anything-but" => json!({"plan": [{"anything-but": ["pro"]}], "tenantId": [format!("tnt_{n}")]}),
        _ => {
            json!({"$or": [{"tenantId": [format!("tnt_{n}")]}, {"slug": [{"wildcard": format!("acme-{n}-*")}]}]})
        }
    };
    json!({"source": ["tenantry"], "detail-type": ["TenantProvisioned", "TenantPurged"], "detail": detail})
}

fn main() {
    let event = json!({
        "version": "0", "id": "0", "source": "tenantry", "detail-type": "TenantProvisioned",
        "account": "000000000000", "region": "us-east-1", "time": "2026-01-01T00:00:00Z", "resources": [],
        "detail": {"tenantId": "tnt_0", "slug": "acme-0-0", "seats": 5, "address": "10.0.0.9", "plan": "free",
                   "data": {"cells": ["cell-1", "cell-2"], "quota": {"seats": 5, "projects": 3}}},
    });
    println!("{:<14} {:>9} {:>14} {:>12}", "kind", "rules", "events/s", "matches");
    for kind in ["exact", "prefix", "suffix", "numeric", "cidr", "anything-but", "$or"] {
        for rules in [1usize, 1_000, 100_000] {
            let mut set = PatternSet::new();
            for n in 0..rules {
                set.insert(n, Pattern::parse(&rule(kind, n)).expect("the bench's own rules are good"));
            }
            let matches = set.matches(&event).len();
            assert_eq!(matches, 1, "{kind}");
            let began = Instant::now();
            let mut count = 0u64;
            while began.elapsed() < SHARE {
                for _ in 0..200 {
                    black_box(set.matches(black_box(&event)));
                }
                count += 200;
            }
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            let rate = count as f64 / began.elapsed().as_secs_f64();
            println!("{kind:<14} {rules:>9} {rate:>14.0} {matches:>12}");
        }
    }
}

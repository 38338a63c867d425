//! The figures are counted, not typed: what is done twice costs twice, and what is done nowhere costs nothing.

use crate::deployment::Deployment;
use crate::dynamodb;
use crate::home::Home;
use crate::meter::{Amounts, ELSEWHERE};
use crate::month::{Month, month};
use crate::prices::{FILE, PriceError, Prices, Unit};
use crate::record::{Kept, Recording, Scenario, record, record_in};
use crate::report::{Report, total_usd};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Commit, CommitError, Index, Item, Page, PortError, Query, Table};

fn prices() -> Arc<Prices> {
    Arc::new(Prices::parse(FILE).unwrap())
}

fn deployment() -> Deployment {
    Deployment::read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn scenario(services: usize) -> Scenario {
    Scenario { services, subscriptions: 0 }
}

async fn recorded(services: usize) -> Recording {
    record(prices(), deployment().memory_megabytes, scenario(services)).await.unwrap()
}

fn amount(amounts: &Amounts, place: &str, unit: Unit) -> f64 {
    amounts.get(&(place.to_owned(), unit)).copied().unwrap_or_default()
}

fn sum(amounts: &Amounts, unit: Unit) -> f64 {
    amounts.iter().filter(|((_, counted), _)| *counted == unit).map(|(_, amount)| amount).sum()
}

/// Makes every commit twice; the second one changes nothing, or fails, and is billed all the same.
struct Twice(Arc<dyn Table>);

impl Table for Twice {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        self.0.get(key)
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        self.0.query(query)
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let first = self.0.commit(commit.clone()).await;
            let _ = self.0.commit(commit).await;
            first
        })
    }
}

#[tokio::test]
async fn a_step_that_writes_twice_costs_more_and_nobody_else_does() {
    let plain = recorded(0).await;
    let twice =
        Home::open_with(prices(), deployment().memory_megabytes, |table| Arc::new(Twice(table))).await;
    let twice = record_in(twice.unwrap(), scenario(0)).await.unwrap();
    for step in ["place_tenant", "create_namespace", "create_key", "apply_entitlements", "activate_tenant"] {
        let (once, doubled) = (
            amount(&plain.amounts, step, Unit::DynamodbWriteUnits),
            amount(&twice.amounts, step, Unit::DynamodbWriteUnits),
        );
        assert!(once > 0.0 && doubled > 1.5 * once, "{step}: {once} units, and made twice {doubled}");
        let seconds = |recording: &Recording| amount(&recording.amounts, step, Unit::LambdaGigabyteSeconds);
        assert!(seconds(&twice) > seconds(&plain), "{step} waits no longer");
    }
    for place in ["api", "operations"] {
        let units = |recording: &Recording| amount(&recording.amounts, place, Unit::DynamodbWriteUnits);
        assert_eq!(units(&plain), units(&twice), "{place}");
    }
    assert!(total_usd(&prices(), &twice.amounts) > total_usd(&prices(), &plain.amounts));
}

#[tokio::test]
async fn each_service_adds_what_its_part_of_the_map_does() {
    let recordings = [recorded(0).await, recorded(1).await, recorded(2).await];
    let [none, one, two] = recordings.each_ref().map(|recording| &recording.amounts);
    let transitions = |amounts| sum(amounts, Unit::StepFunctionsTransitions);
    // Choice, request, confirmation.
    assert_eq!(transitions(one) - transitions(none), 3.0);
    assert_eq!(transitions(two) - transitions(one), 3.0);
    // Step Functions sends, the mapping receives and deletes.
    assert_eq!(sum(one, Unit::SqsFairRequests) - sum(none, Unit::SqsFairRequests), 3.0);
    for (amounts, services) in [(none, 0.0), (one, 1.0), (two, 2.0)] {
        assert_eq!(amount(amounts, "integrations", Unit::LambdaRequests), services);
        assert_eq!(amount(amounts, "record_integration", Unit::LambdaRequests), services);
        assert_eq!(amount(amounts, "activate_tenant", Unit::LambdaRequests), 1.0);
    }
}

#[tokio::test]
async fn nothing_is_counted_where_no_function_works() {
    let recording =
        record(prices(), deployment().memory_megabytes, Scenario { services: 2, subscriptions: 1 })
            .await
            .unwrap();
    let places: Vec<&String> = recording.amounts.keys().map(|(place, _)| place).collect();
    assert!(!places.iter().any(|place| *place == ELSEWHERE), "somebody used something, and nobody knows who");
    let known = deployment().memory_megabytes;
    for (place, unit) in recording.amounts.keys() {
        assert!(
            *unit != Unit::LambdaRequests || known.contains_key(place),
            "{place} is no function of Terraform's"
        );
    }
    // Of what a tenant that fares well meets, nothing was left out.
    for function in
        ["api", "authorizer", "relay", "operations", "integrations", "webhooks", "validate_tenant"]
    {
        assert!(amount(&recording.amounts, function, Unit::LambdaRequests) >= 1.0, "{function} did nothing");
    }
    assert!(recording.kept.table_bytes > 5_000.0, "{:?}", recording.kept);
}

#[tokio::test]
async fn a_provisioned_tenant_costs_what_it_may() {
    let prices = prices();
    for services in [0, 2] {
        let usd = total_usd(&prices, &recorded(services).await.amounts);
        let limit = prices.targets.provisioned_tenant_usd;
        assert!(
            usd <= limit,
            "{services} services: {usd} USD; `cargo run --example cost` says where it goes"
        );
        assert!(usd > limit / 10.0, "{services} services: {usd} USD is too good to be true");
    }
}

#[tokio::test]
async fn a_month_is_what_stands_there_and_what_runs() {
    let prices = prices();
    let kept = Kept { table_bytes: 20_000.0, archive_bytes: 1_000.0 };
    let plain = deployment();
    let prices_of = |month: Month| {
        let prices = prices.clone();
        move |tenants| total_usd(&prices, &month.amounts(tenants))
    };
    let usd = async |deployment: &Deployment, subscriptions| {
        prices_of(month(&prices, deployment, subscriptions, kept).await.unwrap())
    };
    let base = usd(&plain, 0).await;
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;

    let mut more = plain.clone();
    more.alarms += 1.0;
    assert!(near(usd(&more, 0).await(1_000) - base(1_000), 0.10), "an alarm more");
    let mut more = plain.clone();
    more.polling_mappings += 1.0;
    assert!(near(usd(&more, 0).await(1_000) - base(1_000), 657_000.0 * 0.40 / 1e6), "a mapping more");
    let mut traced = plain.clone();
    traced.traced_schedules = !plain.traced_schedules;
    let traces = 52_560.0 * (5.0 + 1.0) / 1e6;
    assert!(near((usd(&traced, 0).await(1_000) - base(1_000)).abs(), traces), "rounds that begin a trace");
    let mut faster = plain.clone();
    faster.schedules.insert("sweeper".to_owned(), 30.0);
    assert!(usd(&faster, 0).await(1_000) > base(1_000) + 0.1, "a sweeper that runs twice as often");

    // A tenant costs its bytes; with a subscription, also the look at its cursor.
    let bytes = |per_gigabyte: f64| kept.table_bytes / 1e9 * per_gigabyte;
    let storage = bytes(0.25) + bytes(0.20) + kept.archive_bytes / 1e9 * 0.023;
    assert!((base(1_001) - base(1_000) - storage).abs() < storage / 100.0, "{}", base(1_001) - base(1_000));
    let subscribed = usd(&plain, 1).await;
    assert!(subscribed(1_001) - subscribed(1_000) > 10.0 * storage, "nobody looks after the cursors");
}

#[tokio::test]
async fn the_report_says_what_it_found() {
    let prices = prices();
    let recordings = [recorded(0).await];
    let month = month(&prices, &deployment(), 0, recordings[0].kept).await.unwrap();
    // Free tiers only ever take something off, and never more than a unit costs.
    for unit in Unit::ALL {
        assert_eq!(prices.usd_beyond_free(*unit, 0.0), 0.0);
        assert!(prices.usd_beyond_free(*unit, 1e12) <= prices.usd(*unit, 1e12));
    }
    assert!((prices.usd_beyond_free(Unit::CloudWatchAlarmMonths, 12.0) - 0.2).abs() < 1e-12);
    let report = Report { prices: &prices, recordings: &recordings, month: &month, subscriptions: 0 };
    let found = report.json();
    let usd = found["provisionedTenant"][0]["usd"].as_f64().unwrap();
    let parts = found["provisionedTenant"][0]["parts"].as_array().unwrap();
    let together: f64 = parts.iter().map(|part| part["usd"].as_f64().unwrap()).sum();
    assert!((usd - together).abs() < 1e-12 && usd > 0.0);
    let targets = found["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 2);
    let all = targets.iter().all(|target| target["usd"].as_f64() <= target["limitUsd"].as_f64());
    assert_eq!(found["holds"], all);

    let cheaper = FILE.replace("\"provisionedTenantUsd\": 0.0010", "\"provisionedTenantUsd\": 0.0000001");
    assert_ne!(cheaper, FILE);
    let strict = Prices::parse(&cheaper).unwrap();
    let report = Report { prices: &strict, recordings: &recordings, month: &month, subscriptions: 0 };
    assert!(!report.holds());
    let text = report.text();
    assert!(text.contains("DOES NOT HOLD") && text.contains("Where the money goes"), "{text}");
}

#[test]
fn the_price_file_is_dated_whole_and_nothing_else() {
    let prices = prices();
    assert_eq!(prices.prices.len(), Unit::ALL.len());
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut file: Value = serde_json::from_str(FILE).unwrap();
        change(&mut file);
        Prices::parse(&file.to_string())
    };
    assert!(broken(&|_| {}).is_ok());
    assert!(matches!(
        broken(&|file| drop(file["prices"].as_object_mut().unwrap().remove("kms.requests"))),
        Err(PriceError::Missing("kms.requests"))
    ));
    let wrong: [&dyn Fn(&mut Value); 8] = [
        &|file| file["date"] = json!("yesterday"),
        &|file| file["currency"] = json!("EUR"),
        &|file| file["prices"]["sqs.requests"]["usd"] = json!(0),
        &|file| file["prices"]["sqs.requests"]["per"] = json!(0.5),
        &|file| file["prices"]["sqs.requests"]["source"] = json!("hearsay"),
        &|file| file["prices"]["sqs.parcels"] = file["prices"]["sqs.requests"].clone(),
        &|file| file["assumptions"]["pollers"]["why"] = json!(""),
        &|file| drop(file["assumptions"].as_object_mut().unwrap().remove("pollers")),
    ];
    for (place, change) in wrong.into_iter().enumerate() {
        assert!(broken(change).is_err(), "fault {place} was not noticed");
    }
}

#[test]
fn units_are_dynamodbs() {
    // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    for (bytes, transactional, units) in [
        (0.0, false, 1.0),
        (1024.0, false, 1.0),
        (1025.0, false, 2.0),
        (3.0 * 1024.0, true, 6.0),
        (1.0, true, 2.0),
    ] {
        assert_eq!(dynamodb::write_units(bytes, transactional), units, "{bytes}");
    }
    for (bytes, consistent) in [(0.0, 1.0), (4096.0, 1.0), (4097.0, 2.0), (8.0 * 1024.0, 2.0)] {
        assert_eq!(dynamodb::consistent_read_units(bytes), consistent, "{bytes}");
        assert_eq!(dynamodb::index_read_units(bytes), consistent / 2.0, "{bytes}");
    }
    let item = |text: &str| {
        let attributes: Map<String, Value> = [("a".to_owned(), json!(text))].into_iter().collect();
        Item::new(Key::slug("s"), attributes)
    };
    let at = |item: Item, place: &str| item.with_index(Index::One, place.to_owned(), "k".to_owned());
    // "pk" SLUG#s "sk" POINTER "a" xyz
    assert_eq!(dynamodb::item_bytes(&item("xyz")), 21.0);
    let (none, here, there) = (item("x"), at(item("x"), "here"), at(item("x"), "there"));
    let changed = at(item("y"), "here");
    for (before, after, units) in [
        (None, Some(&none), 0.0),
        (None, Some(&here), 1.0),
        (Some(&here), Some(&here), 0.0),
        (Some(&here), Some(&changed), 1.0),
        (Some(&here), Some(&there), 2.0),
        (Some(&here), Some(&none), 1.0),
        (Some(&here), None, 1.0),
    ] {
        assert_eq!(dynamodb::index_write_units(before, after), units, "{before:?} → {after:?}");
    }
}

//! Clients of the emulator, and a connection to it that can be cut.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_s3::types::CreateBucketConfiguration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tenantry_aws::Clients;
use tenantry_aws::call::Calls;
use tenantry_aws::clients::sdk_config;
use tenantry_emulator::{Emulator, Facts};
use tenantry_system::{SystemClock, SystemIds};

/// How long calls are tried again.
const DEADLINE: Duration = Duration::from_secs(20);

/// The emulator that all tests of this process share; `None` after it was said that `what` was not tried.
pub(crate) fn emulator(what: &str) -> Option<&'static Emulator> {
    tenantry_emulator::shared(what)
}

/// Clients of an emulator.
pub(crate) fn clients(facts: &Facts) -> Arc<Clients> {
    let variables = facts.variables().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Arc::new(Clients::new(sdk_config(variables).expect("all variables are there")))
}

/// Calls by the system's time and chance.
pub(crate) fn calls() -> Calls {
    calls_within(DEADLINE)
}

/// Calls that are tried again for so long.
pub(crate) fn calls_within(deadline: Duration) -> Calls {
    let ids = SystemIds::new().expect("the system gives random bytes");
    Calls::new(Arc::new(SystemClock), Arc::new(ids), deadline)
}

/// A name that nothing else in this emulator has: `<what>-<number>`.
pub(crate) fn fresh_name(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Makes the table that `schema/table.json` describes, under a name of its own.
pub(crate) async fn make_table(clients: &Clients) -> String {
    let name = fresh_name("table");
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../schema/table.json")).expect("the schema is JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let keys_of = |described: &serde_json::Value| {
        [("partitionKey", KeyType::Hash), ("sortKey", KeyType::Range)].map(|(field, key_type)| {
            let key = KeySchemaElement::builder().attribute_name(text(&described[field]["name"]));
            key.key_type(key_type).build().expect("all members are there")
        })
    };
    let indexes = schema["indexes"].as_array().expect("indexes");
    let mut request = clients.dynamodb().create_table().table_name(&name);
    request = request.billing_mode(BillingMode::PayPerRequest).set_key_schema(Some(keys_of(&schema).into()));
    for described in [&schema].into_iter().chain(indexes) {
        for key in keys_of(described) {
            let attribute = AttributeDefinition::builder().attribute_name(key.attribute_name());
            let attribute = attribute.attribute_type(ScalarAttributeType::S).build();
            request = request.attribute_definitions(attribute.expect("all members are there"));
        }
    }
    for described in indexes {
        let index = GlobalSecondaryIndex::builder()
            .index_name(text(&described["name"]))
            .set_key_schema(Some(keys_of(described).into()))
            .projection(Projection::builder().projection_type(ProjectionType::All).build());
        request = request.global_secondary_indexes(index.build().expect("all members are there"));
    }
    request.send().await.unwrap_or_else(|error| panic!("the table is not made: {error:?}"));
    name
}

/// Makes a bucket under a name of its own.
pub(crate) async fn make_bucket(clients: &Clients) -> String {
    let name = fresh_name("bucket");
    let region = clients.s3().config().region().map_or("us-east-1", |region| region.as_ref()).to_owned();
    let place = CreateBucketConfiguration::builder().location_constraint(region.as_str().into()).build();
    let request = clients.s3().create_bucket().bucket(&name).create_bucket_configuration(place);
    let made = request.send().await;
    made.unwrap_or_else(|error| panic!("the bucket is not made: {error:?}"));
    name
}

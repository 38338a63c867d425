//! Of two who make a tenant's key at once both have the same one; of two who store a secret the first one's stays.

use super::{Ways, persist};
use crate::support::{calls, fresh_name, make_table};
use std::sync::Arc;
use tenantry_aws::data_keys::AwsDataKeys;
use tenantry_aws::table::AwsTable;
use tenantry_aws::vault::AwsVault;
use tenantry_core::TenantId;
use tenantry_core::ports::{DataKeys as _, KeyPurpose, Secret, Table, Vault as _};

const TENANTS: u128 = 8;

/// One process: its own cache and its own tokens.
struct Process {
    keys: AwsDataKeys,
    vault: AwsVault,
}

struct Deployment {
    table: String,
    kms_key: String,
    prefix: String,
}

impl Deployment {
    async fn make(ways: &Ways) -> Self {
        let made = ways.clean.kms().create_key().send().await.expect("a key");
        let kms_key = made.key_metadata.and_then(|key| key.arn).expect("its name");
        Self { table: make_table(&ways.clean).await, kms_key, prefix: fresh_name("faulty") }
    }

    fn process(&self, ways: &Ways) -> Process {
        let calls = ways.calls();
        let table: Arc<dyn Table> =
            Arc::new(AwsTable::new(Arc::clone(&ways.faulty), calls.clone(), &self.table));
        let keys = AwsDataKeys::new(Arc::clone(&ways.faulty), calls, Arc::clone(&table), &self.kms_key);
        let vault = AwsVault::new(Arc::clone(&ways.faulty), keys.clone(), table, &self.prefix);
        Process { keys, vault }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creates_that_race_make_one_key() {
    let Some(ways) = Ways::open("data keys over a network that fails", 13).await else { return };
    let deployment = Deployment::make(&ways).await;
    for number in 1..=TENANTS {
        let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(number));
        let processes = [(); 3].map(|()| deployment.process(&ways));
        let creates = processes
            .iter()
            .map(|process| persist("a key", || process.keys.create(&tenant, KeyPurpose::Data)));
        futures::future::join_all(creates).await;
        for (place, sealer) in processes.iter().enumerate() {
            let seal = || sealer.keys.seal(&tenant, KeyPurpose::Data, "c", b"text");
            let sealed = persist("a seal", seal).await;
            for opener in &processes {
                let open = || opener.keys.open(&tenant, KeyPurpose::Data, "c", &sealed);
                assert_eq!(persist("an opening", open).await, b"text", "what process {place} sealed");
            }
        }
        let destroy = || processes[0].keys.destroy(&tenant, KeyPurpose::Data);
        persist("a destruction", destroy).await;
        for process in &processes {
            assert!(!persist("a look", || process.keys.exists(&tenant, KeyPurpose::Data)).await);
        }
    }
    ways.tell(&format!("{TENANTS} tenants, three creates each"));
}

/// References of each kind: a tenant's and another's, which are rows, and the system's.
fn references(tenant: &TenantId, number: u128) -> [String; 3] {
    [format!("tenants/{tenant}/database"), format!("services/s{number}/secret"), format!("system/s{number}")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_secret_stays() {
    let Some(ways) = Ways::open("secrets over a network that fails", 14).await else { return };
    let deployment = Deployment::make(&ways).await;
    let mut stored = 0;
    for number in 1..=TENANTS {
        let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(number));
        let [first, second] = [(); 2].map(|()| deployment.process(&ways));
        persist("a key", || first.keys.create(&tenant, KeyPurpose::Data)).await;
        for reference in references(&tenant, number) {
            if reference.starts_with("system/") {
                let name = format!("{}/{reference}", deployment.prefix);
                ways.clean.secrets().create_secret().name(name).send().await.expect("an empty secret");
            }
            let store = async |process: &Process, text: &str| {
                persist("a store", || process.vault.store(&reference, Secret::new(text))).await;
            };
            let resolve = async |process: &Process| {
                persist("a secret", || process.vault.resolve(&reference)).await.expose().to_owned()
            };
            // One after the other, or both at once.
            if number % 2 == 0 {
                store(&first, "one").await;
                store(&second, "two").await;
                assert_eq!(resolve(&second).await, "one", "{reference}");
            } else {
                futures::join!(store(&first, "one"), store(&second, "two"));
            }
            let kept = resolve(&first).await;
            assert!(["one", "two"].contains(&kept.as_str()), "{reference}: {kept}");
            store(&second, "three").await;
            assert_eq!(resolve(&second).await, kept, "{reference}");
            persist("a rotation", || second.vault.rotate(&reference, Secret::new("four"))).await;
            assert_eq!(resolve(&first).await, "four", "{reference}");
            stored += 1;
        }
    }
    let clean = AwsTable::new(Arc::clone(&ways.clean), calls(), &deployment.table);
    let row = tenantry_core::keys::Key::secret("services/s1/secret");
    let kept = clean.get(&row).await.unwrap().expect("a row");
    assert!(!serde_json::Value::Object(kept.attributes).to_string().contains("four"), "sealed");
    ways.tell(&format!("{stored} secrets"));
}

//! Data keys and secrets on AWS: the contract suites on the emulator, and what destroying a key does elsewhere.

use crate::canned::{Answer, Aws, Canned};
use crate::support::{fresh_name, make_table};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::testing::{ManualClock, MemoryTable};
use tenantry_aws::call::Calls;
use tenantry_aws::data_keys::AwsDataKeys;
use tenantry_aws::table::AwsTable;
use tenantry_aws::vault::AwsVault;
use tenantry_contract::Made;
use tenantry_core::TenantId;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Action, Commit, DataKeys, Item, KeyPurpose, PortError, Secret, Table, Vault};
use tenantry_system::SystemIds;

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(number))
}

fn memory_table() -> Arc<MemoryTable> {
    Arc::new(MemoryTable::new(Arc::new(ManualClock::new())))
}

async fn dynamo_table(aws: &Aws) -> Arc<AwsTable> {
    let name = make_table(&aws.clients).await;
    Arc::new(AwsTable::new(aws.clients.clone(), aws.calls.clone(), name))
}

async fn kms_key(aws: &Aws) -> String {
    let made = aws.clients.kms().create_key().send().await.unwrap();
    made.key_metadata.unwrap().arn.unwrap()
}

/// Another process over the same table.
fn data_keys(aws: &Aws, table: &Arc<impl Table + 'static>, kms_key: &str) -> AwsDataKeys {
    AwsDataKeys::new(aws.clients.clone(), aws.calls.clone(), table.clone(), kms_key)
}

fn vault(aws: &Aws, keys: &AwsDataKeys, table: &Arc<impl Table + 'static>, prefix: &str) -> AwsVault {
    AwsVault::new(aws.clients.clone(), keys.clone(), table.clone(), prefix)
}

fn is_not_found<T>(answer: &Result<T, PortError>) -> bool {
    matches!(answer, Err(PortError::NotFound { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_keys_hold_their_contract() {
    let Some(aws) = Aws::shared("the data keys' contract on AWS") else { return };
    tenantry_contract::data_keys_suite(|_| async {
        let table = dynamo_table(&aws).await;
        let keys: Arc<dyn DataKeys> = Arc::new(data_keys(&aws, &table, &kms_key(&aws).await));
        Made::new(keys, ())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vault_holds_its_contract() {
    let Some(aws) = Aws::shared("the vault's contract on AWS") else { return };
    tenantry_contract::vault_suite(|_| async {
        let table = dynamo_table(&aws).await;
        let keys = data_keys(&aws, &table, &kms_key(&aws).await);
        let vault: Arc<dyn Vault> = Arc::new(vault(&aws, &keys, &table, "unused"));
        Made::new(vault, ())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_destroyed_in_one_process_is_gone_in_every_other() {
    let Some(aws) = Aws::shared("the destruction of keys across processes") else { return };
    let (table, kms) = (memory_table(), kms_key(&aws).await);
    let [here, there] = [(); 2].map(|()| data_keys(&aws, &table, &kms));
    let one = tenant(1);
    here.create(&one, KeyPurpose::Data).await.unwrap();
    let sealed = here.seal(&one, KeyPurpose::Data, "c", b"text").await.unwrap();
    // Both have the key in memory from here on.
    assert_eq!(there.open(&one, KeyPurpose::Data, "c", &sealed).await.unwrap(), b"text");
    here.destroy(&one, KeyPurpose::Data).await.unwrap();
    for keys in [&here, &there] {
        assert!(is_not_found(&keys.open(&one, KeyPurpose::Data, "c", &sealed).await));
        assert!(is_not_found(&keys.seal(&one, KeyPurpose::Data, "c", b"text").await));
    }
    // A key that is made anew is used by everybody, at once.
    here.create(&one, KeyPurpose::Data).await.unwrap();
    let resealed = there.seal(&one, KeyPurpose::Data, "c", b"new").await.unwrap();
    assert_eq!(here.open(&one, KeyPurpose::Data, "c", &resealed).await.unwrap(), b"new");
    assert!(matches!(there.open(&one, KeyPurpose::Data, "c", &sealed).await, Err(PortError::Damaged { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrapped_key_is_good_for_its_own_tenant_and_purpose_alone() {
    let Some(aws) = Aws::shared("the encryption context of wrapped keys") else { return };
    let (table, kms) = (memory_table(), kms_key(&aws).await);
    let keys = data_keys(&aws, &table, &kms);
    keys.create(&tenant(1), KeyPurpose::Data).await.unwrap();
    let row = table.get(&Key::data_key(&tenant(1), "data")).await.unwrap().unwrap();
    // Somebody who may write rows copies the wrapped key to another tenant, and to another purpose.
    for (thief, purpose) in [(tenant(2), KeyPurpose::Data), (tenant(1), KeyPurpose::Records)] {
        let copy = Item::new(Key::data_key(&thief, purpose.as_str()), row.attributes.clone());
        table.commit(Commit::of(vec![Action::put(copy)])).await.unwrap();
        let used = keys.seal(&thief, purpose, "c", b"x").await;
        assert!(matches!(used, Err(PortError::Damaged { .. })), "{used:?}");
    }
    let mut garbage = row.clone();
    garbage.attributes.insert("wrapped".into(), json!("not base64!"));
    table.commit(Commit::of(vec![Action::put(garbage)])).await.unwrap();
    assert!(matches!(
        keys.seal(&tenant(1), KeyPurpose::Data, "c", b"x").await,
        Err(PortError::Damaged { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_secret_goes_with_its_data_key() {
    let Some(aws) = Aws::shared("tenants' secrets on AWS") else { return };
    let (table, kms) = (memory_table(), kms_key(&aws).await);
    let keys = data_keys(&aws, &table, &kms);
    let vault = vault(&aws, &keys, &table, "unused");
    let one = tenant(1);
    let reference = format!("tenants/{one}/credential");
    assert!(is_not_found(&vault.store(&reference, Secret::new("early")).await), "there is no key yet");
    keys.create(&one, KeyPurpose::Data).await.unwrap();
    vault.store(&reference, Secret::new("first")).await.unwrap();
    vault.store(&reference, Secret::new("second")).await.unwrap();
    assert_eq!(vault.resolve(&reference).await.unwrap().expose(), "first");
    vault.rotate(&reference, Secret::new("rotated")).await.unwrap();
    assert_eq!(vault.resolve(&reference).await.unwrap().expose(), "rotated");
    let row = table.get(&Key::tenant_secret(&one, "credential")).await.unwrap().unwrap();
    assert!(!format!("{row:?}").contains("rotated"), "a secret lies open");

    keys.destroy(&one, KeyPurpose::Data).await.unwrap();
    assert!(is_not_found(&vault.resolve(&reference).await));
    assert!(is_not_found(&vault.rotate(&reference, Secret::new("x")).await));
    // Its row was left behind; with a new key the old secret is as if it had never been.
    keys.create(&one, KeyPurpose::Data).await.unwrap();
    assert!(is_not_found(&vault.resolve(&reference).await));
    vault.store(&reference, Secret::new("anew")).await.unwrap();
    assert_eq!(vault.resolve(&reference).await.unwrap().expose(), "anew");
    vault.delete(&reference).await.unwrap();
    assert!(is_not_found(&vault.resolve(&reference).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_opens_under_its_own_reference_alone() {
    let Some(aws) = Aws::shared("copies of sealed rows") else { return };
    let (table, kms) = (memory_table(), kms_key(&aws).await);
    let keys = data_keys(&aws, &table, &kms);
    let vault = vault(&aws, &keys, &table, "unused");
    assert!(is_not_found(&vault.resolve("services/a/signing").await));
    assert!(table.get(&Key::system_key("vault")).await.unwrap().is_none(), "a read makes no key");
    vault.store("services/a/signing", Secret::new("a's")).await.unwrap();
    let row = table.get(&Key::secret("services/a/signing")).await.unwrap().unwrap();
    let copy = Item::new(Key::secret("services/b/signing"), row.attributes);
    table.commit(Commit::of(vec![Action::put(copy)])).await.unwrap();
    let opened = vault.resolve("services/b/signing").await;
    assert!(matches!(opened, Err(PortError::Damaged { .. })), "{opened:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn system_secrets_are_secrets_managers() {
    let Some(aws) = Aws::shared("system secrets in Secrets Manager") else { return };
    let (table, kms, prefix) = (memory_table(), kms_key(&aws).await, fresh_name("secrets"));
    let keys = data_keys(&aws, &table, &kms);
    let vault = vault(&aws, &keys, &table, &prefix);
    let reference = "system/admin-token";
    let refused = vault.store(reference, Secret::new("x")).await.unwrap_err();
    assert!(refused.to_string().contains("apply the Terraform"), "{refused}");
    // As Terraform makes it: without a value.
    let name = format!("{prefix}/{reference}");
    aws.clients.secrets().create_secret().name(&name).send().await.unwrap();
    assert!(is_not_found(&vault.resolve(reference).await));
    assert!(is_not_found(&vault.rotate(reference, Secret::new("x")).await));
    vault.store(reference, Secret::new("first")).await.unwrap();
    vault.store(reference, Secret::new("second")).await.unwrap();
    assert_eq!(vault.resolve(reference).await.unwrap().expose(), "first");
    vault.rotate(reference, Secret::new("rotated")).await.unwrap();
    vault.store(reference, Secret::new("first")).await.unwrap();
    assert_eq!(vault.resolve(reference).await.unwrap().expose(), "rotated");
    assert!(table.get(&Key::secret(reference)).await.unwrap().is_none(), "it lies in the table, too");
    vault.delete(reference).await.unwrap();
    assert!(is_not_found(&vault.resolve(reference).await));
    vault.delete(reference).await.unwrap();
}

/// Of two functions that need the token at once, Secrets Manager takes the version of one, and refuses the other's.
#[tokio::test]
async fn the_second_of_two_first_versions_is_left_aside() {
    let canned = Canned::start(|target, body| match target {
        "secretsmanager.GetSecretValue" => {
            Answer::error(400, "ResourceNotFoundException", "no value at AWSCURRENT")
        }
        "secretsmanager.PutSecretValue" => {
            let token = body["ClientRequestToken"].as_str().unwrap();
            assert!((32..=64).contains(&token.len()), "{token}");
            Answer::error(400, "ResourceExistsException", "the version exists with another value")
        }
        other => panic!("{other}"),
    })
    .await;
    let aws = canned.aws();
    let keys = data_keys(&aws, &memory_table(), "key");
    vault(&aws, &keys, &memory_table(), "prefix").store("system/s", Secret::new("x")).await.unwrap();
    let puts = canned.seen("secretsmanager.PutSecretValue");
    assert_eq!(puts.len(), 1);
    assert_eq!(puts[0]["SecretId"], "prefix/system/s");
}

#[tokio::test]
async fn kms_is_asked_once_until_the_time_of_a_key_in_memory_is_over() {
    let canned = Canned::start(|target, body| {
        let context = &body["EncryptionContext"];
        assert_eq!(context["tenantId"], tenant(1).as_str());
        assert_eq!(context["purpose"], "data");
        let key = json!({"Plaintext": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=", "CiphertextBlob": "d3JhcHBlZA==", "KeyId": "key"});
        match target {
            "TrentService.GenerateDataKey" | "TrentService.Decrypt" => Answer::ok(key),
            other => panic!("{other}"),
        }
    })
    .await;
    let (table, clock) = (memory_table(), tenantry_contract::ManualClock::new());
    let ids = Arc::new(SystemIds::new().unwrap());
    let calls = Calls::new(Arc::new(clock.clone()), ids, Duration::from_secs(5));
    let keys = AwsDataKeys::new(canned.aws().clients, calls, table, "key");
    keys.create(&tenant(1), KeyPurpose::Data).await.unwrap();
    for _ in 0..5 {
        keys.create(&tenant(1), KeyPurpose::Data).await.unwrap();
        keys.seal(&tenant(1), KeyPurpose::Data, "c", b"x").await.unwrap();
    }
    assert_eq!(canned.seen("TrentService.GenerateDataKey").len(), 1);
    assert_eq!(canned.seen("TrentService.Decrypt").len(), 0);
    clock.advance(Duration::from_secs(301));
    for _ in 0..5 {
        keys.seal(&tenant(1), KeyPurpose::Data, "c", b"x").await.unwrap();
    }
    assert_eq!(canned.seen("TrentService.Decrypt").len(), 1);
}

#[tokio::test]
async fn what_kms_says_reaches_the_caller() {
    for (status, code, unavailable) in [
        (400, "DisabledException", true),
        (400, "KMSInvalidStateException", true),
        (500, "KMSInternalException", true),
        (400, "AccessDeniedException", false),
        (400, "NotFoundException", false),
    ] {
        let canned = Canned::start(move |_, _| Answer::error(status, code, "said KMS")).await;
        let keys = data_keys(&canned.aws(), &memory_table(), "key");
        let error = keys.create(&tenant(1), KeyPurpose::Data).await.unwrap_err();
        assert_eq!(matches!(error, PortError::Unavailable { .. }), unavailable, "{error:?}");
        let text = error.to_string();
        for part in ["GenerateDataKey", code, "said KMS", "request-1"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}

//! Every limit, in one place. Units stand last in the names.

/// Largest request body of the HTTP API.
pub const REQUEST_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Largest input or output of a state, task or execution, in bytes of UTF-8.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
pub const PAYLOAD_BYTES_MAX: usize = 262_144;

/// Most history events of one execution; the next one fails it. Same page.
pub const HISTORY_EVENTS_MAX: u64 = 25_000;

/// Largest definition. Same page.
pub const DEFINITION_BYTES_MAX: usize = 1024 * 1024;

/// Longest name of a workflow or an execution. Same page.
pub const EXECUTION_NAME_LENGTH_MAX: usize = 80;

/// Longest error name of a failed task. <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>
pub const ERROR_NAME_LENGTH_MAX: usize = 256;

/// Longest cause of a failed task. Same page.
pub const CAUSE_LENGTH_MAX: usize = 32_768;

/// Most actions of one commit, condition-only checks counted.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub const COMMIT_ACTIONS_MAX: usize = 100;

/// Largest item of the table.
pub const ITEM_BYTES_MAX: usize = 400 * 1024;

/// Largest commit, all items together.
pub const COMMIT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest message of a queue. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MESSAGE_BYTES_MAX: usize = 262_144;

/// Longest delay of a message.
pub const DELAY_SECONDS_MAX: u64 = 900;

/// Longest visibility timeout of a message.
pub const VISIBILITY_SECONDS_MAX: u64 = 12 * 3600;

/// Most messages of one receive.
pub const RECEIVE_MESSAGES_MAX: usize = 10;

/// Longest tenant name, in characters.
pub const TENANT_NAME_LENGTH_MAX: usize = 100;

/// Longest slug, in characters: what fits in one DNS label.
pub const SLUG_LENGTH_MAX: usize = 63;

/// Longest external id, in characters.
pub const EXTERNAL_ID_LENGTH_MAX: usize = 128;

/// Most entries of a tenant's metadata.
pub const METADATA_ENTRIES_MAX: usize = 50;

/// Longest key of a tenant's metadata, in characters.
pub const METADATA_KEY_LENGTH_MAX: usize = 64;

/// Longest value of a tenant's metadata, in characters.
pub const METADATA_VALUE_LENGTH_MAX: usize = 512;

/// Longest e-mail address (RFC 5321 section 4.5.3.1.3).
pub const EMAIL_LENGTH_MAX: usize = 254;

/// Longest `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_LENGTH_MAX: usize = 255;

/// How long an `Idempotency-Key` is remembered.
pub const IDEMPOTENCY_SECONDS: u64 = 24 * 3600;

/// Items of a page where the caller names no limit.
pub const PAGE_ITEMS_DEFAULT: usize = 50;

/// Most items of a page.
pub const PAGE_ITEMS_MAX: usize = 500;

/// Most services that can be registered.
pub const SERVICES_MAX: usize = 100;

/// Most subscriptions.
pub const SUBSCRIPTIONS_MAX: usize = 1_000;

/// Deaths of the engine under one attempt of a task after which the attempt fails as `Tenantry.EngineCrashed`.
pub const ENGINE_DEATHS_MAX: u32 = 3;

//! What services answer, as their API references have it: the ones that workflows call most.

use super::{Member, Shape};

const TEXT: Shape = Shape::Text(0);
const NAME: Shape = Shape::Text(1);

/// A member that may be left out.
const fn may(name: &'static str, shape: Shape) -> Member {
    (name, false, shape)
}

/// A member that is always there.
const fn must(name: &'static str, shape: Shape) -> Member {
    (name, true, shape)
}

/// The members of what an action answers; `None` where it is not known here. `action` may end in `.sync`.
pub(super) fn answer(service: &str, action: &str) -> Option<&'static [Member]> {
    Some(match (service, action) {
        ("states" | "sfn", "startExecution") => START_EXECUTION,
        ("states", "startExecution.sync") | ("sfn", "describeExecution") => DESCRIBE_EXECUTION,
        ("sfn", "startSyncExecution") => START_SYNC_EXECUTION,
        ("sfn", "stopExecution") => STOP_EXECUTION,
        ("sfn", "sendTaskSuccess" | "sendTaskFailure" | "sendTaskHeartbeat") => &[],
        ("lambda", "invoke") => INVOKE,
        ("events" | "eventbridge", "putEvents") => PUT_EVENTS,
        ("sqs", "sendMessage") => SEND_MESSAGE,
        ("sns", "publish") => PUBLISH,
        ("dynamodb", "getItem") => GET_ITEM,
        ("dynamodb", "putItem" | "updateItem" | "deleteItem") => WRITE_ITEM,
        ("dynamodb", "query" | "scan") => QUERY,
        ("s3", "getObject") => GET_OBJECT,
        ("s3", "putObject") => PUT_OBJECT,
        ("s3", "listObjectsV2") => LIST_OBJECTS,
        ("kms", "encrypt") => ENCRYPT,
        ("kms", "decrypt") => DECRYPT,
        ("secretsmanager", "getSecretValue") => GET_SECRET_VALUE,
        ("ssm", "getParameter") => GET_PARAMETER,
        _ => return None,
    })
}

const EXECUTION_STATUS: Shape =
    Shape::OneOf(&["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"]);
const DATA_DETAILS: Shape = Shape::Object(&[may("Included", Shape::Flag)]);

const START_EXECUTION: &[Member] = &[must("ExecutionArn", NAME), must("StartDate", TEXT)];
const STOP_EXECUTION: &[Member] = &[must("StopDate", TEXT)];
const DESCRIBE_EXECUTION: &[Member] = &[
    must("ExecutionArn", NAME),
    must("StateMachineArn", NAME),
    must("Status", EXECUTION_STATUS),
    must("StartDate", TEXT),
    may("Name", NAME),
    may("StopDate", TEXT),
    may("Input", TEXT),
    may("InputDetails", DATA_DETAILS),
    may("Output", TEXT),
    may("OutputDetails", DATA_DETAILS),
    may("TraceHeader", TEXT),
    may("MapRunArn", NAME),
    may("Error", TEXT),
    may("Cause", TEXT),
    may("StateMachineVersionArn", NAME),
    may("StateMachineAliasArn", NAME),
    may("RedriveCount", Shape::Number),
    may("RedriveDate", TEXT),
    may("RedriveStatus", Shape::OneOf(&["REDRIVABLE", "NOT_REDRIVABLE", "REDRIVABLE_BY_MAP_RUN"])),
    may("RedriveStatusReason", TEXT),
];
const START_SYNC_EXECUTION: &[Member] = &[
    must("ExecutionArn", NAME),
    must("StartDate", TEXT),
    must("StopDate", TEXT),
    must("Status", Shape::OneOf(&["SUCCEEDED", "FAILED", "TIMED_OUT"])),
    may("StateMachineArn", NAME),
    may("Name", NAME),
    may("Error", TEXT),
    may("Cause", TEXT),
    may("Input", TEXT),
    may("InputDetails", DATA_DETAILS),
    may("Output", TEXT),
    may("OutputDetails", DATA_DETAILS),
    may("TraceHeader", TEXT),
    may(
        "BillingDetails",
        Shape::Object(&[
            may("BilledMemoryUsedInMB", Shape::Number),
            may("BilledDurationInMilliseconds", Shape::Number),
        ]),
    ),
];

const INVOKE: &[Member] = &[
    may("StatusCode", Shape::Number),
    may("FunctionError", TEXT),
    may("LogResult", TEXT),
    may("Payload", Shape::Any),
    may("ExecutedVersion", NAME),
];

const PUT_EVENTS: &[Member] = &[
    may("FailedEntryCount", Shape::Number),
    may(
        "Entries",
        Shape::List(&Shape::Object(&[
            may("EventId", TEXT),
            may("ErrorCode", TEXT),
            may("ErrorMessage", TEXT),
        ])),
    ),
];

const SEND_MESSAGE: &[Member] = &[
    may("MD5OfMessageBody", TEXT),
    may("MD5OfMessageAttributes", TEXT),
    may("MD5OfMessageSystemAttributes", TEXT),
    may("MessageId", TEXT),
    may("SequenceNumber", TEXT),
];
const PUBLISH: &[Member] = &[may("MessageId", TEXT), may("SequenceNumber", TEXT)];

const CAPACITY: &[Member] = &[
    may("ReadCapacityUnits", Shape::Number),
    may("WriteCapacityUnits", Shape::Number),
    may("CapacityUnits", Shape::Number),
];
const CONSUMED_CAPACITY: Shape = Shape::Object(&[
    may("TableName", NAME),
    may("CapacityUnits", Shape::Number),
    may("ReadCapacityUnits", Shape::Number),
    may("WriteCapacityUnits", Shape::Number),
    may("Table", Shape::Object(CAPACITY)),
    may("LocalSecondaryIndexes", Shape::Map),
    may("GlobalSecondaryIndexes", Shape::Map),
]);
const GET_ITEM: &[Member] = &[may("Item", Shape::Map), may("ConsumedCapacity", CONSUMED_CAPACITY)];
const WRITE_ITEM: &[Member] = &[
    may("Attributes", Shape::Map),
    may("ConsumedCapacity", CONSUMED_CAPACITY),
    may(
        "ItemCollectionMetrics",
        Shape::Object(&[
            may("ItemCollectionKey", Shape::Map),
            may("SizeEstimateRangeGB", Shape::List(&Shape::Number)),
        ]),
    ),
];
const QUERY: &[Member] = &[
    may("Items", Shape::List(&Shape::Map)),
    may("Count", Shape::Number),
    may("ScannedCount", Shape::Number),
    may("LastEvaluatedKey", Shape::Map),
    may("ConsumedCapacity", CONSUMED_CAPACITY),
];

const STORAGE_CLASS: Shape = Shape::OneOf(&[
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "OUTPOSTS",
    "GLACIER_IR",
    "SNOW",
    "EXPRESS_ONEZONE",
    "FSX_OPENZFS",
]);
const ENCRYPTION: Shape = Shape::OneOf(&["AES256", "aws:fsx", "aws:kms", "aws:kms:dsse"]);
const CHARGED: Shape = Shape::OneOf(&["requester"]);
const CHECKSUM_TYPE: Shape = Shape::OneOf(&["COMPOSITE", "FULL_OBJECT"]);
const GET_OBJECT: &[Member] = &[
    may("Body", TEXT),
    may("DeleteMarker", Shape::Flag),
    may("AcceptRanges", TEXT),
    may("Expiration", TEXT),
    may("Restore", TEXT),
    may("LastModified", TEXT),
    may("ContentLength", Shape::Number),
    may("ETag", TEXT),
    may("ChecksumCRC32", TEXT),
    may("ChecksumCRC32C", TEXT),
    may("ChecksumCRC64NVME", TEXT),
    may("ChecksumSHA1", TEXT),
    may("ChecksumSHA256", TEXT),
    may("ChecksumType", CHECKSUM_TYPE),
    may("MissingMeta", Shape::Number),
    may("VersionId", TEXT),
    may("CacheControl", TEXT),
    may("ContentDisposition", TEXT),
    may("ContentEncoding", TEXT),
    may("ContentLanguage", TEXT),
    may("ContentRange", TEXT),
    may("ContentType", TEXT),
    may("Expires", TEXT),
    may("WebsiteRedirectLocation", TEXT),
    may("ServerSideEncryption", ENCRYPTION),
    may("Metadata", Shape::Map),
    may("SSECustomerAlgorithm", TEXT),
    may("SSECustomerKeyMD5", TEXT),
    may("SSEKMSKeyId", TEXT),
    may("BucketKeyEnabled", Shape::Flag),
    may("StorageClass", STORAGE_CLASS),
    may("RequestCharged", CHARGED),
    may("ReplicationStatus", Shape::OneOf(&["COMPLETE", "PENDING", "FAILED", "REPLICA", "COMPLETED"])),
    may("PartsCount", Shape::Number),
    may("TagCount", Shape::Number),
    may("ObjectLockMode", Shape::OneOf(&["GOVERNANCE", "COMPLIANCE"])),
    may("ObjectLockRetainUntilDate", TEXT),
    may("ObjectLockLegalHoldStatus", Shape::OneOf(&["ON", "OFF"])),
];
const PUT_OBJECT: &[Member] = &[
    may("Expiration", TEXT),
    may("ETag", TEXT),
    may("ChecksumCRC32", TEXT),
    may("ChecksumCRC32C", TEXT),
    may("ChecksumCRC64NVME", TEXT),
    may("ChecksumSHA1", TEXT),
    may("ChecksumSHA256", TEXT),
    may("ChecksumType", CHECKSUM_TYPE),
    may("ServerSideEncryption", ENCRYPTION),
    may("VersionId", TEXT),
    may("SSECustomerAlgorithm", TEXT),
    may("SSECustomerKeyMD5", TEXT),
    may("SSEKMSKeyId", TEXT),
    may("SSEKMSEncryptionContext", TEXT),
    may("BucketKeyEnabled", Shape::Flag),
    may("Size", Shape::Number),
    may("RequestCharged", CHARGED),
];
const LIST_OBJECTS: &[Member] = &[
    may("IsTruncated", Shape::Flag),
    may(
        "Contents",
        Shape::List(&Shape::Object(&[
            may("Key", NAME),
            may("LastModified", TEXT),
            may("ETag", TEXT),
            may("ChecksumAlgorithm", Shape::List(&TEXT)),
            may("Size", Shape::Number),
            may("StorageClass", STORAGE_CLASS),
            may("Owner", Shape::Map),
        ])),
    ),
    may("Name", TEXT),
    may("Prefix", TEXT),
    may("Delimiter", TEXT),
    may("MaxKeys", Shape::Number),
    may("CommonPrefixes", Shape::List(&Shape::Map)),
    may("KeyCount", Shape::Number),
    may("ContinuationToken", TEXT),
    may("NextContinuationToken", TEXT),
    may("StartAfter", TEXT),
];

const KEY_ALGORITHM: Shape =
    Shape::OneOf(&["SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"]);
const ENCRYPT: &[Member] =
    &[may("CiphertextBlob", NAME), may("KeyId", NAME), may("EncryptionAlgorithm", KEY_ALGORITHM)];
const DECRYPT: &[Member] = &[
    may("KeyId", NAME),
    may("Plaintext", NAME),
    may("EncryptionAlgorithm", KEY_ALGORITHM),
    may("CiphertextForRecipient", NAME),
];
const GET_SECRET_VALUE: &[Member] = &[
    may("ARN", NAME),
    may("Name", NAME),
    may("VersionId", TEXT),
    may("SecretBinary", NAME),
    may("SecretString", NAME),
    may("VersionStages", Shape::List(&NAME)),
    may("CreatedDate", TEXT),
];
const GET_PARAMETER: &[Member] = &[may(
    "Parameter",
    Shape::Object(&[
        may("Name", NAME),
        may("Type", Shape::OneOf(&["String", "StringList", "SecureString"])),
        may("Value", TEXT),
        may("Version", Shape::Number),
        may("Selector", TEXT),
        may("SourceResult", TEXT),
        may("LastModifiedDate", TEXT),
        may("ARN", TEXT),
        may("DataType", TEXT),
    ]),
)];

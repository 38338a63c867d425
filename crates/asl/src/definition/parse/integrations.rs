//! Which services Step Functions calls, and what it may wait for there.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html>

use crate::definition::model::WaitsFor;

/// An optimized integration.
struct Service {
    name: &'static str,
    /// The actions that are answered at once.
    actions: &'static [&'static str],
    /// Those of which the end of the job may be awaited (`.sync`) too.
    jobs: &'static [&'static str],
    /// Whether `.waitForTaskToken` is offered.
    token: bool,
}

const fn service(
    name: &'static str,
    actions: &'static [&'static str],
    jobs: &'static [&'static str],
    token: bool,
) -> Service {
    Service { name, actions, jobs, token }
}

const SERVICES: &[Service] = &[
    service("apigateway", &["invoke"], &[], true),
    service(
        "athena",
        &["stopQueryExecution", "getQueryExecution", "getQueryResults"],
        &["startQueryExecution"],
        false,
    ),
    service("batch", &[], &["submitJob"], true),
    service("bedrock", &["invokeModel"], &["createModelCustomizationJob"], true),
    service("bedrock-agentcore", &["invokeHarness", "invokeAgentRuntime"], &[], false),
    service(
        "codebuild",
        &["stopBuild", "batchDeleteBuilds", "batchGetReports", "stopBuildBatch", "deleteBuildBatch"],
        &["startBuild", "startBuildBatch", "retryBuildBatch"],
        false,
    ),
    service("databrew", &[], &["startJobRun"], false),
    service("dynamodb", &["getItem", "putItem", "updateItem", "deleteItem"], &[], false),
    service("ecs", &[], &["runTask"], true),
    service(
        "eks",
        &["call"],
        &[
            "createCluster",
            "deleteCluster",
            "createFargateProfile",
            "deleteFargateProfile",
            "createNodegroup",
            "deleteNodegroup",
            "runJob",
        ],
        true,
    ),
    service(
        "elasticmapreduce",
        &[
            "setClusterTerminationProtection",
            "cancelStep",
            "modifyInstanceFleetByName",
            "modifyInstanceGroupByName",
        ],
        &["createCluster", "terminateCluster", "addStep"],
        false,
    ),
    service("emr-containers", &["createVirtualCluster"], &["deleteVirtualCluster", "startJobRun"], false),
    service(
        "emr-serverless",
        &[],
        &[
            "createApplication",
            "startApplication",
            "stopApplication",
            "deleteApplication",
            "startJobRun",
            "cancelJobRun",
        ],
        false,
    ),
    service("events", &["putEvents"], &[], true),
    service("glue", &[], &["startJobRun"], false),
    service("http", &["invoke"], &[], false),
    service("lambda", &["invoke"], &[], true),
    service("mediaconvert", &[], &["createJob"], false),
    service(
        "sagemaker",
        &["createEndpoint", "createEndpointConfig", "createModel", "updateEndpoint"],
        &[
            "createTransformJob",
            "createTrainingJob",
            "createHyperParameterTuningJob",
            "createLabelingJob",
            "createProcessingJob",
        ],
        false,
    ),
    service("sns", &["publish"], &[], true),
    service("sqs", &["sendMessage"], &[], true),
    service("states", &[], &["startExecution"], true),
];

/// Whether there is such an integration. Of the AWS SDK's only the form is looked at: there are over ten thousand
/// actions, and which of them this home can call is told when they are called.
pub(super) fn offers(service: &str, action: &str, waits_for: WaitsFor) -> bool {
    if let Some(service) = service.strip_prefix("aws-sdk:") {
        return matches!(waits_for, WaitsFor::Response | WaitsFor::Token)
            && !service.is_empty()
            && service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && action.starts_with(|letter: char| letter.is_ascii_lowercase())
            && action.bytes().all(|byte| byte.is_ascii_alphanumeric());
    }
    SERVICES.iter().filter(|known| known.name == service).any(|known| {
        let job = known.jobs.contains(&action);
        match waits_for {
            WaitsFor::Response => job || known.actions.contains(&action),
            WaitsFor::Job => job,
            WaitsFor::JobAsJson => job && service == "states",
            WaitsFor::Token => known.token && (job || known.actions.contains(&action)),
        }
    })
}

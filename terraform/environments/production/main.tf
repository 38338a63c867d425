# The control plane: what modules there are, and what each is told of the others.

module "table" {
  source    = "../../modules/table"
  providers = { aws = aws, aws.replica = aws.replica }
  context   = local.context

  secret_references    = local.secret_references
  deletion_protection  = var.deletion_protection
  recovery_days        = var.key_recovery_days
  secret_recovery_days = var.secret_recovery_days
  old_versions_days    = var.old_versions_days
  replica_region       = var.replica_region
  standby              = var.standby
}

module "queues" {
  source   = "../../modules/queues"
  context  = local.context
  contract = local.contract

  dead_letter_visibility_seconds = 6 * local.contract.functions.dead_letters.timeoutSeconds
  sending_rules = {
    "execution-status"   = local.execution_status_rule_arns
    "rules-dead-letters" = local.execution_status_rule_arns
  }
}

module "bus" {
  source  = "../../modules/bus"
  context = local.context

  publisher_role_arns        = [for name in local.publishers : local.role_arns[name]]
  subscriber_account_ids     = var.subscriber_account_ids
  archive_days               = var.archive_days
  execution_status_rules     = local.execution_status_rules
  execution_status_queue_arn = module.queues.arns["execution-status"]
  dead_letter_queue_arn      = module.queues.dead_letter_arns["rules"]
}

module "functions" {
  source   = "../../modules/functions"
  context  = local.context
  contract = local.contract

  resources       = local.resources
  variable_values = local.variable_values
  common_variables = merge(
    { TENANTRY_LOG = var.log_filter },
    # The receivers of tests listen on loopback.
    local.emulated ? { TENANTRY_ALLOW_PRIVATE_WEBHOOKS = "true" } : {},
  )
  zip_path               = var.zip_path
  code_bucket_name       = module.table.code_bucket_name
  architecture           = var.architecture
  reserved_concurrency   = var.reserved_concurrency
  queue_concurrency      = var.queue_concurrency
  queue_arns             = module.queues.arns
  dead_letter_queue_arns = module.queues.dead_letter_arns
  stream_arn             = module.table.stream_arn
  key_arn                = module.table.key_arn
  log_retention_days     = var.log_retention_days
  active                 = var.active
}

module "workflows" {
  source   = "../../modules/workflows"
  context  = local.context
  contract = local.contract

  resources          = local.resources
  function_arns      = module.functions.alias_arns
  queue_urls         = module.queues.urls
  key_arn            = module.table.key_arn
  log_retention_days = var.log_retention_days
  log_level          = var.execution_log_level
}

module "api" {
  source  = "../../modules/api"
  context = local.context

  api_function_name        = module.functions.function_names["api"]
  api_invoke_arn           = module.functions.alias_invoke_arns["api"]
  authorizer_function_name = module.functions.function_names["authorizer"]
  authorizer_invoke_arn    = module.functions.alias_invoke_arns["authorizer"]
  authorizer_ttl_seconds   = var.authorizer_ttl_seconds
  requests_per_second      = var.requests_per_second
  requests_burst           = var.requests_per_second * 2
  open_requests_per_second = var.open_requests_per_second
  domain                   = var.domain
  key_arn                  = module.table.key_arn
  log_retention_days       = var.log_retention_days
}

module "observability" {
  source  = "../../modules/observability"
  context = local.context

  function_names  = module.functions.function_names
  log_group_names = module.functions.log_group_names
  queue_names     = { for name, queue in local.contract.queues : name => "${var.prefix}-${name}" }
  dead_letter_queue_names = {
    for name, arn in module.queues.dead_letter_arns : name => "${var.prefix}-${name}-dead-letters"
  }
  drained_queues              = toset(keys(local.contract.queues))
  state_machine_arns          = module.workflows.arns
  table_name                  = module.table.name
  api_id                      = module.api.id
  key_arn                     = module.table.key_arn
  alarm_emails                = var.alarm_emails
  message_age_seconds         = var.alarm_thresholds.message_age_seconds
  stream_age_seconds          = var.alarm_thresholds.stream_age_seconds
  failed_executions_threshold = var.alarm_thresholds.failed_executions
  error_rate_percent          = var.alarm_thresholds.error_rate_percent
  error_rate_functions        = var.error_rate_functions
  monthly_budget_usd          = var.monthly_budget_usd
}

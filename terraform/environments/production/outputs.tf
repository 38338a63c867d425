output "url" {
  description = "The HTTP API: tenantry --url \"$(terraform output -raw url)\"."
  value       = local.emulated ? "${var.emulator_endpoint}/_aws/execute-api/${module.api.id}/$default" : module.api.url
}

output "admin_token_command" {
  description = "Prints the admin's token. It is there after the first call of the API."
  value       = "aws secretsmanager get-secret-value --region ${var.region} --secret-id ${var.prefix}/system/admin-token --query SecretString --output text"
}

output "region" {
  description = "The Region."
  value       = var.region
}

output "table" {
  description = "The table's name."
  value       = module.table.name
}

output "bus" {
  description = "The bus's name, for subscribers of this account (modules/subscriber)."
  value       = module.bus.name
}

output "bus_arn" {
  description = "The bus's ARN, for rules of other accounts."
  value       = module.bus.arn
}

output "bucket" {
  description = "The bucket's name."
  value       = module.table.bucket_name
}

output "queues" {
  description = "The queues' URLs by name."
  value       = module.queues.urls
}

output "dead_letter_queues" {
  description = "The dead letter queues' URLs, by the queue's name or their own."
  value       = module.queues.dead_letter_urls
}

output "functions" {
  description = "The ARNs of the functions' aliases, by function."
  value       = module.functions.alias_arns
}

output "function_roles" {
  description = "The functions' roles, by function."
  value       = module.functions.role_names
}

output "state_machines" {
  description = "The ARNs of the state machines' aliases, by workflow."
  value       = module.workflows.alias_arns
}

output "state_machine_roles" {
  description = "The state machines' roles, by workflow."
  value       = module.workflows.role_names
}

output "definitions" {
  description = "The rendered workflows, by name."
  value       = module.workflows.definitions
}

output "resources" {
  description = "What the words of generated/functions.json stand for."
  value       = local.resources
}

output "alarm_topic" {
  description = "The topic that alarms are published to."
  value       = module.observability.topic_arn
}

output "dashboard" {
  description = "The dashboard's name in CloudWatch."
  value       = module.observability.dashboard_name
}

output "domain_target" {
  description = "What the domain's DNS record points at; null without a domain."
  value       = module.api.domain_target
}

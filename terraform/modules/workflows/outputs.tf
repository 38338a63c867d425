output "alias_arns" {
  description = "ARNs of the state machines' aliases, by workflow."
  value       = { for name, alias in aws_sfn_alias.live : name => alias.arn }
}

output "arns" {
  description = "ARNs of the state machines, by workflow."
  value       = { for name, machine in aws_sfn_state_machine.this : name => machine.arn }
}

output "role_names" {
  description = "The roles' names, by workflow."
  value       = { for name, role in aws_iam_role.this : name => role.name }
}

output "definitions" {
  description = "The rendered definitions, by workflow."
  value       = local.definitions
}

output "statements" {
  description = "The statements of each state machine's role, with ARNs."
  value       = local.statements
}

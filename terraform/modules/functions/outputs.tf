output "alias_arns" {
  description = "ARNs of the functions' aliases, by function."
  value       = { for name, alias in aws_lambda_alias.live : name => alias.arn }
}

output "alias_invoke_arns" {
  description = "What API Gateway calls the aliases by, by function."
  value       = { for name, alias in aws_lambda_alias.live : name => alias.invoke_arn }
}

output "function_names" {
  description = "The functions' names in Lambda, by function."
  value       = { for name, function in aws_lambda_function.this : name => function.function_name }
}

output "role_names" {
  description = "The roles' names, by function."
  value       = { for name, role in aws_iam_role.this : name => role.name }
}

output "log_group_names" {
  description = "The log groups' names, by function."
  value       = { for name, group in aws_cloudwatch_log_group.this : name => group.name }
}

output "statements" {
  description = "The statements of each function's role, with ARNs."
  value       = local.statements
}

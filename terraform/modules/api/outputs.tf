output "id" {
  description = "The API's id."
  value       = aws_apigatewayv2_api.this.id
}

output "url" {
  description = "The API's address on AWS, without a slash at its end."
  value = (
    var.domain == null
    ? trimsuffix(aws_apigatewayv2_stage.this.invoke_url, "/")
    : "https://${var.domain.name}"
  )
}

output "domain_target" {
  description = "What the domain's DNS record (an alias or a CNAME) points at; null without a domain."
  value       = var.domain == null ? null : one(aws_apigatewayv2_domain_name.this[0].domain_name_configuration).target_domain_name
}

output "access_log_group_name" {
  description = "The log group of the access logs."
  value       = aws_cloudwatch_log_group.access.name
}

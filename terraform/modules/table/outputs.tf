output "name" {
  description = "The table's name."
  value       = local.name
}

output "table_arn" {
  description = "The table's ARN."
  value       = local.table_arn
}

output "stream_arn" {
  description = "The ARN of the table's stream."
  value       = local.stream_arn
}

output "index_arns" {
  description = "The indexes' ARNs by name."
  value       = { for index in local.schema.indexes : index.name => "${local.table_arn}/index/${index.name}" }
}

output "key_arn" {
  description = "The key's ARN."
  value       = local.key_arn
}

output "bucket_name" {
  description = "The bucket's name."
  value       = aws_s3_bucket.this["blobs"].id
}

output "bucket_arn" {
  description = "The bucket's ARN."
  value       = aws_s3_bucket.this["blobs"].arn
}

output "code_bucket_name" {
  description = "The name of the bucket with the functions' code."
  value       = aws_s3_bucket.this["code"].id
}

output "secret_arns" {
  description = "The system's secrets' ARNs by reference."
  value = var.standby ? {
    for reference, secret in data.aws_secretsmanager_secret.system : reference => secret.arn
    } : {
    for reference, secret in aws_secretsmanager_secret.system : reference => secret.arn
  }
}

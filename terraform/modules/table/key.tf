# One customer key for everything that is kept: table, bucket, secrets, logs, alarms, and the wrapping of tenants' own
# data keys. It is a multi-Region key from the start, because a key cannot become one later, and a replica of the table
# is of no use where the tenants' keys cannot be unwrapped.

locals {
  replica_regions = var.standby || var.replica_region == "" ? [] : [var.replica_region]
  key_arn         = var.standby ? data.aws_kms_alias.replica[0].target_key_arn : aws_kms_key.this[0].arn
  root_arn        = "arn:${var.context.partition}:iam::${var.context.account_id}:root"

  # The policy of the key, by Region: a replica has one of its own.
  key_policies = {
    for region in concat([var.context.region], local.replica_regions) : region => jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "AccountAdministersAndDelegatesToIam"
          Effect    = "Allow"
          Principal = { AWS = local.root_arn }
          Action    = "kms:*"
          Resource  = "*"
        },
        {
          # Whoever may use the table, the bucket or a secret may use the key through it, and only through it.
          Sid       = "ThroughTheServicesThatKeepData"
          Effect    = "Allow"
          Principal = { AWS = "*" }
          Action    = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
          Resource  = "*"
          Condition = {
            StringEquals = {
              "kms:CallerAccount" = var.context.account_id
              "kms:ViaService" = [
                "dynamodb.${region}.amazonaws.com",
                "s3.${region}.amazonaws.com",
                "secretsmanager.${region}.amazonaws.com",
              ]
            }
          }
        },
        {
          Sid       = "Logs"
          Effect    = "Allow"
          Principal = { Service = "logs.${region}.amazonaws.com" }
          Action    = ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
          Resource  = "*"
          Condition = {
            ArnLike = {
              "kms:EncryptionContext:aws:logs:arn" = "arn:${var.context.partition}:logs:${region}:${var.context.account_id}:log-group:/aws/*/${var.context.prefix}*"
            }
          }
        },
        {
          # Alarms are published to the encrypted topic. As AWS writes it, without a condition: a key that is refused
          # here is an alarm that nobody hears, and whose alarms may come in is said by the topic.
          # https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
          Sid       = "Alarms"
          Effect    = "Allow"
          Principal = { Service = "cloudwatch.amazonaws.com" }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
          Resource  = "*"
        },
        {
          # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
          Sid       = "Budgets"
          Effect    = "Allow"
          Principal = { Service = "budgets.amazonaws.com" }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
          Resource  = "*"
          Condition = { StringEquals = { "aws:SourceAccount" = var.context.account_id } }
        },
      ]
    })
  }
}

resource "aws_kms_key" "this" {
  #checkov:skip=CKV_AWS_33:the wildcard principal is bounded by kms:CallerAccount and kms:ViaService, as in AWS's own managed keys
  count = var.standby ? 0 : 1

  description             = "Everything that ${var.context.prefix} keeps"
  enable_key_rotation     = true
  multi_region            = true
  deletion_window_in_days = var.recovery_days
  policy                  = local.key_policies[var.context.region]
}

resource "aws_kms_alias" "this" {
  count = var.standby ? 0 : 1

  name          = "alias/${var.context.prefix}"
  target_key_id = aws_kms_key.this[0].key_id
}

resource "aws_kms_replica_key" "this" {
  #checkov:skip=CKV_AWS_33:the wildcard principal is bounded as that of the key that it is a replica of
  count    = length(local.replica_regions)
  provider = aws.replica

  description             = "Everything that ${var.context.prefix} keeps (replica)"
  primary_key_arn         = aws_kms_key.this[0].arn
  deletion_window_in_days = var.recovery_days
  policy                  = local.key_policies[local.replica_regions[count.index]]
}

resource "aws_kms_alias" "replica" {
  count    = length(local.replica_regions)
  provider = aws.replica

  name          = "alias/${var.context.prefix}"
  target_key_id = aws_kms_replica_key.this[count.index].key_id
}

data "aws_kms_alias" "replica" {
  count = var.standby ? 1 : 0
  name  = "alias/${var.context.prefix}"
}

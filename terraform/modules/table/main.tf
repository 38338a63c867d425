# The one table. Its keys, indexes, expiry and stream are those of schema/table.json, which both homes read.

locals {
  schema = jsondecode(file("${path.module}/../../../schema/table.json"))
  name   = var.context.prefix

  # Every key attribute of the table and of its indexes, once.
  key_attributes = {
    for key in concat(
      [local.schema.partitionKey, local.schema.sortKey],
      flatten([for index in local.schema.indexes : [index.partitionKey, index.sortKey]]),
    ) : key.name => key.type
  }

  table_arn  = var.standby ? data.aws_dynamodb_table.replica[0].arn : aws_dynamodb_table.this[0].arn
  stream_arn = var.standby ? data.aws_dynamodb_table.replica[0].stream_arn : aws_dynamodb_table.this[0].stream_arn
}

resource "aws_dynamodb_table" "this" {
  count = var.standby ? 0 : 1

  name                        = local.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = local.schema.partitionKey.name
  range_key                   = local.schema.sortKey.name
  stream_enabled              = true
  stream_view_type            = local.schema.stream
  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = local.key_attributes
    content {
      name = attribute.key
      type = attribute.value
    }
  }

  dynamic "global_secondary_index" {
    for_each = { for index in local.schema.indexes : index.name => index }
    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value.partitionKey.name
      range_key       = global_secondary_index.value.sortKey.name
      projection_type = global_secondary_index.value.projection
    }
  }

  ttl {
    enabled        = true
    attribute_name = local.schema.timeToLive.name
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.this[0].arn
  }

  dynamic "replica" {
    for_each = local.replica_regions
    content {
      region_name            = replica.value
      kms_key_arn            = aws_kms_replica_key.this[0].arn
      point_in_time_recovery = true
      propagate_tags         = true
    }
  }
}

# The standby Region finds the replica that the primary Region made.
data "aws_dynamodb_table" "replica" {
  count = var.standby ? 1 : 0
  name  = local.name
}

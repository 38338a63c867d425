# The table is that of schema/table.json; everything that is kept is encrypted, and hard to lose.

mock_provider "aws" {
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1", key_id = "mrk-1" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-central-1:111122223333:table/acme"
      stream_arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/acme/stream/1"
    }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::acme", id = "acme" }
  }
  mock_data "aws_kms_alias" {
    defaults = { target_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1" }
  }
  mock_data "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-west-1:111122223333:table/acme"
      stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/acme/stream/2"
    }
  }
}

mock_provider "aws" {
  alias = "replica"
  mock_resource "aws_kms_replica_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1" }
  }
}

variables {
  context = {
    prefix     = "acme"
    partition  = "aws"
    region     = "eu-central-1"
    account_id = "111122223333"
    emulated   = false
  }
  secret_references    = ["system/admin-token"]
  deletion_protection  = true
  recovery_days        = 30
  secret_recovery_days = 7
  old_versions_days    = 30
  replica_region       = ""
  standby              = false
}

run "the_table_of_the_schema" {
  assert {
    condition     = aws_dynamodb_table.this[0].hash_key == "pk" && aws_dynamodb_table.this[0].range_key == "sk" && aws_dynamodb_table.this[0].billing_mode == "PAY_PER_REQUEST"
    error_message = "The table's keys are not those of the schema, or it is not on demand."
  }

  assert {
    condition = toset([
      for index in aws_dynamodb_table.this[0].global_secondary_index : "${index.name} ${index.hash_key} ${index.range_key} ${index.projection_type}"
      ]) == toset([
      for index in jsondecode(file("../../../schema/table.json")).indexes : "${index.name} ${index.partitionKey.name} ${index.sortKey.name} ${index.projection}"
    ])
    error_message = "The indexes are not those of the schema."
  }

  assert {
    condition     = length(aws_dynamodb_table.this[0].attribute) == 8
    error_message = "An attribute is no key, or a key no attribute."
  }

  assert {
    condition     = aws_dynamodb_table.this[0].ttl[0].attribute_name == "expiresAt" && aws_dynamodb_table.this[0].ttl[0].enabled && aws_dynamodb_table.this[0].stream_view_type == "NEW_AND_OLD_IMAGES" && aws_dynamodb_table.this[0].stream_enabled
    error_message = "Rows do not expire, or nobody hears of them."
  }
}

run "what_is_kept_is_hard_to_lose" {
  assert {
    condition     = aws_dynamodb_table.this[0].point_in_time_recovery[0].enabled && aws_dynamodb_table.this[0].deletion_protection_enabled && aws_dynamodb_table.this[0].server_side_encryption[0].kms_key_arn == aws_kms_key.this[0].arn
    error_message = "The table can be lost, or is not encrypted with the customer key."
  }

  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation && aws_kms_key.this[0].multi_region && aws_kms_key.this[0].deletion_window_in_days == 30
    error_message = "The key is not rotated, can be lost at once, or cannot have a replica."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement :
      can(statement.Condition.StringEquals["kms:CallerAccount"]) && can(statement.Condition.StringEquals["kms:ViaService"])
      if try(statement.Principal.AWS, "") == "*"
    ])
    error_message = "Somebody outside of the account may use the key, or past the services that keep data."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement.Sid => try(statement.Principal.Service, "")
      if statement.Sid != "AccountAdministersAndDelegatesToIam" && statement.Sid != "ThroughTheServicesThatKeepData"
    } == { Logs = "logs.eu-central-1.amazonaws.com", Alarms = "cloudwatch.amazonaws.com", Budgets = "budgets.amazonaws.com" }
    error_message = "Logs cannot be written, or alarms are published to a topic whose key they may not use: nobody hears them."
  }

  assert {
    condition     = startswith("arn:aws:logs:eu-central-1:111122223333:log-group:/aws/vendedlogs/states/acme-x", split("*", one([for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement.Condition.ArnLike["kms:EncryptionContext:aws:logs:arn"] if statement.Sid == "Logs"]))[0])
    error_message = "The logs' key is refused by the logs' names."
  }

  assert {
    condition = alltrue([for name in ["blobs", "code"] :
      aws_s3_bucket_public_access_block.this[name].block_public_policy && aws_s3_bucket_public_access_block.this[name].restrict_public_buckets &&
      aws_s3_bucket_versioning.this[name].versioning_configuration[0].status == "Enabled" &&
      one(one(aws_s3_bucket_server_side_encryption_configuration.this[name].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms" &&
      jsondecode(aws_s3_bucket_policy.this[name].policy).Statement[0].Effect == "Deny" &&
      !aws_s3_bucket.this[name].force_destroy
    ])
    error_message = "A bucket is public, without versions or encryption, or goes away with what is in it."
  }

  assert {
    condition     = aws_secretsmanager_secret.system["system/admin-token"].name == "acme/system/admin-token" && aws_secretsmanager_secret.system["system/admin-token"].kms_key_id == aws_kms_key.this[0].arn
    error_message = "The secret has another name than the functions look for, or is not encrypted with the customer key."
  }
}

run "one_region_has_no_replica" {
  assert {
    condition     = length(aws_dynamodb_table.this[0].replica) == 0 && length(aws_kms_replica_key.this) == 0
    error_message = "A replica was made that nobody asked for."
  }
}

run "a_replica_takes_table_key_and_secrets_along" {
  variables {
    replica_region = "eu-west-1"
  }

  assert {
    condition     = one(aws_dynamodb_table.this[0].replica).region_name == "eu-west-1" && one(aws_dynamodb_table.this[0].replica).kms_key_arn == aws_kms_replica_key.this[0].arn && one(aws_dynamodb_table.this[0].replica).point_in_time_recovery
    error_message = "The replica is not as well kept as the table."
  }

  assert {
    condition     = one(aws_secretsmanager_secret.system["system/admin-token"].replica).region == "eu-west-1" && strcontains(aws_kms_replica_key.this[0].policy, "dynamodb.eu-west-1.amazonaws.com")
    error_message = "The second Region cannot read the secrets, or not use its key."
  }
}

run "a_standby_region_makes_neither_table_nor_key" {
  variables {
    context = merge(var.context, { region = "eu-west-1" })
    standby = true
  }

  assert {
    condition     = length(aws_dynamodb_table.this) + length(aws_kms_key.this) + length(aws_secretsmanager_secret.system) == 0 && output.stream_arn == "arn:aws:dynamodb:eu-west-1:111122223333:table/acme/stream/2" && output.key_arn == "arn:aws:kms:eu-west-1:111122223333:key/mrk-1"
    error_message = "The standby Region does not use the replicas."
  }
}

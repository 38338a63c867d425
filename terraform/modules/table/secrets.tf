# The system's own secrets, without their values: a value is made by the function that first needs it, so that neither
# a plan nor the state ever holds one. Tenants' secrets are sealed rows of the table.

resource "aws_secretsmanager_secret" "system" {
  #checkov:skip=CKV2_AWS_57:tokens of people and machines are rotated by `tenantry`, with a time in which both are good; Secrets Manager cannot tell the callers
  for_each = var.standby ? toset([]) : var.secret_references

  name                    = "${var.context.prefix}/${each.key}"
  description             = "${var.context.prefix}: ${each.key}"
  kms_key_id              = local.key_arn
  recovery_window_in_days = var.secret_recovery_days

  dynamic "replica" {
    for_each = local.replica_regions
    content {
      region     = replica.value
      kms_key_id = aws_kms_replica_key.this[0].arn
    }
  }
}

data "aws_secretsmanager_secret" "system" {
  for_each = var.standby ? var.secret_references : toset([])
  name     = "${var.context.prefix}/${each.key}"
}

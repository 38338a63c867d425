# One provider block for AWS and for an emulator. skip_requesting_account_id stays unset: the account's id is part of
# every name that is computed here.

locals {
  emulated = var.emulator_endpoint != ""

  # Every service that a resource below is made with.
  emulator_endpoints = local.emulated ? [var.emulator_endpoint] : []

  default_tags = merge(
    {
      Application = var.prefix
      Environment = var.environment
      ManagedBy   = "terraform"
    },
    var.tags,
  )
}

provider "aws" {
  region                      = var.region
  skip_credentials_validation = local.emulated
  skip_metadata_api_check     = local.emulated
  s3_use_path_style           = local.emulated

  default_tags {
    tags = local.default_tags
  }

  dynamic "endpoints" {
    for_each = local.emulator_endpoints
    content {
      apigatewayv2   = endpoints.value
      budgets        = endpoints.value
      cloudwatch     = endpoints.value
      dynamodb       = endpoints.value
      events         = endpoints.value
      iam            = endpoints.value
      kms            = endpoints.value
      lambda         = endpoints.value
      logs           = endpoints.value
      s3             = endpoints.value
      scheduler      = endpoints.value
      secretsmanager = endpoints.value
      sfn            = endpoints.value
      sns            = endpoints.value
      sqs            = endpoints.value
      sts            = endpoints.value
      xray           = endpoints.value
    }
  }
}

# The Region of the replica; the same one again where there is none, and then nothing is made with it.
provider "aws" {
  alias                       = "replica"
  region                      = var.replica_region == "" ? var.region : var.replica_region
  skip_credentials_validation = local.emulated
  skip_metadata_api_check     = local.emulated

  default_tags {
    tags = local.default_tags
  }

  dynamic "endpoints" {
    for_each = local.emulator_endpoints
    content {
      kms = endpoints.value
      sts = endpoints.value
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# Every variable refuses what cannot be meant, before anything is made. Each round gives wrong values to many variables
# at once, and every one of them must say so.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "replica"
}

variables {
  region   = "eu-central-1"
  zip_path = "versions.tf"
}

run "what_cannot_be_meant" {
  command = plan

  variables {
    region                   = "Frankfurt"
    prefix                   = "Tenantry"
    environment              = "my production"
    tags                     = { "aws:Owner" = "me" }
    zip_path                 = "no/such/bootstrap.zip"
    architecture             = "riscv64"
    emulator_endpoint        = "https://example.com"
    key_recovery_days        = 3
    secret_recovery_days     = 3
    old_versions_days        = 0
    archive_days             = -1
    log_retention_days       = 10
    execution_log_level      = "DEBUG"
    log_filter               = "info; rm"
    queue_concurrency        = { operations = 1 }
    reserved_concurrency     = { mailer = 5 }
    authorizer_ttl_seconds   = 7200
    requests_per_second      = 0
    open_requests_per_second = 0
    domain                   = { name = "tenantry", certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/1" }
    subscriber_account_ids   = ["me"]
    alarm_emails             = ["nobody"]
    alarm_thresholds         = { error_rate_percent = 101 }
    monthly_budget_usd       = -5
  }

  expect_failures = [
    var.region,
    var.prefix,
    var.environment,
    var.tags,
    var.zip_path,
    var.architecture,
    var.emulator_endpoint,
    var.key_recovery_days,
    var.secret_recovery_days,
    var.old_versions_days,
    var.archive_days,
    var.log_retention_days,
    var.execution_log_level,
    var.log_filter,
    var.queue_concurrency,
    var.reserved_concurrency,
    var.authorizer_ttl_seconds,
    var.requests_per_second,
    var.open_requests_per_second,
    var.domain,
    var.subscriber_account_ids,
    var.alarm_emails,
    var.alarm_thresholds,
    var.monthly_budget_usd,
  ]
}

run "what_goes_beyond_its_bounds" {
  command = plan

  variables {
    prefix                 = "tenantry-of-the-whole-house"
    emulator_endpoint      = "http://10.0.0.1:4566"
    key_recovery_days      = 31
    secret_recovery_days   = 31
    old_versions_days      = 1.5
    archive_days           = 0.5
    queue_concurrency      = { mail = 5 }
    reserved_concurrency   = { api = -1 }
    authorizer_ttl_seconds = -1
    domain                 = { name = "tenantry.example.com", certificate_arn = "certificate" }
    alarm_thresholds       = { message_age_seconds = -1 }
    subscriber_account_ids = ["12345678901"]
    replica_region         = "eu-central-1"
  }

  expect_failures = [
    var.prefix,
    var.emulator_endpoint,
    var.key_recovery_days,
    var.secret_recovery_days,
    var.old_versions_days,
    var.archive_days,
    var.queue_concurrency,
    var.reserved_concurrency,
    var.authorizer_ttl_seconds,
    var.domain,
    var.alarm_thresholds,
    var.subscriber_account_ids,
    var.replica_region,
  ]
}

run "names_that_aws_keeps_for_itself" {
  command = plan

  variables {
    prefix = "aws-tenantry"
    tags   = { "AWS:Owner" = "me" }
  }

  expect_failures = [
    var.prefix,
    var.tags,
  ]
}

run "names_that_are_too_short" {
  command = plan

  variables {
    prefix         = "te"
    replica_region = "europe"
  }

  expect_failures = [
    var.prefix,
    var.replica_region,
  ]
}

run "names_that_end_nowhere" {
  command = plan

  variables {
    prefix = "tenantry-"
  }

  expect_failures = [
    var.prefix,
  ]
}

run "a_replica_of_a_replica" {
  command = plan

  variables {
    standby        = true
    replica_region = "eu-west-1"
  }

  expect_failures = [
    var.replica_region,
  ]
}

variable "region" {
  description = "The AWS Region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS Region, such as eu-central-1."
  }
}

variable "prefix" {
  description = "What every name begins with, so that several deployments live in one account."
  type        = string
  default     = "tenantry"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.prefix)) && !strcontains(var.prefix, "--")
    error_message = "prefix must be 3 to 20 lower-case letters, digits and single hyphens, begin with a letter and not end with a hyphen: it is the name of a table, which has at least 3 characters, and part of names that AWS limits to 63 and 64."
  }

  validation {
    condition     = !startswith(var.prefix, "aws")
    error_message = "prefix must not begin with aws: AWS keeps such names for itself."
  }
}

variable "environment" {
  description = "What this deployment is for; a tag on everything."
  type        = string
  default     = "production"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,32}$", var.environment))
    error_message = "environment must be 1 to 32 letters, digits, - or _."
  }
}

variable "tags" {
  description = "Further tags on everything."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : !startswith(lower(key), "aws:")])
    error_message = "tags must not begin with aws:, which AWS keeps for itself."
  }
}

variable "zip_path" {
  description = "Path of the zip with the bootstrap (docs/deploy.md says how it is built)."
  type        = string

  validation {
    condition     = fileexists(var.zip_path)
    error_message = "zip_path names no file. Build the zip first (docs/deploy.md), and give its path from this folder or an absolute one."
  }
}

variable "architecture" {
  description = "What the bootstrap was built for: x86_64 or arm64 (a fifth cheaper)."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64, and be the one that the zip was built for."
  }
}

variable "emulator_endpoint" {
  description = "Address of an AWS emulator on this machine; empty: AWS. What an emulator does not know is left out by this one variable."
  type        = string
  default     = ""

  validation {
    condition     = var.emulator_endpoint == "" || can(regex("^http://(127\\.0\\.0\\.1|localhost):[0-9]+$", var.emulator_endpoint))
    error_message = "emulator_endpoint must be empty, or an address on loopback such as http://127.0.0.1:4566."
  }
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted, and the bucket to be deleted with objects in it. Switch it off, and apply, before a destroy."
  type        = bool
  default     = true
}

variable "key_recovery_days" {
  description = "How long the deleted key can be brought back, in days. Without it, nothing that was kept can be read."
  type        = number
  default     = 30

  validation {
    condition     = var.key_recovery_days >= 7 && var.key_recovery_days <= 30
    error_message = "key_recovery_days must be 7 to 30: KMS knows nothing else."
  }
}

variable "secret_recovery_days" {
  description = "How long deleted secrets can be brought back, in days; 0 deletes at once, so that the same prefix can be used again."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days must be 0, or 7 to 30: Secrets Manager knows nothing else."
  }
}

variable "old_versions_days" {
  description = "How long replaced and deleted objects are kept, in days."
  type        = number
  default     = 30

  validation {
    condition     = var.old_versions_days >= 1 && floor(var.old_versions_days) == var.old_versions_days
    error_message = "old_versions_days must be a whole number of days, at least 1."
  }
}

variable "archive_days" {
  description = "How long the bus's archive keeps events, in days; 0: for ever."
  type        = number
  default     = 90

  validation {
    condition     = var.archive_days >= 0 && floor(var.archive_days) == var.archive_days
    error_message = "archive_days must be a whole number of days, or 0 for ever."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "execution_log_level" {
  description = "What executions log: ERROR, or ALL for every transition. Payloads are never logged: they hold task tokens."
  type        = string
  default     = "ERROR"

  validation {
    condition     = contains(["OFF", "FATAL", "ERROR", "ALL"], var.execution_log_level)
    error_message = "execution_log_level must be OFF, FATAL, ERROR or ALL."
  }
}

variable "log_filter" {
  description = "What the functions log: levels, by target where wanted, such as info or tenantry_aws=debug,info."
  type        = string
  default     = "info"

  validation {
    condition     = can(regex("^[a-z0-9_:,=]+$", var.log_filter))
    error_message = "log_filter must be levels, by target where wanted, such as info or tenantry_aws=debug,info."
  }
}

variable "queue_concurrency" {
  description = "How many batches of a queue are worked on at once, by queue (2 to 1000)."
  type        = map(number)
  default     = { operations = 10, integrations = 20, webhooks = 50, execution-status = 5 }

  validation {
    condition     = alltrue([for queue, value in var.queue_concurrency : value >= 2 && value <= 1000])
    error_message = "queue_concurrency must be 2 to 1000 for each queue: Lambda knows nothing else."
  }

  validation {
    condition     = length(setsubtract(keys(var.queue_concurrency), keys(local.contract.queues))) == 0
    error_message = "queue_concurrency names a queue that is not there. The queues are operations, integrations, webhooks and execution-status."
  }
}

variable "reserved_concurrency" {
  description = "Concurrency kept for a function and taken from everybody else, by function; 0 stops it."
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.reserved_concurrency), keys(local.contract.functions))) == 0
    error_message = "reserved_concurrency names a function that is not there. generated/functions.json lists them."
  }

  validation {
    condition     = alltrue([for function, value in var.reserved_concurrency : value >= 0])
    error_message = "reserved_concurrency must not be negative."
  }
}

variable "authorizer_ttl_seconds" {
  description = "How long API Gateway remembers what was said of a token, in seconds (0 to 3600). A revoked token passes the door for at most that long; the API behind it looks again at each call."
  type        = number
  default     = 60

  validation {
    condition     = var.authorizer_ttl_seconds >= 0 && var.authorizer_ttl_seconds <= 3600
    error_message = "authorizer_ttl_seconds must be 0 to 3600. It bounds how long a revoked token still passes."
  }
}

variable "requests_per_second" {
  description = "Requests with a token per second, sustained; twice as many at once."
  type        = number
  default     = 500

  validation {
    condition     = var.requests_per_second >= 1
    error_message = "requests_per_second must be at least 1."
  }
}

variable "open_requests_per_second" {
  description = "Requests without a token (health, OpenAPI document, help) per second and route."
  type        = number
  default     = 20

  validation {
    condition     = var.open_requests_per_second >= 1
    error_message = "open_requests_per_second must be at least 1."
  }
}

variable "domain" {
  description = "A name of one's own, and the ARN of its certificate in this Region; null: the name that API Gateway gives."
  type        = object({ name = string, certificate_arn = string })
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^[a-z0-9.-]+\\.[a-z]+$", var.domain.name)) && can(regex("^arn:[^:]+:acm:", var.domain.certificate_arn))
    error_message = "domain must be { name = \"tenantry.example.com\", certificate_arn = \"arn:aws:acm:…\" }."
  }
}

variable "subscriber_account_ids" {
  description = "Other accounts that may keep rules of their own on the bus, which lead to buses of their own. A queue of another account needs none of it (modules/subscriber)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.subscriber_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "subscriber_account_ids must be ids of accounts: twelve digits each."
  }
}

variable "alarm_emails" {
  description = "Addresses that are told of alarms; each must confirm once."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", address))])
    error_message = "alarm_emails must be e-mail addresses."
  }
}

variable "alarm_thresholds" {
  description = "When somebody is told: age of the oldest message and the relay's lag in seconds, executions without success in five minutes, failed calls of a function in a hundred."
  type = object({
    message_age_seconds = optional(number, 600)
    stream_age_seconds  = optional(number, 120)
    failed_executions   = optional(number, 0)
    error_rate_percent  = optional(number, 25)
  })
  default = {}

  validation {
    condition     = alltrue([for name, value in var.alarm_thresholds : value >= 0]) && var.alarm_thresholds.error_rate_percent <= 100
    error_message = "alarm_thresholds must not be negative, and error_rate_percent at most 100."
  }
}

variable "error_rate_functions" {
  description = "Functions with an alarm over their rate of failed calls (0.20 USD a month each). What the others fail at has an alarm anyway: executions that fail, messages that age, dead letters, 5xx of the API."
  type        = set(string)
  default     = ["api", "relay"]

  validation {
    condition     = length(setsubtract(var.error_rate_functions, keys(local.contract.functions))) == 0
    error_message = "error_rate_functions names a function that is not there. generated/functions.json lists them."
  }
}

variable "monthly_budget_usd" {
  description = "Forecasts above this many USD a month are told of; 0: no budget."
  type        = number
  default     = 0

  validation {
    condition     = var.monthly_budget_usd >= 0
    error_message = "monthly_budget_usd must not be negative."
  }
}

variable "replica_region" {
  description = "A second Region that holds a replica of table, key and secrets, for a failover; empty: none."
  type        = string
  default     = ""

  validation {
    condition     = var.replica_region == "" || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.replica_region)) && var.replica_region != var.region
    error_message = "replica_region must be the name of another AWS Region than region, or empty."
  }

  validation {
    condition     = var.replica_region == "" || !var.standby
    error_message = "replica_region belongs to the primary Region; the standby one is the replica."
  }
}

variable "standby" {
  description = "Whether this Region is the second one: it uses the replicas that the primary Region made."
  type        = bool
  default     = false
}

variable "active" {
  description = "Whether queues, stream and schedules call the functions. False in the standby Region until a failover; only one Region may be active."
  type        = bool
  default     = true
}

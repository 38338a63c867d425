# A team that follows the tenants' lives: a queue of its own, and the module that this product offers.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "region" {
  type = string
}

variable "bus_name" {
  type = string
}

variable "queue_name" {
  type = string
}

provider "aws" {
  region                      = var.region
  skip_credentials_validation = true
  skip_metadata_api_check     = true

  endpoints {
    events = var.endpoint
    sqs    = var.endpoint
    sts    = var.endpoint
  }
}

resource "aws_sqs_queue" "events" {
  name = var.queue_name
}

module "subscriber" {
  source = "../../modules/subscriber"

  name               = "crm-tenants"
  description        = "Knows who is a customer"
  bus_name           = var.bus_name
  queue_arn          = aws_sqs_queue.events.arn
  queue_url          = aws_sqs_queue.events.url
  write_queue_policy = true
  pattern            = jsonencode({ source = ["tenantry"], "detail-type" = [{ prefix = "Tenant" }] })
}

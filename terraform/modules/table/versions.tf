terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
      # The Region that holds the replica of the table; unused where there is none.
      configuration_aliases = [aws.replica]
    }
  }
}

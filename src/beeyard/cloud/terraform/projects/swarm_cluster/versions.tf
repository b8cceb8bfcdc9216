terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 3.39, < 7.0"
    }
  }

  # Partial: bucket, key, region and locking are given to `terraform init -backend-config`.
  backend "s3" {}
}

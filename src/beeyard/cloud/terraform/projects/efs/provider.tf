provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, { "beeyard:cluster" = var.name })
  }
}

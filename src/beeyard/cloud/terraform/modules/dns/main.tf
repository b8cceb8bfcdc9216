locals {
  # The cluster's own name and everything below it: applications, registry, dashboards.
  names = { domain = var.domain, wildcard = "*.${var.domain}" }
}

data "aws_route53_zone" "this" {
  name         = var.zone
  private_zone = false
}

resource "aws_route53_record" "this" {
  # checkov:skip=CKV2_AWS_23:Its addresses are those of the project elastic_ips

  for_each = local.names

  zone_id = data.aws_route53_zone.this.zone_id
  name    = each.value
  type    = "A"
  ttl     = 60
  records = var.addresses
}

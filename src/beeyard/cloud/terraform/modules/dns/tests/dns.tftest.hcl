mock_provider "aws" {
  mock_data "aws_route53_zone" {
    defaults = {
      zone_id = "Z1"
    }
  }
}

variables {
  zone      = "example.com"
  domain    = "apps.example.com"
  addresses = ["198.51.100.2", "198.51.100.1"]
}

run "domain_and_all_below_it_lead_to_every_manager" {
  assert {
    condition = toset(output.records) == toset([
      { name = "apps.example.com", type = "A", values = tolist(["198.51.100.1", "198.51.100.2"]) },
      { name = "*.apps.example.com", type = "A", values = tolist(["198.51.100.1", "198.51.100.2"]) },
    ])
    error_message = "The domain and its wildcard must lead to every manager."
  }

  assert {
    condition     = data.aws_route53_zone.this.private_zone == false && alltrue([for record in aws_route53_record.this : record.zone_id == "Z1" && record.ttl == 60])
    error_message = "The records must lie in the public zone, and be forgotten after a minute."
  }
}

run "the_zone_itself" {
  variables {
    domain = "example.com"
  }

  assert {
    condition     = aws_route53_record.this["wildcard"].name == "*.example.com"
    error_message = "The domain may be the zone's own name."
  }
}

run "refuses_a_domain_elsewhere_and_no_address" {
  command = plan

  variables {
    domain    = "apps.example.org"
    addresses = []
  }

  expect_failures = [var.domain, var.addresses]
}

run "refuses_a_domain_that_only_ends_alike_and_an_address_that_is_none" {
  command = plan

  variables {
    domain    = "badexample.com"
    addresses = ["198.51.100.300"]
  }

  expect_failures = [var.domain, var.addresses]
}

run "refuses_a_zone_with_a_dot_at_its_end" {
  command = plan

  variables {
    zone = "example.com."
  }

  expect_failures = [var.zone]
}

mock_provider "aws" {}

variables {
  name     = "demo"
  vpc_cidr = "10.20.0.0/16"
  zones    = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
}

run "three_subnets_in_each_zone" {
  assert {
    condition = { for zone, subnet in output.manager_subnets : zone => subnet.cidr_block } == {
      eu-central-1a = "10.20.1.0/24"
      eu-central-1b = "10.20.2.0/24"
      eu-central-1c = "10.20.3.0/24"
    }
    error_message = "Managers must have blocks 1 to 5."
  }

  assert {
    condition     = [for subnet in aws_subnet.public : subnet.cidr_block] == ["10.20.6.0/24", "10.20.7.0/24", "10.20.8.0/24"]
    error_message = "Public subnets must have blocks 6 to 10."
  }

  assert {
    condition     = [for subnet in aws_subnet.private : subnet.cidr_block] == ["10.20.11.0/24", "10.20.12.0/24", "10.20.13.0/24"]
    error_message = "Private subnets must have blocks 11 to 15."
  }

  assert {
    condition     = alltrue([for tier in [aws_subnet.manager, aws_subnet.public, aws_subnet.private] : alltrue([for zone, subnet in tier : subnet.availability_zone == zone])])
    error_message = "A subnet must lie in the zone of its key."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_route.nat) == 0 && length(aws_eip.nat) == 0
    error_message = "Without NAT the private subnets must have no way out."
  }

  assert {
    condition     = aws_route.internet.gateway_id == aws_internet_gateway.this.id && aws_vpc.this.enable_dns_hostnames
    error_message = "Public subnets must reach the internet, and the VPC must resolve EFS and RDS names."
  }

  assert {
    condition = alltrue([
      for association in concat(values(aws_route_table_association.manager), values(aws_route_table_association.public)) :
      association.route_table_id == aws_route_table.public.id
    ])
    error_message = "The subnets of managers and the public ones must use the route to the internet."
  }

  assert {
    condition = alltrue([
      for zone, association in aws_route_table_association.private :
      association.route_table_id == aws_route_table.private[zone].id
    ])
    error_message = "Each private subnet must use its own zone's table."
  }
}

run "a_further_zone_moves_no_subnet" {
  variables {
    zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c", "eu-central-1d"]
  }

  assert {
    condition = alltrue([
      for zone, subnet in run.three_subnets_in_each_zone.manager_subnets : output.manager_subnets[zone] == subnet
    ])
    error_message = "Subnets that exist must stay as they are."
  }
}

run "nat_in_every_zone" {
  variables {
    nat = true
  }

  assert {
    condition = alltrue([
      for zone in var.zones :
      aws_route.nat[zone].nat_gateway_id == aws_nat_gateway.this[zone].id &&
      aws_route.nat[zone].route_table_id == aws_route_table.private[zone].id &&
      aws_nat_gateway.this[zone].subnet_id == aws_subnet.public[zone].id
    ])
    error_message = "Each zone's private subnet must go out through its own zone's gateway."
  }
}

run "smallest_vpc_with_most_zones" {
  command = plan

  variables {
    vpc_cidr = "10.20.0.0/22"
    zones    = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1f"]
  }

  assert {
    condition     = aws_subnet.manager["us-east-1a"].cidr_block == "10.20.0.64/26" && aws_subnet.private["us-east-1f"].cidr_block == "10.20.3.192/26"
    error_message = "The first of sixteen blocks must stay free and the last be used."
  }

  assert {
    condition = length(distinct([
      for subnet in concat(values(aws_subnet.manager), values(aws_subnet.public), values(aws_subnet.private)) : subnet.cidr_block
    ])) == 15
    error_message = "No two subnets may share a block."
  }
}

run "middle_size" {
  command = plan

  variables {
    vpc_cidr = "10.20.32.0/20"
  }

  assert {
    condition     = aws_subnet.private["eu-central-1a"].cidr_block == "10.20.43.0/24"
    error_message = "A /20 must be cut into sixteen /24."
  }
}

run "refuses_a_small_vpc_and_no_zone" {
  command = plan

  variables {
    vpc_cidr = "10.20.0.0/23"
    zones    = []
  }

  expect_failures = [var.vpc_cidr, var.zones]
}

run "refuses_a_large_vpc_and_a_sixth_zone" {
  command = plan

  variables {
    vpc_cidr = "10.0.0.0/8"
    zones    = ["a", "b", "c", "d", "e", "f"]
  }

  expect_failures = [var.vpc_cidr, var.zones]
}

run "refuses_host_bits_and_a_zone_twice" {
  command = plan

  variables {
    vpc_cidr = "10.20.1.0/16"
    zones    = ["eu-central-1a", "eu-central-1a"]
  }

  expect_failures = [var.vpc_cidr, var.zones]
}

locals {
  # A subnet is a /24, or a sixteenth of the VPC where that is less. Sixteen blocks: block 0 stays unused (the VPC's
  # router and resolver live at its start), then five for each tier, one per zone.
  new_bits    = max(4, 24 - tonumber(split("/", var.vpc_cidr)[1]))
  first_block = { manager = 1, public = 6, private = 11 }
  cidrs = {
    for tier, first in local.first_block : tier => {
      for index, zone in var.zones : zone => cidrsubnet(var.vpc_cidr, local.new_bits, first + index)
    }
  }
  nat_zones = var.nat ? toset(var.zones) : toset([])
}

resource "aws_vpc" "this" {
  # checkov:skip=CKV2_AWS_11:Flow logs cost by the gigabyte; a team adds them where it reads them
  # checkov:skip=CKV2_AWS_12:Nothing is in the default group: all that is made names groups of its own

  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

# Managers have subnets of their own, so that no address handed out by AWS can ever take one of their fixed ones.
resource "aws_subnet" "manager" {
  for_each = local.cidrs.manager

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-manager-${each.key}" }
}

resource "aws_subnet" "public" {
  for_each = local.cidrs.public

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "private" {
  for_each = local.cidrs.private

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "manager" {
  for_each = aws_subnet.manager

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

# One table, and with NAT one gateway, per zone: the loss of a zone must not cut off the workers of another.
resource "aws_route_table" "private" {
  for_each = aws_subnet.private

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}

resource "aws_eip" "nat" {
  # checkov:skip=CKV2_AWS_19:It belongs to a NAT gateway

  for_each = local.nat_zones

  tags = { Name = "${var.name}-nat-${each.key}" }
}

resource "aws_nat_gateway" "this" {
  for_each = local.nat_zones

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${var.name}-${each.key}" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route" "nat" {
  for_each = local.nat_zones

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[each.key].id
}

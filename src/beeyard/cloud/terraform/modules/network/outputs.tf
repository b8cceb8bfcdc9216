output "vpc_id" {
  description = "ID of the VPC."
  value       = aws_vpc.this.id
}

output "vpc_cidr" {
  description = "IPv4 block of the VPC."
  value       = aws_vpc.this.cidr_block
}

# Subnets are given once their way out works: an Elastic IP can't be associated before, and no node boots cut off.
output "manager_subnets" {
  description = "ID and block of the subnet for managers in each zone, keyed by zone."
  value = {
    for zone, subnet in aws_subnet.manager : zone => {
      id         = subnet.id
      cidr_block = subnet.cidr_block
    }
  }
  depends_on = [aws_route.internet, aws_route_table_association.manager]
}

output "public_subnet_ids" {
  description = "ID of the public subnet of each zone, keyed by zone."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
  depends_on  = [aws_route.internet, aws_route_table_association.public]
}

output "private_subnet_ids" {
  description = "ID of the private subnet of each zone, keyed by zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
  depends_on  = [aws_route.nat, aws_route_table_association.private]
}

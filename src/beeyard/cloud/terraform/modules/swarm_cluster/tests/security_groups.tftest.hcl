mock_provider "aws" {
  mock_data "aws_ami" {
    defaults = {
      id = "ami-0123456789abcdef0"
    }
  }
}

variables {
  name              = "demo"
  vpc_id            = "vpc-1"
  manager_subnets   = { zone-a = { id = "subnet-ma", cidr_block = "10.20.1.0/24" } }
  worker_subnet_ids = { zone-a = "subnet-wa" }
  managers          = { manager-1 = { zone = "zone-a", instance_type = "t3.small" } }
  workers           = { worker-1 = { zone = "zone-a", instance_type = "t3.small" } }
  ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7s1YwzVw0Qf3bq2Vb3sJ6m3e9sN8nq2gYwqI0m3o1a"
  ssh_allowed_cidrs = ["198.51.100.0/24", "203.0.113.7/32"]
}

run "as_narrow_as_swarm_allows" {
  assert {
    condition = toset(aws_instance.node["manager-1"].vpc_security_group_ids) == toset([
      output.node_security_group_ids.node, output.node_security_group_ids.manager,
    ])
    error_message = "A manager must have the groups node and manager alone."
  }

  assert {
    condition = toset(aws_instance.node["worker-1"].vpc_security_group_ids) == toset([
      output.node_security_group_ids.node, output.node_security_group_ids.worker,
    ])
    error_message = "A worker must have the groups node and worker alone."
  }

  assert {
    condition = toset([
      for rule in aws_security_group_rule.between_nodes : "${rule.protocol}/${rule.from_port}-${rule.to_port}"
    ]) == toset(["tcp/7946-7946", "udp/7946-7946", "udp/4789-4789", "50/0-0"])
    error_message = "Between nodes: 7946 over TCP and UDP, 4789 over UDP, and ESP."
  }

  assert {
    condition = alltrue([
      for rule in aws_security_group_rule.between_nodes :
      rule.type == "ingress" && rule.self == true && rule.cidr_blocks == null && rule.security_group_id == aws_security_group.node.id
    ])
    error_message = "Swarm's own ports must be open to nodes alone."
  }

  assert {
    condition = (
      aws_security_group_rule.manager_from_nodes.from_port == 2377 &&
      aws_security_group_rule.manager_from_nodes.to_port == 2377 &&
      aws_security_group_rule.manager_from_nodes.protocol == "tcp" &&
      aws_security_group_rule.manager_from_nodes.cidr_blocks == null &&
      aws_security_group_rule.manager_from_nodes.source_security_group_id == aws_security_group.node.id &&
      aws_security_group_rule.manager_from_nodes.security_group_id == aws_security_group.manager.id
    )
    error_message = "2377 must be open on managers, to nodes alone."
  }

  assert {
    condition = toset([
      for rule in aws_security_group_rule.manager_from_world : "${rule.protocol}/${rule.from_port}-${rule.to_port}"
    ]) == toset(["tcp/80-80", "tcp/443-443"])
    error_message = "The world may reach ports 80 and 443 alone."
  }

  assert {
    condition     = alltrue([for rule in aws_security_group_rule.manager_from_world : rule.security_group_id == aws_security_group.manager.id])
    error_message = "The world may reach managers alone."
  }

  assert {
    condition = (
      aws_security_group_rule.manager_ssh[0].from_port == 22 &&
      aws_security_group_rule.manager_ssh[0].to_port == 22 &&
      toset(aws_security_group_rule.manager_ssh[0].cidr_blocks) == toset(var.ssh_allowed_cidrs) &&
      aws_security_group_rule.manager_ssh[0].security_group_id == aws_security_group.manager.id
    )
    error_message = "SSH must be open on managers to the allowed networks."
  }

  assert {
    condition = (
      aws_security_group_rule.worker_ssh.from_port == 22 &&
      aws_security_group_rule.worker_ssh.to_port == 22 &&
      aws_security_group_rule.worker_ssh.cidr_blocks == null &&
      aws_security_group_rule.worker_ssh.source_security_group_id == aws_security_group.manager.id &&
      aws_security_group_rule.worker_ssh.security_group_id == aws_security_group.worker.id
    )
    error_message = "SSH must be open on workers to managers alone."
  }

  assert {
    condition     = aws_security_group_rule.node_egress.type == "egress" && aws_security_group_rule.node_egress.protocol == "-1"
    error_message = "Nodes must be able to reach everything."
  }
}

run "no_ssh_without_networks" {
  variables {
    ssh_allowed_cidrs = []
  }

  assert {
    condition     = length(aws_security_group_rule.manager_ssh) == 0
    error_message = "Without allowed networks nobody may reach SSH from outside."
  }
}

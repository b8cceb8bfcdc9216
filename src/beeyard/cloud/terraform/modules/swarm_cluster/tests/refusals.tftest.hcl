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
  ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7s1YwzVw0Qf3bq2Vb3sJ6m3e9sN8nq2gYwqI0m3o1a"
  ssh_allowed_cidrs = ["198.51.100.0/24"]
}

run "refuses_no_manager_and_other_names_and_types" {
  command = plan

  variables {
    managers          = {}
    workers           = { node-1 = { zone = "zone-a", instance_type = "t3.small" } }
    ssh_user          = "root"
    ssh_public_key    = "-----BEGIN OPENSSH PRIVATE KEY-----"
    ssh_allowed_cidrs = ["198.51.100.7"]
    ami_id            = "debian-12"
    architecture      = "amd64"
    root_volume_size  = 4
  }

  expect_failures = [var.managers, var.workers, var.ssh_user, var.ssh_public_key, var.ssh_allowed_cidrs, var.ami_id, var.architecture, var.root_volume_size]
}

run "refuses_another_name_a_foreign_zone_an_ipv6_network_and_half_a_gibibyte" {
  command = plan

  variables {
    managers          = { leader = { zone = "zone-a", instance_type = "t3.small" } }
    workers           = { worker-1 = { zone = "zone-z", instance_type = "t3.small" } }
    ssh_public_key    = "ecdsa-sha2-nistp256 AAAA"
    ssh_allowed_cidrs = ["2001:db8::/32"]
    root_volume_size  = 20.5
  }

  expect_failures = [var.managers, var.workers, var.ssh_public_key, var.ssh_allowed_cidrs, var.root_volume_size]
}

run "refuses_number_zero_and_an_address_that_is_none" {
  command = plan

  variables {
    managers = { manager-0 = { zone = "zone-a", instance_type = "t3.small" } }
    workers  = { worker-1 = { zone = "zone-a", instance_type = "t3.small", private_ip = "ten" } }
  }

  expect_failures = [var.managers, var.workers]
}

run "refuses_a_number_beyond_the_subnet" {
  command = plan

  variables {
    managers = { manager-53 = { zone = "zone-a", instance_type = "t3.small" } }
  }

  expect_failures = [var.managers]
}

run "refuses_a_manager_in_a_foreign_zone" {
  command = plan

  variables {
    managers = { manager-1 = { zone = "zone-z", instance_type = "t3.small" } }
  }

  expect_failures = [var.managers]
}

run "refuses_a_manager_at_no_address" {
  command = plan

  variables {
    managers = { manager-1 = { zone = "zone-a", instance_type = "t3.small", private_ip = "10.20.1.300" } }
  }

  expect_failures = [var.managers]
}

run "refuses_rights_in_what_is_no_repository" {
  command = plan

  variables {
    ecr = { pull = ["*"], push = [] }
  }

  expect_failures = [var.ecr]
}

run "refuses_rights_in_nothing" {
  command = plan

  variables {
    ecr = { pull = [], push = [] }
  }

  expect_failures = [var.ecr]
}

mock_provider "aws" {
  mock_data "aws_ami" {
    defaults = {
      id = "ami-0123456789abcdef0"
    }
  }
}

variables {
  name   = "demo"
  vpc_id = "vpc-1"
  manager_subnets = {
    zone-a = { id = "subnet-ma", cidr_block = "10.20.1.0/24" }
    zone-b = { id = "subnet-mb", cidr_block = "10.20.2.0/24" }
  }
  worker_subnet_ids = { zone-a = "subnet-wa", zone-b = "subnet-wb" }
  managers = {
    manager-1 = { zone = "zone-a", instance_type = "t3.small" }
    manager-2 = { zone = "zone-b", instance_type = "t3.small" }
    manager-3 = { zone = "zone-a", instance_type = "t3.small", private_ip = "10.20.1.99" }
  }
  workers = {
    worker-1 = { zone = "zone-b", instance_type = "t3.medium" }
    worker-2 = { zone = "zone-a", instance_type = "t3.large" }
    worker-3 = { zone = "zone-b", instance_type = "t3.large" }
  }
  elastic_ips = {
    manager-1 = { allocation_id = "eipalloc-1", public_ip = "198.51.100.1" }
    manager-2 = { allocation_id = "eipalloc-2", public_ip = "198.51.100.2" }
    manager-9 = { allocation_id = "eipalloc-9", public_ip = "198.51.100.9" }
  }
  ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7s1YwzVw0Qf3bq2Vb3sJ6m3e9sN8nq2gYwqI0m3o1a"
  ssh_allowed_cidrs = ["198.51.100.0/24"]
}

run "whole" {
  assert {
    condition     = keys(aws_instance.node) == ["manager-1", "manager-2", "manager-3", "worker-1", "worker-2", "worker-3"]
    error_message = "Nodes must be keyed by name."
  }

  assert {
    condition = { for node, instance in aws_instance.node : node => instance.subnet_id } == {
      manager-1 = "subnet-ma"
      manager-2 = "subnet-mb"
      manager-3 = "subnet-ma"
      worker-1  = "subnet-wb"
      worker-2  = "subnet-wa"
      worker-3  = "subnet-wb"
    }
    error_message = "Every node must lie in its role's subnet of its own zone."
  }

  assert {
    condition = { for node in keys(var.managers) : node => aws_instance.node[node].private_ip } == {
      manager-1 = "10.20.1.11"
      manager-2 = "10.20.2.12"
      manager-3 = "10.20.1.99"
    }
    error_message = "A manager's address must follow from its number, or be the one that was given."
  }

  assert {
    condition = alltrue([
      for instance in aws_instance.node :
      instance.metadata_options[0].http_tokens == "required" && instance.metadata_options[0].http_put_response_hop_limit == 1
    ])
    error_message = "IMDSv2 must be required, with hop limit 1, so that containers can't reach it."
  }

  assert {
    condition = alltrue([
      for instance in aws_instance.node :
      instance.root_block_device[0].encrypted && instance.root_block_device[0].volume_type == "gp3" && instance.root_block_device[0].volume_size == 30
    ])
    error_message = "Root volumes must be encrypted gp3 of the wanted size."
  }

  assert {
    condition = aws_instance.node["worker-2"].tags == tomap({
      "Name"         = "demo-worker-2"
      "beeyard:node" = "worker-2"
      "beeyard:role" = "worker"
    })
    error_message = "A node must carry its name and role."
  }

  assert {
    condition     = alltrue([for instance in aws_instance.node : instance.ami == "ami-0123456789abcdef0"])
    error_message = "Without ami_id the nodes must run the image that was looked up."
  }

  assert {
    condition     = { for node, association in aws_eip_association.manager : node => association.allocation_id } == { manager-1 = "eipalloc-1", manager-2 = "eipalloc-2" }
    error_message = "Each manager must get the address of its own name, and an address without its manager must stay unused."
  }

  assert {
    condition     = alltrue([for node, association in aws_eip_association.manager : association.instance_id == aws_instance.node[node].id])
    error_message = "An address must lead to the manager of its name."
  }

  assert {
    condition     = output.nodes["manager-1"].public_ip == "198.51.100.1" && output.nodes["worker-2"].instance_type == "t3.large"
    error_message = "nodes must say each node's own address and type."
  }
}

run "removing_two_nodes_touches_no_other" {
  variables {
    managers = {
      manager-1 = { zone = "zone-a", instance_type = "t3.small" }
      manager-3 = { zone = "zone-a", instance_type = "t3.small", private_ip = "10.20.1.99" }
    }
    workers = {
      worker-1 = { zone = "zone-b", instance_type = "t3.medium" }
      worker-3 = { zone = "zone-b", instance_type = "t3.large" }
    }
  }

  assert {
    condition     = output.nodes == { for node, facts in run.whole.nodes : node => facts if !endswith(node, "-2") }
    error_message = "The other nodes must stay the same instances at the same addresses."
  }

  assert {
    condition     = keys(aws_eip_association.manager) == ["manager-1"]
    error_message = "Only the removed manager may lose its address."
  }
}

run "adding_a_node_touches_no_other" {
  variables {
    managers = {
      manager-1 = { zone = "zone-a", instance_type = "t3.small" }
      manager-2 = { zone = "zone-b", instance_type = "t3.small" }
      manager-3 = { zone = "zone-a", instance_type = "t3.small", private_ip = "10.20.1.99" }
    }
    workers = {
      worker-1  = { zone = "zone-b", instance_type = "t3.medium" }
      worker-3  = { zone = "zone-b", instance_type = "t3.large" }
      worker-10 = { zone = "zone-a", instance_type = "t3.large" }
    }
  }

  assert {
    condition = alltrue([
      for node, facts in run.removing_two_nodes_touches_no_other.nodes : output.nodes[node] == facts
    ])
    error_message = "Nodes that were there must stay as they are."
  }

  assert {
    condition     = aws_instance.node["manager-2"].private_ip == "10.20.2.12"
    error_message = "A manager that comes back must have its old address."
  }
}

run "a_newer_image_replaces_no_node" {
  variables {
    ami_id = "ami-0fedcba9876543210"
    workers = {
      worker-1 = { zone = "zone-b", instance_type = "t3.medium" }
      worker-4 = { zone = "zone-b", instance_type = "t3.medium" }
    }
  }

  assert {
    condition     = aws_instance.node["worker-1"].id == run.whole.nodes["worker-1"].instance_id && aws_instance.node["worker-1"].ami == "ami-0123456789abcdef0"
    error_message = "A node that runs must keep its image."
  }

  assert {
    condition     = aws_instance.node["worker-4"].ami == "ami-0fedcba9876543210"
    error_message = "A new node must get the image that was asked for."
  }
}

run "image_of_the_architecture" {
  command = plan

  variables {
    architecture = "arm64"
  }

  assert {
    condition     = toset(flatten([for filter in data.aws_ami.debian[0].filter : tolist(filter.values)])) == toset(["debian-12-arm64-*", "arm64"])
    error_message = "The image must be Debian's of the wanted architecture."
  }

  assert {
    condition     = data.aws_ami.debian[0].owners == tolist(["136693071363"]) && data.aws_ami.debian[0].most_recent
    error_message = "The image must be the newest of Debian's own account."
  }
}

run "workers_behind_nat_have_no_public_address" {
  command = plan

  variables {
    worker_public_addresses = false
    workers                 = { worker-7 = { zone = "zone-a", instance_type = "t3.small" } }
  }

  assert {
    condition     = aws_instance.node["worker-7"].associate_public_ip_address == false
    error_message = "A worker behind NAT must not be reachable."
  }
}

run "profile_without_rights" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role.node.assume_role_policy).Statement[0].Principal.Service == "ec2.amazonaws.com"
    error_message = "Only EC2 may take the nodes' role."
  }

  assert {
    condition     = length(aws_iam_role_policy.ecr) == 0
    error_message = "Without repositories, nobody may have a right."
  }
}

run "managers_and_nobody_else_may_use_ecr" {
  variables {
    ecr = {
      pull = ["arn:aws:ecr:eu-central-1:123456789012:repository/team/*"]
      push = ["arn:aws:ecr:eu-central-1:123456789012:repository/team/shop"]
    }
  }

  assert {
    condition = { for node, instance in aws_instance.node : node => instance.iam_instance_profile } == merge(
      { for node in keys(var.managers) : node => aws_iam_instance_profile.manager.name },
      { for node in keys(var.workers) : node => aws_iam_instance_profile.node.name },
    )
    error_message = "Managers must have the profile with rights, workers the one without."
  }

  assert {
    condition     = aws_iam_instance_profile.manager.role == aws_iam_role.manager.name && aws_iam_role_policy.ecr[0].role == aws_iam_role.manager.id
    error_message = "Profile and rights must be of the managers' role."
  }

  assert {
    condition     = jsondecode(aws_iam_role.manager.assume_role_policy).Statement[0].Principal.Service == "ec2.amazonaws.com"
    error_message = "Only EC2 may take the managers' role."
  }

  assert {
    condition = { for one in jsondecode(aws_iam_role_policy.ecr[0].policy).Statement : one.Sid => tolist(one.Resource) } == {
      SignIn = tolist(["*"])
      Pull   = var.ecr.pull
      Push   = var.ecr.push
    }
    error_message = "Rights must be for the repositories that are named; only the sign-in has none."
  }

  assert {
    condition     = toset(flatten([for one in jsondecode(aws_iam_role_policy.ecr[0].policy).Statement : one.Action if one.Sid == "SignIn"])) == toset(["ecr:GetAuthorizationToken"])
    error_message = "What is allowed everywhere must be the sign-in alone."
  }

  assert {
    condition     = alltrue([for one in jsondecode(aws_iam_role_policy.ecr[0].policy).Statement : one.Effect == "Allow" && alltrue([for action in one.Action : startswith(action, "ecr:") && !strcontains(action, "*") && !strcontains(action, "Delete")])])
    error_message = "No right may be a pattern, or one to delete."
  }
}

run "nothing_to_push" {
  command = plan

  variables {
    ecr = {
      pull = ["arn:aws-cn:ecr:cn-north-1:123456789012:repository/*"]
      push = []
    }
  }

  assert {
    condition     = [for one in jsondecode(aws_iam_role_policy.ecr[0].policy).Statement : one.Sid] == ["SignIn", "Pull"]
    error_message = "A statement without a resource is none that IAM takes."
  }
}

run "managers_put_backups_and_read_none" {
  variables {
    backup_objects = ["arn:aws:s3:::demo-state/backups/*/data.age"]
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.backups[0].policy).Statement == [{
      Sid      = "Put"
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:PutObject"]
      Resource = ["arn:aws:s3:::demo-state/backups/*/data.age"]
    }]
    error_message = "Managers may put backups, and nothing else of them."
  }
}

run "without_a_schedule_no_rights" {
  assert {
    condition     = length(aws_iam_role_policy.backups) == 0
    error_message = "Without objects named there must be no policy."
  }
}

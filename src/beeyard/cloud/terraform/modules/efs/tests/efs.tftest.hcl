mock_provider "aws" {
  mock_resource "aws_efs_file_system" {
    defaults = { arn = "arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-1" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/demo-backup" }
  }
}

variables {
  name                      = "demo"
  vpc_id                    = "vpc-1"
  subnet_ids                = { zone-a = "subnet-a", zone-b = "subnet-b", zone-c = "subnet-c" }
  client_security_group_ids = { nodes = "sg-nodes" }
}

run "encrypted_with_a_target_in_every_zone" {
  assert {
    condition     = aws_efs_file_system.this.encrypted
    error_message = "The file system must be encrypted."
  }

  assert {
    condition     = tomap({ for zone, target in aws_efs_mount_target.this : zone => target.subnet_id }) == var.subnet_ids
    error_message = "Every zone must have a mount target in its own subnet."
  }

  assert {
    condition     = alltrue([for target in aws_efs_mount_target.this : target.security_groups == toset([aws_security_group.this.id])])
    error_message = "Mount targets must have their own security group alone."
  }

  assert {
    condition = (
      keys(aws_security_group_rule.nfs) == ["nodes"] &&
      aws_security_group_rule.nfs["nodes"].type == "ingress" &&
      aws_security_group_rule.nfs["nodes"].protocol == "tcp" &&
      aws_security_group_rule.nfs["nodes"].from_port == 2049 &&
      aws_security_group_rule.nfs["nodes"].to_port == 2049 &&
      aws_security_group_rule.nfs["nodes"].cidr_blocks == null &&
      aws_security_group_rule.nfs["nodes"].source_security_group_id == "sg-nodes" &&
      aws_security_group_rule.nfs["nodes"].security_group_id == aws_security_group.this.id
    )
    error_message = "NFS must be open to nodes alone."
  }

  assert {
    condition     = length(aws_efs_file_system.this.lifecycle_policy) == 0
    error_message = "Files must stay where they are unless asked otherwise."
  }
}

run "removing_a_zone_keeps_the_other_targets" {
  variables {
    subnet_ids = { zone-a = "subnet-a", zone-c = "subnet-c" }
  }

  assert {
    condition     = output.mount_targets == { for zone, address in run.encrypted_with_a_target_in_every_zone.mount_targets : zone => address if zone != "zone-b" }
    error_message = "The other zones' mount targets must stay the same."
  }
}

run "moves_old_files_where_wanted" {
  variables {
    transition_to_ia_days = 30
  }

  assert {
    condition     = aws_efs_file_system.this.lifecycle_policy[0].transition_to_ia == "AFTER_30_DAYS"
    error_message = "Files must move after 30 days."
  }
}

run "refuses_other_days_and_no_zone" {
  command = plan

  variables {
    transition_to_ia_days = 10
    subnet_ids            = {}
  }

  expect_failures = [var.transition_to_ia_days, var.subnet_ids]
}

run "nothing_of_aws_backup_unless_wanted" {
  assert {
    condition     = length(aws_backup_plan.this) + length(aws_backup_selection.this) + length(aws_iam_role.backup) == 0
    error_message = "Without backup there must be nothing of it."
  }
}

run "aws_backup_copies_the_file_system" {
  variables {
    backup = { vault = "demo-vault", schedule = "cron(0 3 * * ? *)", days = 35 }
  }

  assert {
    condition = alltrue([for rule in aws_backup_plan.this[0].rule :
      rule.target_vault_name == "demo-vault" && rule.schedule == "cron(0 3 * * ? *)" && rule.lifecycle[0].delete_after == 35
    ])
    error_message = "The plan must say what is wanted."
  }

  assert {
    condition     = toset(aws_backup_selection.this[0].resources) == toset([aws_efs_file_system.this.arn])
    error_message = "The file system, and nothing else, must be copied."
  }

  assert {
    condition     = aws_iam_role_policy_attachment.backup["ForBackup"].policy_arn == "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
    error_message = "The role must have AWS's own policy for backups."
  }
}

run "a_schedule_that_is_none_is_refused" {
  command = plan

  variables {
    backup = { vault = "demo-vault", schedule = "daily", days = 35 }
  }

  expect_failures = [var.backup]
}

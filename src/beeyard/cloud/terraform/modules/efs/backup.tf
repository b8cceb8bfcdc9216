# The vault is not ours: one of Terraform's could not be destroyed while it holds anything, and what it holds is to outlive the file
# system.
resource "aws_backup_plan" "this" {
  count = var.backup == null ? 0 : 1

  name = "${var.name}-files"

  rule {
    rule_name         = "daily"
    target_vault_name = var.backup.vault
    schedule          = var.backup.schedule

    lifecycle {
      delete_after = var.backup.days
    }
  }

  tags = { Name = "${var.name}-files" }
}

resource "aws_backup_selection" "this" {
  count = var.backup == null ? 0 : 1

  name         = "${var.name}-files"
  plan_id      = aws_backup_plan.this[0].id
  iam_role_arn = aws_iam_role.backup[0].arn
  resources    = [aws_efs_file_system.this.arn]

  # Without its rights, the first run would fail.
  depends_on = [aws_iam_role_policy_attachment.backup]
}

resource "aws_iam_role" "backup" {
  count = var.backup == null ? 0 : 1

  name_prefix = "${var.name}-backup-"
  description = "AWS Backup, for the shared files of ${var.name}."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "backup.amazonaws.com" }
    }]
  })

  tags = { Name = "${var.name}-backup" }
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each = var.backup == null ? toset([]) : toset(["ForBackup", "ForRestores"])

  role       = aws_iam_role.backup[0].name
  policy_arn = "arn:${split(":", aws_efs_file_system.this.arn)[1]}:iam::aws:policy/service-role/AWSBackupServiceRolePolicy${each.key}"
}

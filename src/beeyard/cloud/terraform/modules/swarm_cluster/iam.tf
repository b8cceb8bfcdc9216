locals {
  assume_by_ec2 = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

# No policy is attached: nothing on a node calls AWS. The profile exists so that rights can be added to running nodes.
resource "aws_iam_role" "node" {
  name_prefix = "${var.name}-node-"
  description = "Nodes of the swarm ${var.name}: no rights."

  assume_role_policy = local.assume_by_ec2

  tags = { Name = "${var.name}-node" }
}

resource "aws_iam_instance_profile" "node" {
  name_prefix = "${var.name}-node-"
  role        = aws_iam_role.node.name

  tags = { Name = "${var.name}-node" }
}

# Managers have one of their own, so that rights which the controller needs are not the workers' as well, on which pipelines
# run. Such rights come and go with the policy; no instance is touched.
resource "aws_iam_role" "manager" {
  name_prefix = "${var.name}-manager-"
  description = "Managers of the swarm ${var.name}: images in Amazon ECR, or no rights."

  assume_role_policy = local.assume_by_ec2

  tags = { Name = "${var.name}-manager" }
}

resource "aws_iam_role_policy" "ecr" {
  count = var.ecr == null ? 0 : 1

  name_prefix = "ecr-"
  role        = aws_iam_role.manager.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "SignIn"
          Effect   = "Allow"
          Action   = ["ecr:GetAuthorizationToken"]
          Resource = ["*"]
        },
        {
          Sid      = "Pull"
          Effect   = "Allow"
          Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
          Resource = var.ecr.pull
        },
      ],
      [for resources in [var.ecr.push] : {
        Sid    = "Push"
        Effect = "Allow"
        Action = [
          "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
        ]
        Resource = resources
      } if length(resources) > 0],
    )
  })
}

# Of backups, managers put what they took, and its manifest: they read and delete none. The bucket keeps versions, so one that is
# put once more is not lost.
resource "aws_iam_role_policy" "backups" {
  count = length(var.backup_objects) == 0 ? 0 : 1

  name_prefix = "backups-"
  role        = aws_iam_role.manager.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Put"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:PutObject"]
        Resource = var.backup_objects
      },
    ]
  })
}

resource "aws_iam_instance_profile" "manager" {
  name_prefix = "${var.name}-manager-"
  role        = aws_iam_role.manager.name

  tags = { Name = "${var.name}-manager" }
}
